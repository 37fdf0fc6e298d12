"""Focal loss on the softmax."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given

from lossbench.losses.cce import categorical_cross_entropy
from lossbench.losses.focal_softmax import FocalSoftmax, softmax_focal
from lossbench.task import Target


def test_hand_values() -> None:
    output = torch.tensor([[math.log(2), 0.0, 0.0]]).expand(2, 3)  # p = 1/2, 1/4, 1/4
    values = softmax_focal(output, torch.tensor([0, 2]), gamma=2.0)
    torch.testing.assert_close(values, torch.tensor([math.log(2) / 4, 9 / 16 * math.log(4)]))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("classes", [2, 5])
def test_equals_the_formula_of_the_paper(gamma: float, classes: int) -> None:
    output = (3 * torch.randn(50, classes, dtype=torch.float64)).requires_grad_()
    target = torch.randint(0, classes, (50,))
    log_p = -F.cross_entropy(output, target, reduction="none")
    reference = -((1 - log_p.exp()) ** gamma) * log_p
    for knob in (gamma, torch.tensor(gamma, dtype=torch.float64)):
        ours = softmax_focal(output, target, gamma=knob)
        torch.testing.assert_close(ours, reference)
        own, known = (torch.autograd.grad(of.sum(), output, retain_graph=True)[0] for of in (ours, reference))
        torch.testing.assert_close(own, known)


def test_without_gamma_it_is_cross_entropy_to_the_bit() -> None:
    output = torch.randn(200, 7, requires_grad=True)
    target = torch.randint(0, 7, (200,))
    ours, plain = softmax_focal(output, target, gamma=0.0), categorical_cross_entropy(output, target)
    assert torch.equal(ours, plain)
    own, known = (torch.autograd.grad(of.sum(), output, retain_graph=True)[0] for of in (ours, plain))
    assert torch.equal(own, known)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 2.0])
def test_gradients(gamma: float) -> None:
    output = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
    target = torch.randint(0, 4, (6,))
    assert torch.autograd.gradcheck(lambda o: softmax_focal(o, target, gamma=gamma), output)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 5.0])
@pytest.mark.parametrize("lead", [50.0, 1e4, -1e4])
def test_a_certain_prediction_has_a_finite_value_and_gradient(gamma: float, lead: float) -> None:
    """Where 1 - p is 0 in floating point, a power of it below 1 has an infinite slope."""
    output = torch.tensor([[lead, 0.0, 0.0]], requires_grad=True)
    value = softmax_focal(output, torch.tensor([0]), gamma=gamma)
    value.sum().backward()
    assert value.isfinite().all()
    assert output.grad is not None
    assert output.grad.isfinite().all()
    if lead < 0:  # certain and wrong: as cross-entropy
        assert value.item() == pytest.approx(-lead, rel=1e-3)


@given(st.floats(0.1, 5), st.floats(0.1, 0.9), st.floats(0.01, 0.09))
def test_an_easy_example_counts_less_beside_a_hard_one_than_in_cross_entropy(
    gamma: float, p: float, more: float
) -> None:
    hard, easy = (torch.tensor([math.log(q / (1 - q)), 0.0], dtype=torch.float64) for q in (p, p + more))
    target = torch.tensor(0)

    def share(gamma: float) -> float:
        first, second = (softmax_focal(of, target, gamma=gamma).item() for of in (easy, hard))
        return first / second

    assert share(gamma) < share(0.0)


@pytest.mark.parametrize("shapes", [((4,), (4,)), ((4, 2), (3,)), ((4, 2), (4, 2)), ((), ())])
def test_wrong_shape(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="classes"):
        softmax_focal(torch.zeros(shapes[0]), torch.zeros(shapes[1], dtype=torch.int64), gamma=1.0)


@pytest.mark.parametrize("kind", [Target("multiclass", 4), Target("binary"), Target("identity", 4)])
def test_claims_the_softmax_as_it_is(kind: Target) -> None:
    loss = FocalSoftmax()
    output = torch.randn(5, loss.outputs(kind, 64))
    prediction = loss.predict(output, kind)
    assert output.shape == (5, 2 if kind.kind == "binary" else 4)
    torch.testing.assert_close(prediction["probabilities"], output.softmax(-1))
