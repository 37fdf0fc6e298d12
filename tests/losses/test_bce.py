"""Binary cross-entropy."""

from __future__ import annotations

import math
from dataclasses import replace

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from sklearn.metrics import log_loss

from lossbench.errors import InputError
from lossbench.losses.bce import BCE, binary_cross_entropy, one_against_the_rest
from lossbench.task import Target


class TestBinaryCrossEntropy:
    def test_scalar(self) -> None:
        assert binary_cross_entropy(torch.tensor(0.0), torch.tensor(1)).item() == pytest.approx(math.log(2))

    def test_batch_equals_torch_and_sklearn(self) -> None:
        output, target = 3 * torch.randn(50, dtype=torch.float64), torch.randint(0, 2, (50,))
        ours = binary_cross_entropy(output, target)
        reference = F.binary_cross_entropy_with_logits(output, target.double(), reduction="none")
        torch.testing.assert_close(ours, reference)
        assert ours.mean().item() == pytest.approx(log_loss(target, output.sigmoid(), labels=[0, 1]))

    @pytest.mark.parametrize("weight", [0.01, 0.5, 1.0, 3.0, 100.0])
    @pytest.mark.parametrize("places", [(), (4,)])
    def test_a_weight_of_class_1_equals_torch(self, weight: float, places: tuple[int, ...]) -> None:
        output = (3 * torch.randn(50, *places, dtype=torch.float64)).requires_grad_()
        target = torch.randint(0, 2, (50, *places))
        theirs = torch.nn.BCEWithLogitsLoss(reduction="none", pos_weight=torch.tensor(weight).double())
        reference = theirs(output, target.double())
        for knob in (weight, torch.tensor(weight, dtype=torch.float64)):
            ours = binary_cross_entropy(output, target, pos_weight=knob)
            torch.testing.assert_close(ours, reference)
            gradients = [
                torch.autograd.grad(of.sum(), output, retain_graph=True)[0] for of in (ours, reference)
            ]
            torch.testing.assert_close(*gradients)

    def test_a_weight_of_1_changes_no_bit(self) -> None:
        """Also where it is the tensor of a stack of runs."""
        output, target = torch.randn(200, requires_grad=True), torch.randint(0, 2, (200,))
        plain, *weighed = (
            binary_cross_entropy(output, target, **knobs)
            for knobs in ({}, {"pos_weight": 1.0}, {"pos_weight": torch.tensor(1.0)})
        )
        (gradient,) = torch.autograd.grad(plain.mean(), output, retain_graph=True)
        for values in weighed:
            assert torch.equal(values, plain)
            assert torch.equal(torch.autograd.grad(values.mean(), output, retain_graph=True)[0], gradient)

    def test_a_weight_multiplies_the_odds_that_are_learned(self) -> None:
        """Why the sigmoid is not the probability of class 1: of 20% positives, weight 4 makes a half."""
        output, target = (
            torch.zeros((), dtype=torch.float64, requires_grad=True),
            torch.tensor([1, 0, 0, 0, 0]),
        )
        binary_cross_entropy(output.expand(5), target, pos_weight=4.0).sum().backward()
        assert output.grad.item() == pytest.approx(0)

    def test_wrong_shape(self) -> None:
        with pytest.raises(ValueError, match="one shape"):
            binary_cross_entropy(torch.zeros(4, 1), torch.zeros(4, dtype=torch.int64))

    def test_classes_must_be_whole_numbers(self) -> None:
        with pytest.raises(ValueError, match="whole-number"):
            binary_cross_entropy(torch.zeros(4), torch.zeros(4))

    def test_hand_values(self) -> None:
        # p = 3/4: right costs log(4/3), wrong log(4)
        values = binary_cross_entropy(torch.full((2,), math.log(3)), torch.tensor([1, 0]))
        torch.testing.assert_close(values, torch.tensor([math.log(4 / 3), math.log(4)]))

    def test_gradients(self) -> None:
        output = torch.randn(8, dtype=torch.float64, requires_grad=True)
        target = torch.randint(0, 2, (8,))
        assert torch.autograd.gradcheck(lambda o: binary_cross_entropy(o, target), output)

    def test_gradient_is_probability_less_target_even_at_the_ends(self) -> None:
        output = torch.tensor([0.0, 0.0, 1e4, -1e4, 1e4, -1e4], requires_grad=True)
        target = torch.tensor([0, 1, 0, 0, 1, 1])
        binary_cross_entropy(output, target).sum().backward()
        assert output.grad.tolist() == [0.5, -0.5, 1.0, 0.0, 0.0, -1.0]

    def test_small_losses_keep_their_digits(self) -> None:
        value = binary_cross_entropy(torch.tensor(30.0), torch.tensor(1)).item()
        assert value == pytest.approx(math.exp(-30), rel=1e-5)

    @given(st.floats(1, 1e4), st.floats(1, 1e3), st.integers(0, 1))
    def test_grows_without_bound_as_a_wrong_prediction_gets_confident(
        self, logit: float, more: float, target: int
    ) -> None:
        wrong = (1 - 2 * target) * torch.tensor([logit, logit + more], dtype=torch.float64)
        less, greater = binary_cross_entropy(wrong, torch.tensor([target, target])).tolist()
        assert less >= logit  # no bound: as large as the logit itself
        assert greater >= less + 0.6 * more


