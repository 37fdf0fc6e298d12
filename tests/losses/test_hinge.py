"""Hinge loss, binary and Crammer-Singer."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from sklearn.metrics import hinge_loss

from lossbench.losses.hinge import Hinge, hinge, multiclass_hinge
from lossbench.task import Target

scores = st.floats(-50, 50, width=16)
margins = st.floats(0.125, 8, width=16)


class TestHinge:
    def test_scalar(self) -> None:
        assert hinge(torch.tensor(0.25), torch.tensor(1)).item() == 0.75

    @pytest.mark.parametrize("margin", [0.5, 1.0, 2.0])
    def test_batch_equals_sklearn(self, margin: float) -> None:
        output, target = torch.randn(50, dtype=torch.float64), torch.randint(0, 2, (50,))
        # scikit-learn's margin is 1; margin m is its loss at 1/m the size, m times
        reference = margin * hinge_loss(target, output / margin, labels=[0, 1])
        assert hinge(output, target, margin=margin).mean().item() == pytest.approx(reference)

    def test_batch_equals_torch(self) -> None:
        output, target = torch.randn(50, dtype=torch.float64), torch.randint(0, 2, (50,))
        # torch's "embedding" form for the sign -1 is max(0, margin - x)
        agreement = (2 * target - 1) * output
        reference = F.hinge_embedding_loss(agreement, -torch.ones(50), margin=0.7, reduction="none")
        torch.testing.assert_close(hinge(output, target, margin=0.7), reference)

    def test_wrong_shape(self) -> None:
        with pytest.raises(ValueError, match="one shape"):
            hinge(torch.zeros(4, 1), torch.zeros(4, dtype=torch.int64))

    def test_classes_must_be_whole_numbers(self) -> None:
        with pytest.raises(ValueError, match="whole-number"):
            hinge(torch.zeros(4), torch.ones(4))

    def test_hand_values(self) -> None:
        output, target = torch.tensor([2.0, 1.0, 0.0, -1.0, -1.0]), torch.tensor([1, 1, 1, 1, 0])
        assert hinge(output, target).tolist() == [0.0, 0.0, 1.0, 2.0, 0.0]
        assert hinge(output, target, margin=2.0).tolist() == [0.0, 1.0, 2.0, 3.0, 1.0]
        assert hinge(output, target, margin=2.0, squared=True).tolist() == [0.0, 1.0, 4.0, 9.0, 1.0]

    @pytest.mark.parametrize("squared", [False, True])
    def test_gradients(self, squared: bool) -> None:
        output = torch.randn(8, dtype=torch.float64, requires_grad=True)
        target = torch.randint(0, 2, (8,))
        assert torch.autograd.gradcheck(lambda o: hinge(o, target, margin=0.7, squared=squared), output)

    @given(scores, st.integers(0, 1), margins, st.booleans())
    def test_zero_exactly_when_the_margin_is_met(
        self, score: float, target: int, margin: float, squared: bool
    ) -> None:
        output = torch.tensor(score, dtype=torch.float64)
        value = hinge(output, torch.tensor(target), margin=margin, squared=squared).item()
        assert (value == 0) == ((2 * target - 1) * score >= margin)
        assert value >= 0


class TestMulticlassHinge:
    def test_scalar(self) -> None:
        assert multiclass_hinge(torch.tensor([1.0, 0.5, -3.0]), torch.tensor(0)).item() == 0.5

    @pytest.mark.parametrize("margin", [0.5, 1.0, 2.0])
    def test_batch_equals_sklearn(self, margin: float) -> None:
        """scikit-learn's multiclass hinge is Crammer and Singer's."""
        output, target = torch.randn(50, 4, dtype=torch.float64), torch.randint(0, 4, (50,))
        reference = margin * hinge_loss(target, output / margin, labels=range(4))
        assert multiclass_hinge(output, target, margin=margin).mean().item() == pytest.approx(reference)

    def test_two_classes_equal_torch(self) -> None:
        """There, Crammer and Singer's loss is that of Weston and Watkins, which torch divides by 2."""
        output, target = torch.randn(50, 2, dtype=torch.float64), torch.randint(0, 2, (50,))
        for power, squared in ((1, False), (2, True)):
            reference = 2 * F.multi_margin_loss(output, target, p=power, reduction="none")
            torch.testing.assert_close(multiclass_hinge(output, target, squared=squared), reference)

    @pytest.mark.parametrize("shapes", [((4,), (4,)), ((4, 2), (3,)), ((4, 2), (4, 2)), ((), ())])
    def test_wrong_shape(self, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        with pytest.raises(ValueError, match="classes"):
            multiclass_hinge(torch.zeros(shapes[0]), torch.zeros(shapes[1], dtype=torch.int64))

    def test_hand_values(self) -> None:
        output = torch.tensor([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0], [3.0, 1.0, 2.0]])
        target = torch.tensor([0, 1, 2])
        assert multiclass_hinge(output, target).tolist() == [0.0, 3.0, 2.0]
        assert multiclass_hinge(output, target, margin=2.0, squared=True).tolist() == [1.0, 16.0, 9.0]

    @pytest.mark.parametrize("squared", [False, True])
    def test_gradients(self, squared: bool) -> None:
        output = torch.randn(8, 4, dtype=torch.float64, requires_grad=True)
        target = torch.randint(0, 4, (8,))
        assert torch.autograd.gradcheck(lambda o: multiclass_hinge(o, target, squared=squared), output)

    @given(st.lists(scores, min_size=2, max_size=5), margins)
    def test_zero_exactly_when_the_margin_is_met(self, row: list[float], margin: float) -> None:
        value = multiclass_hinge(
            torch.tensor(row, dtype=torch.float64), torch.tensor(0), margin=margin
        ).item()
        assert (value == 0) == (row[0] - max(row[1:]) >= margin)
        assert value >= 0


class TestHingeDeclaration:
    def test_two_classes_predict_by_the_sign_without_probabilities(self) -> None:
        prediction = Hinge().predict(torch.tensor([[0.1], [-0.1]]), Target("binary"))
        assert prediction["scores"].argmax(-1).tolist() == [1, 0]
        assert "probabilities" not in prediction

    def test_knobs_reach_the_function(self) -> None:
        output, target = torch.tensor([[0.0, 1.0]]), torch.tensor([0])
        loss = Hinge(margin=2.0, squared=True)
        assert loss(output, target, Target("multiclass", 2)).tolist() == [9.0]
        assert loss(output[:, :1], target, Target("binary")).tolist() == [4.0]
