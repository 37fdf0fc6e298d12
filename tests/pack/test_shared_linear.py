"""Members that are one linear layer share the product with their batch, each to the bit as it is alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from lossbench.pack.shared_linear import Blocks, one_linear, outputs_of

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
LANES = [0, 1, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0]  # of one lane more than fill a block, of another one member


def drawn(batch: int, features: int, outputs: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(batch + features + outputs)
    shapes = (3, batch, features), (len(LANES), outputs, features), (len(LANES), outputs)
    x, weights, bias = (torch.randn(shape, generator=generator) for shape in shapes)
    return x, weights.requires_grad_(), bias.requires_grad_()


def trained(x: Tensor, weights: Tensor, bias: Tensor, lanes: list[int]) -> tuple[Tensor, ...]:
    """Outputs, and gradients of something that is not linear in them."""
    outputs = outputs_of(x, weights, bias, Blocks.of(lanes, weights.shape[1], CPU))
    found = torch.autograd.grad(outputs.square().mean((1, 2)).sum(), (weights, bias))
    return outputs.detach(), *found


@pytest.mark.parametrize("outputs", [1, 3, 10, 63])
@pytest.mark.parametrize("batch", [1, 2, 3, 4, 17, 64])
class TestMembersOfLanes:
    def test_are_those_of_a_linear_layer(self, batch: int, outputs: int) -> None:
        x, weights, bias = drawn(batch, 100, outputs)
        found = trained(x, weights, bias, LANES)
        for member, lane in enumerate(LANES):
            own = [part.detach()[member].requires_grad_() for part in (weights, bias)]
            expected = nn.functional.linear(x[lane], *own)
            gradients = torch.autograd.grad(expected.square().mean(), own)
            for one, other in zip(found, (expected, *gradients), strict=True):
                torch.testing.assert_close(one[member], other)

    def test_are_to_the_bit_what_they_are_in_other_company(self, batch: int, outputs: int) -> None:
        x, weights, bias = drawn(batch, 100, outputs)
        found = trained(x, weights, bias, LANES)
        for chosen in ([0], [7, 0], [3, 11, 5], list(reversed(range(12)))):
            lanes = [LANES[member] for member in chosen]
            company = trained(x, weights[chosen], bias[chosen], lanes)
            for one, other in zip(found, company, strict=True):
                assert torch.equal(one[chosen], other)


def test_batches_of_images_are_flattened() -> None:
    x, weights, bias = drawn(8, 64, 2)
    blocks = Blocks.of(LANES, 2, CPU)
    assert torch.equal(
        outputs_of(x.view(3, 8, 1, 8, 8), weights, bias, blocks), outputs_of(x, weights, bias, blocks)
    )


def test_a_layer_without_bias_has_none() -> None:
    x, weights, bias = drawn(8, 64, 2)
    blocks = Blocks.of(LANES, 2, CPU)
    assert torch.equal(
        outputs_of(x, weights, None, blocks), outputs_of(x, weights, torch.zeros_like(bias), blocks)
    )


class TestModulesThatAreOneLayer:
    def test_are_known_with_the_prefix_of_their_parameters(self) -> None:
        for module, prefix in ((nn.Linear(64, 3), ""), (nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), "1.")):
            found = one_linear(module)
            assert found is not None
            assert found[0] == prefix
            assert f"{prefix}weight" in dict(module.named_parameters())

    def test_others_train_as_ever(self) -> None:
        class Own(nn.Linear):
            """Which may compute something else."""

        others = (nn.Linear(8, 3), nn.Linear(64, 64), Own(64, 3), nn.Sequential(nn.Linear(64, 3), nn.ReLU()))
        assert [one_linear(module) for module in others] == [None] * len(others)
