"""Contrastive loss."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import ContrastiveLoss
from pytorch_metric_learning.reducers import DoNothingReducer

from lossbench.losses.contrastive import contrastive


def reference(output: torch.Tensor, target: torch.Tensor, margin: float, normalize: bool) -> torch.Tensor:
    """Loss (N, N) of every pair by pytorch-metric-learning, whose pairs cost the distance and the shortfall
    themselves: Hadsell's are half their squares."""
    distance = LpDistance(normalize_embeddings=normalize, p=2, power=1)
    loss = ContrastiveLoss(pos_margin=0, neg_margin=margin, distance=distance, reducer=DoNothingReducer())
    table = torch.zeros(len(output), len(output), dtype=output.dtype)
    for part in loss(output, target).values():
        if torch.is_tensor(part["losses"]):
            first, second = part["indices"]
            table[first, second] = part["losses"].square() / 2
    return table


class TestContrastive:
    def test_one_pair(self) -> None:
        output = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
        assert contrastive(output, torch.tensor([1, 1])).tolist() == [12.5, 12.5]
        assert contrastive(output, torch.tensor([1, 2])).tolist() == [0.0, 0.0]
        assert contrastive(output, torch.tensor([1, 2]), margin=7.0).tolist() == [2.0, 2.0]

    @pytest.mark.parametrize("normalize", [False, True])
    @pytest.mark.parametrize("margin", [0.5, 1.5])
    def test_batch_equals_pytorch_metric_learning(self, normalize: bool, margin: float) -> None:
        output, target = torch.randn(20, 4, dtype=torch.float64), torch.randint(0, 5, (20,))
        table = reference(output, target, margin, normalize)
        ours = contrastive(output, target, margin=margin, normalize=normalize)
        torch.testing.assert_close(ours, table.sum(-1) / 19)
        equal = (target[:, None] == target) & ~torch.eye(20, dtype=torch.bool)
        different = target[:, None] != target
        halves = [(table * mask).sum(-1) / mask.sum(-1).clamp(min=1) for mask in (equal, different)]
        ours = contrastive(output, target, margin=margin, normalize=normalize, pairs="balanced")
        torch.testing.assert_close(ours, (halves[0] + halves[1]) / 2)

    @pytest.mark.parametrize("shapes", [((4,), (4,)), ((4, 2), (3,)), ((4, 2), (4, 2)), ((2, 4, 2), (2, 4))])
    def test_wrong_shape(self, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        with pytest.raises(ValueError, match="embedding"):
            contrastive(torch.zeros(shapes[0]), torch.zeros(shapes[1], dtype=torch.int64))

    def test_wrong_words(self) -> None:
        with pytest.raises(ValueError, match="pairs"):
            contrastive(torch.zeros(2, 2), torch.tensor([0, 1]), pairs="some")

    def test_hand_values(self) -> None:
        # On a line: a0 = 0, a1 = 1, b = 1.5. Pairs of a0: 1/2 (equal), 1/8 (different at 1.5, margin 2).
        output, target = torch.tensor([[0.0], [1.0], [1.5]]), torch.tensor([0, 0, 1])
        mean = contrastive(output, target, margin=2.0)
        assert mean.tolist() == [(0.5 + 0.125) / 2, (0.5 + 1.125) / 2, (0.125 + 1.125) / 2]
        balanced = contrastive(output, target, margin=2.0, pairs="balanced")
        assert balanced.tolist() == [(0.5 + 0.125) / 2, (0.5 + 1.125) / 2, (0.0 + 0.625) / 2]

    @pytest.mark.parametrize("normalize", [False, True])
    @pytest.mark.parametrize("pairs", ["mean", "balanced"])
    def test_gradients(self, normalize: bool, pairs: str) -> None:
        output = torch.randn(8, 3, dtype=torch.float64, requires_grad=True)
        target = torch.randint(0, 3, (8,))
        assert torch.autograd.gradcheck(
            lambda o: contrastive(o, target, margin=1.5, pairs=pairs, normalize=normalize), output
        )

    @given(
        st.lists(st.floats(1.001, 50), min_size=1, max_size=6), st.floats(0.1, 10), st.sampled_from([0, 1, 2])
    )
    def test_zero_for_different_pairs_beyond_the_margin(
        self, gaps: list[float], margin: float, axis: int
    ) -> None:
        output = torch.zeros(len(gaps) + 1, 3, dtype=torch.float64)
        output[1:, axis] = margin * torch.tensor(gaps, dtype=torch.float64).cumsum(0)
        target = torch.arange(len(output))
        assert contrastive(output, target, margin=margin).tolist() == [0.0] * len(output)

    @given(st.floats(0, 0.99), st.floats(0.1, 10))
    def test_different_pairs_within_the_margin_cost(self, share: float, margin: float) -> None:
        output = torch.tensor([[0.0], [share * margin]], dtype=torch.float64)
        value = contrastive(output, torch.tensor([0, 1]), margin=margin)[0].item()
        assert value == pytest.approx((margin * (1 - share)) ** 2 / 2)
