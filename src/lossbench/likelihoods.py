"""What a decoder's outputs say of pixels from 0 (black) to 1 (white): p(x | z), each pixel by itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

BERNOULLI, CONTINUOUS_BERNOULLI, GAUSSIAN = "bernoulli", "continuous_bernoulli", "gaussian"
# Which pixels each is of: those that are 0 or 1, or any between.
LIKELIHOODS: Mapping[str, bool] = MappingProxyType(
    {BERNOULLI: True, CONTINUOUS_BERNOULLI: False, GAUSSIAN: False}
)
_NEAR = 0.1  # outputs about 0 where a series stands for what cannot be divided


@dataclass(frozen=True)
class Likelihood:
    """The distribution of pixels, given outputs of any size.

    kind: bernoulli, white with probability sigmoid(output); continuous_bernoulli, its density on 0..1, with
        the same parameter (Loaiza-Ganem and Cunningham, NeurIPS 2019); gaussian, about sigmoid(output).
    deviation: the standard deviation of the Gaussian.
    """

    kind: str = BERNOULLI
    deviation: float = 0.1

    def log_density(self, outputs: Tensor, pixels: Tensor) -> Tensor:
        """The logarithm in nats, summed over the pixels: (..., pixels) each, which broadcast -> (...).

        A density may be above 1, so its logarithm may be above 0.
        """
        from torch.nn import functional as F

        if self.kind == GAUSSIAN:
            apart = (pixels - outputs.sigmoid()) / self.deviation
            constant = math.log(self.deviation) + math.log(2 * math.pi) / 2
            return (-apart.square() / 2 - constant).sum(-1)
        found = pixels * outputs - F.softplus(outputs)
        if self.kind == CONTINUOUS_BERNOULLI:
            found = found + _log_normaliser(outputs)
        return found.sum(-1)

    def mean(self, outputs: Tensor) -> Tensor:
        """The expected pixel (..., pixels), 0 to 1."""
        if self.kind != CONTINUOUS_BERNOULLI:
            return outputs.sigmoid()
        # 1 / (1 - exp(-l)) - 1 / l, about 0 by its series 1/2 + l/12.
        away = outputs.where(outputs.abs() > _NEAR, 1)
        exact = 1 / -(-away).expm1() - 1 / away
        return exact.where(outputs.abs() > _NEAR, 0.5 + outputs / 12)


def _log_normaliser(outputs: Tensor) -> Tensor:
    """log C = log(l / tanh(l / 2)) of the continuous Bernoulli with the parameter sigmoid(l)."""
    size = outputs.abs()
    away = size.where(size > _NEAR, 1)
    exact = (away / (away / 2).tanh()).log()
    near = math.log(2) + size.square() / 12 - 7 * size.square().square() / 1440
    return exact.where(size > _NEAR, near)
