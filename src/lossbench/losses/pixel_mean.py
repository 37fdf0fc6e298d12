"""The evidence lower bound as it is often miswritten: averaged over pixels, where the rate is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.losses.divergences import gaussian_to_standard
from lossbench.losses.variational import VariationalLoss
from lossbench.task import Target

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class PixelMean(VariationalLoss):
    """The mean over the pixels of what they cost, and the whole rate.

        L = -mean_k log p(x | z_k) / pixels + KL(q(z | x) || p(z))

    It is elbo with a beta of as many as there are pixels, so the code tells nothing: a warning, for this is
    what `reduction="mean"` makes of a reconstruction.
    """

    name: str = "pixel_mean"

    def __call__(self, output: dict[str, Tensor], target: Tensor, kind: Target) -> Tensor:
        told = gaussian_to_standard(output["mean"], output["log_variance"]).sum(-1)
        return told - self.log_density(output, target).mean(-1) / kind.size
