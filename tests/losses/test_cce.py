"""Categorical cross-entropy."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from sklearn.metrics import log_loss

from lossbench.losses.cce import CCE, categorical_cross_entropy
from lossbench.task import Target

logits = st.lists(st.floats(-20, 20), min_size=3, max_size=6)


class TestCategoricalCrossEntropy:
    def test_scalar(self) -> None:
        value = categorical_cross_entropy(torch.zeros(4), torch.tensor(1))
        assert value.item() == pytest.approx(math.log(4))

    @pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
    def test_batch_equals_torch(self, smoothing: float) -> None:
        output, target = 3 * torch.randn(50, 5, dtype=torch.float64), torch.randint(0, 5, (50,))
        reference = F.cross_entropy(output, target, reduction="none", label_smoothing=smoothing)
        ours = categorical_cross_entropy(output, target, label_smoothing=smoothing)
        torch.testing.assert_close(ours, reference)

    def test_batch_equals_sklearn(self) -> None:
        output, target = 3 * torch.randn(50, 5, dtype=torch.float64), torch.randint(0, 5, (50,))
        reference = log_loss(target, output.softmax(-1), labels=range(5))
        assert categorical_cross_entropy(output, target).mean().item() == pytest.approx(reference)

    @pytest.mark.parametrize("shapes", [((4,), (4,)), ((4, 2), (3,)), ((4, 2), (4, 2)), ((), ())])
    def test_wrong_shape(self, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        with pytest.raises(ValueError, match="classes"):
            categorical_cross_entropy(torch.zeros(shapes[0]), torch.zeros(shapes[1], dtype=torch.int64))

    def test_classes_must_be_whole_numbers(self) -> None:
        with pytest.raises(ValueError, match="whole-number"):
            categorical_cross_entropy(torch.zeros(4, 2), torch.zeros(4))

    def test_hand_values(self) -> None:
        output = torch.tensor([[math.log(2), 0.0, 0.0]]).expand(2, 3)  # p = 1/2, 1/4, 1/4
        values = categorical_cross_entropy(output, torch.tensor([0, 2]))
        torch.testing.assert_close(values, torch.tensor([math.log(2), math.log(4)]))
        smooth = categorical_cross_entropy(output[:1], torch.tensor([0]), label_smoothing=0.3)
        assert smooth.item() == pytest.approx(0.8 * math.log(2) + 0.2 * math.log(4))

    @pytest.mark.parametrize("smoothing", [0.0, 0.2])
    def test_gradients(self, smoothing: float) -> None:
        output = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
        target = torch.randint(0, 4, (6,))
        assert torch.autograd.gradcheck(
            lambda o: categorical_cross_entropy(o, target, label_smoothing=smoothing), output
        )

    @given(st.floats(1, 1e4), st.floats(1, 1e3))
    def test_grows_without_bound_as_a_wrong_prediction_gets_confident(self, lead: float, more: float) -> None:
        output = torch.tensor([[0.0, lead, -1.0], [0.0, lead + more, -1.0]], dtype=torch.float64)
        less, greater = categorical_cross_entropy(output, torch.tensor([0, 0])).tolist()
        assert less >= lead  # no bound: as large as the lead itself
        assert greater >= less + 0.6 * more

    @given(logits, st.data())
    def test_depends_on_the_probability_of_the_right_class_alone(
        self, others: list[float], data: st.DataObject
    ) -> None:
        """However the rest of the probability is spread, the loss is the same."""
        right = torch.tensor([data.draw(st.floats(-20, 20))], dtype=torch.float64)
        wrong = torch.tensor(others, dtype=torch.float64)
        even = (wrong.logsumexp(0) - math.log(len(wrong))).expand(len(wrong))
        target = torch.tensor(0)
        value = categorical_cross_entropy(torch.cat([right, wrong]), target)
        for spread in (wrong.flip(0), even):
            torch.testing.assert_close(categorical_cross_entropy(torch.cat([right, spread]), target), value)
        torch.testing.assert_close(value, -torch.cat([right, wrong]).softmax(0)[0].log())


class TestCCE:
    def test_two_classes_have_two_outputs(self) -> None:
        assert CCE().outputs(Target("binary"), 64) == 2

    def test_predicts_logits_and_their_softmax(self) -> None:
        prediction = CCE().predict(torch.tensor([[0.0, math.log(3)]]), Target("binary"))
        torch.testing.assert_close(prediction["probabilities"], torch.tensor([[0.25, 0.75]]))
        assert prediction["scores"].argmax(-1).item() == 1
