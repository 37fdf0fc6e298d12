"""Cross-entropy with a price on the normaliser."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from lossbench.losses.cce import categorical_cross_entropy
from lossbench.losses.z_loss import ZLoss, cross_entropy_with_z
from lossbench.task import Target


class TestZLoss:
    def test_scalar(self) -> None:
        value = cross_entropy_with_z(torch.zeros(4), torch.tensor(1), coefficient=0.5)
        assert value.item() == pytest.approx(math.log(4) + 0.5 * math.log(4) ** 2)

    @pytest.mark.parametrize("coefficient", [0.0, 1e-4, 1.0])
    def test_batch_equals_torch(self, coefficient: float) -> None:
        output, target = 3 * torch.randn(50, 5, dtype=torch.float64), torch.randint(0, 5, (50,))
        reference = F.cross_entropy(output, target, reduction="none")
        reference = reference + coefficient * torch.logsumexp(output, -1) ** 2
        for knob in (coefficient, torch.tensor(coefficient, dtype=torch.float64)):
            torch.testing.assert_close(cross_entropy_with_z(output, target, coefficient=knob), reference)

    def test_hand_values(self) -> None:
        output = torch.tensor([[math.log(2), 0.0, 0.0]]).expand(2, 3)  # Z = 4; p = 1/2, 1/4, 1/4
        values = cross_entropy_with_z(output, torch.tensor([0, 2]), coefficient=0.1)
        more = 0.1 * math.log(4) ** 2
        torch.testing.assert_close(values, torch.tensor([math.log(2) + more, math.log(4) + more]))

    @pytest.mark.parametrize("shapes", [((4,), (4,)), ((4, 2), (3,)), ((4, 2), (4, 2)), ((), ())])
    def test_wrong_shape(self, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        with pytest.raises(ValueError, match="classes"):
            cross_entropy_with_z(torch.zeros(shapes[0]), torch.zeros(shapes[1], dtype=torch.int64))

    @pytest.mark.parametrize("coefficient", [0.0, 0.3])
    def test_gradients(self, coefficient: float) -> None:
        output = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
        target = torch.randint(0, 4, (6,))
        assert torch.autograd.gradcheck(
            lambda o: cross_entropy_with_z(o, target, coefficient=coefficient), output
        )

    def test_without_a_coefficient_it_is_cross_entropy_to_the_bit(self) -> None:
        output, target = torch.randn(200, 7, requires_grad=True), torch.randint(0, 7, (200,))
        ours = cross_entropy_with_z(output, target, coefficient=0.0)
        plain = categorical_cross_entropy(output, target)
        assert torch.equal(ours, plain)
        own, known = (torch.autograd.grad(of.sum(), output, retain_graph=True)[0] for of in (ours, plain))
        assert torch.equal(own, known)

    def test_at_places_each_has_its_own(self) -> None:
        output, target = torch.randn(3, 6, 4), torch.randint(0, 4, (3, 6))
        values = ZLoss(coefficient=0.2)(output, target, Target("multiclass", 4, shape=(6,)))
        flat = cross_entropy_with_z(output.flatten(0, 1), target.flatten(), coefficient=0.2)
        torch.testing.assert_close(values, flat.unflatten(0, (3, 6)))


@pytest.mark.parametrize("coefficient", [1e-4, 0.7])
def test_it_is_least_at_the_true_probabilities_with_a_normaliser_of_one(coefficient: float) -> None:
    """Whatever it costs: the constant that all logits may have in common pays it."""
    shares = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
    target = torch.arange(3).repeat_interleave((shares * 10).round().long())

    def mean(output: torch.Tensor) -> torch.Tensor:
        return cross_entropy_with_z(output.expand(10, -1), target, coefficient=coefficient).mean()

    best = shares.log().requires_grad_()
    (slope,) = torch.autograd.grad(mean(best), best)
    assert slope.abs().max().item() < 1e-12
    for other in torch.randn(50, 3, dtype=torch.float64):
        assert mean(best + other) > mean(best)


@pytest.mark.parametrize("kind", [Target("multiclass", 4), Target("binary"), Target("identity", 4)])
def test_claims_the_softmax_as_it_is(kind: Target) -> None:
    loss = ZLoss()
    output = torch.randn(5, loss.outputs(kind, 64))
    assert output.shape == (5, 2 if kind.kind == "binary" else 4)
    torch.testing.assert_close(loss.predict(output, kind)["probabilities"], output.softmax(-1))
