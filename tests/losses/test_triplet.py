"""Triplet loss."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner
from pytorch_metric_learning.reducers import DoNothingReducer

from lossbench.losses.triplet import Triplet, triplet
from lossbench.task import Target


def reference(
    output: torch.Tensor, target: torch.Tensor, margin: float, mining: str, normalize: bool
) -> torch.Tensor:
    """Value per anchor (N,) by pytorch-metric-learning; anchors without a triplet have 0."""
    distance = LpDistance(normalize_embeddings=normalize, p=2, power=1)
    loss = TripletMarginLoss(margin=margin, distance=distance, reducer=DoNothingReducer())
    mined = BatchHardMiner(distance=distance)(output, target) if mining == "hard" else None
    part = loss(output, target, mined)["loss"]
    total, count = torch.zeros(2, len(output), dtype=output.dtype).unbind()
    anchors = part["indices"][0]
    total.index_add_(0, anchors, part["losses"])
    count.index_add_(0, anchors, torch.ones_like(part["losses"]))
    return total / count.clamp(min=1)


class TestTriplet:
    def test_one_triplet(self) -> None:
        output, target = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([0, 0, 1])
        for mining in ("all", "hard"):
            values = triplet(output, target, margin=2.5, mining=mining, normalize=False)
            assert values.tolist() == [0.5, 1.5, 0.0]

    @pytest.mark.parametrize("mining", ["all", "hard"])
    @pytest.mark.parametrize("normalize", [False, True])
    @pytest.mark.parametrize("margin", [0.2, 1.0])
    def test_batch_equals_pytorch_metric_learning(self, mining: str, normalize: bool, margin: float) -> None:
        output, target = torch.randn(24, 4, dtype=torch.float64), torch.randint(0, 6, (24,))
        target[0] = 9  # an anchor without a positive
        ours = triplet(output, target, margin=margin, mining=mining, normalize=normalize)
        torch.testing.assert_close(ours, reference(output, target, margin, mining, normalize))
        assert ours[0] == 0

    @pytest.mark.parametrize("shapes", [((4,), (4,)), ((4, 2), (3,)), ((4, 2), (4, 2)), ((2, 4, 2), (2, 4))])
    def test_wrong_shape(self, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        with pytest.raises(ValueError, match="embedding"):
            triplet(torch.zeros(shapes[0]), torch.zeros(shapes[1], dtype=torch.int64))

    def test_wrong_words(self) -> None:
        with pytest.raises(ValueError, match="mining"):
            triplet(torch.zeros(2, 2), torch.tensor([0, 1]), mining="soft")

    def test_hand_values(self) -> None:
        # On a line, anchor 0 at 0: positives at 1 and 2, negatives at 2.5 and -4; margin 1.
        output = torch.tensor([[0.0], [1.0], [2.0], [2.5], [-4.0]])
        target = torch.tensor([0, 0, 0, 1, 2])
        assert triplet(output, target, margin=1.0, mining="hard", normalize=False)[0].item() == 0.5
        assert triplet(output, target, margin=1.0, mining="all", normalize=False)[0].item() == 0.125

    @pytest.mark.parametrize("normalize", [False, True])
    @pytest.mark.parametrize("mining", ["all", "hard"])
    def test_gradients(self, normalize: bool, mining: str) -> None:
        output = torch.randn(8, 3, dtype=torch.float64, requires_grad=True)
        target = torch.randint(0, 3, (8,))
        assert torch.autograd.gradcheck(
            lambda o: triplet(o, target, margin=0.7, mining=mining, normalize=normalize), output
        )

    @given(st.floats(0, 10), st.floats(0.1, 5), st.floats(0.001, 10), st.sampled_from(["all", "hard"]))
    def test_zero_once_the_negative_is_farther_by_the_margin(
        self, positive: float, margin: float, more: float, mining: str
    ) -> None:
        def anchor(negative: float) -> float:
            output = torch.tensor([[0.0], [positive], [-negative]], dtype=torch.float64)
            target = torch.tensor([0, 0, 1])
            return triplet(output, target, margin=margin, mining=mining, normalize=False)[0].item()

        assert anchor(positive + margin + more) == 0
        less = min(more, positive + margin)
        assert anchor(positive + margin - less) == pytest.approx(less)


class TestTripletDeclaration:
    def test_the_embedding_it_predicts_is_the_one_it_measures(self) -> None:
        output = torch.randn(2, 5, 3)
        embedding = Triplet().predict(output, Target("identity", 4))["embedding"]
        torch.testing.assert_close(embedding.norm(dim=-1), torch.ones(2, 5))
        assert Triplet(normalize=False).predict(output, Target("identity", 4))["embedding"] is output