class TestOneAgainstTheRest:
    def test_batch_equals_torch(self) -> None:
        output, target = 3 * torch.randn(50, 4, dtype=torch.float64), torch.randint(0, 4, (50,))
        rows = F.one_hot(target, 4).double()
        reference = F.binary_cross_entropy_with_logits(output, rows, reduction="none").mean(-1)
        torch.testing.assert_close(one_against_the_rest(output, target), reference)

    @pytest.mark.parametrize("weight", [0.1, 1.0, 9.0])
    def test_a_weight_of_its_own_class_equals_torch(self, weight: float) -> None:
        output, target = 3 * torch.randn(50, 4, dtype=torch.float64), torch.randint(0, 4, (50,))
        theirs = torch.nn.BCEWithLogitsLoss(reduction="none", pos_weight=torch.full((4,), weight).double())
        reference = theirs(output, F.one_hot(target, 4).double()).mean(-1)
        torch.testing.assert_close(one_against_the_rest(output, target, pos_weight=weight), reference)

    def test_scalar(self) -> None:
        value = one_against_the_rest(torch.zeros(3), torch.tensor(2))
        assert value.item() == pytest.approx(math.log(2))

    @pytest.mark.parametrize("shapes", [((4,), (4,)), ((4, 2), (3,)), ((4, 2), (4, 2)), ((), ())])
    def test_wrong_shape(self, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        with pytest.raises(ValueError, match="classes"):
            one_against_the_rest(torch.zeros(shapes[0]), torch.zeros(shapes[1], dtype=torch.int64))

    def test_gradients(self) -> None:
        output = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
        target = torch.randint(0, 3, (6,))
        assert torch.autograd.gradcheck(lambda o: one_against_the_rest(o, target), output)


class TestBCE:
    def test_two_classes_predict_by_the_sign_with_probabilities(self) -> None:
        prediction = BCE().predict(torch.tensor([[math.log(3)], [-5.0]]), Target("binary"))
        assert prediction["scores"].argmax(-1).tolist() == [1, 0]
        torch.testing.assert_close(prediction["probabilities"][0], torch.tensor([0.25, 0.75]))
        torch.testing.assert_close(prediction["probabilities"].sum(-1), torch.ones(2))

    @pytest.mark.parametrize("kind", [Target("binary"), Target("multiclass", 3)])
    def test_runs_that_differ_in_the_weight_share_a_stack(self, kind: Target) -> None:
        output = torch.randn(2, 6, BCE().outputs(kind, 1))
        target = torch.randint(0, 2, (2, 6))
        weights = torch.tensor([1.0, 5.0])
        stacked = torch.func.vmap(lambda o, t, w: replace(BCE(), pos_weight=w)(o, t, kind))(
            output, target, weights
        )
        for place, weight in enumerate(weights.tolist()):
            alone = BCE(pos_weight=weight)(output[place], target[place], kind)
            torch.testing.assert_close(stacked[place], alone, rtol=0, atol=0)

    @pytest.mark.parametrize("weight", [0.0, -1.0, float("nan")])
    def test_a_weight_that_is_not_above_zero_is_refused(self, weight: float) -> None:
        with pytest.raises(InputError, match=r"^loss\.pos_weight must be "):
            BCE(pos_weight=weight)

    def test_one_against_the_rest_claims_no_probabilities(self) -> None:
        prediction = BCE().predict(torch.zeros(2, 3), Target("multiclass", 3))
        assert prediction["scores"].shape == (2, 3)
        assert "probabilities" not in prediction
