"""How a property is measured: at many points, in double precision, by autograd."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from lossbench.seeds import torch_generator

if TYPE_CHECKING:
    from torch import Tensor


Curve = Callable[["Tensor"], "Tensor"]

POINTS = 1000
EXACT = 1e-9  # of numbers of about 1 in double precision
SEARCHED = 2e-3  # of a minimum that is searched for on a grid of 1e-3
_AT_ONCE = 2**15  # losses, which a processor's cache holds


@dataclass(frozen=True)
class Found:
    """The number that a check measured, and at how many points."""

    value: float
    points: int


@dataclass(frozen=True)
class Property:
    """A sentence about a loss that holds where `measure` gives a number from `low` to `high`.

    id:       begins with the name of the loss.
    measured: what the number is, in words.
    of:       the name of the loss, where it is more than one word.
    """

    id: str
    sentence: str
    source: str
    measured: str
    measure: Callable[[], Found]
    low: float
    high: float
    of: str = ""

    @property
    def loss(self) -> str:
        """The name of the loss."""
        return self.of or self.id.partition("-")[0]


def holds(
    sentence: str,
    source: str,
    measured: str = "largest deviation",
    low: float = 0,
    high: float = EXACT,
    of: str = "",
) -> Callable[[Callable[[], Found]], Property]:
    """The property that a function measures, by whose name it is known."""

    def made(measure: Callable[[], Found]) -> Property:
        name = measure.__name__.replace("_", "-")
        return Property(name, sentence, source, measured, measure, low, high, of)

    return made


def gradient(curve: Curve, points: Tensor) -> Tensor:
    """The derivative of the sum of `curve` at each of the points, in their shape."""
    inputs = points.detach().clone().requires_grad_()
    (slopes,) = torch.autograd.grad(curve(inputs).sum(), inputs)
    return slopes


def drawn(*shape: int, purpose: str, scale: float = 3.0) -> Tensor:
    """Normal numbers, the same at every call."""
    generator = torch_generator(0, "anatomy", purpose)
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def minimiser(loss: Callable[[Tensor, Tensor], Tensor], sample: Tensor, span: float = 10.0) -> float:
    """The constant on a grid of 1e-3 within +-span whose mean loss (C, N) over a sample (N,) is least."""
    constants = torch.arange(-span, span, 1e-3, dtype=torch.float64)
    few = torch.split(constants, max(1, _AT_ONCE // len(sample)))
    return float(constants[torch.cat([loss(some[:, None], sample[None]).mean(-1) for some in few]).argmin()])


def largest(values: Tensor) -> Found:
    """The largest absolute value."""
    return Found(float(values.abs().max()), values.numel())
