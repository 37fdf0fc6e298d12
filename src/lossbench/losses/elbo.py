"""The evidence lower bound, with its rate weighted, warmed up or kept from falling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lossbench.config.choice import knob
from lossbench.losses.divergences import gaussian_to_standard
from lossbench.losses.variational import VariationalLoss
from lossbench.task import PROGRESS, Target

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Knob

_LEAST = 1e-9  # share of training: so that without a warm-up the whole weight is there from the first step


def rate(mean: Tensor, log_variance: Tensor, free_bits: Knob) -> Tensor:
    """KL(q(z | x) || p(z)) in nats, (N,); where the mean over the batch of one number of the code is below
    `free_bits`, that number counts `free_bits` and has no gradient.

    Args:
        mean, log_variance: (N, latent).
    """
    each = gaussian_to_standard(mean, log_variance)
    return each.where(each.mean(0) >= free_bits, free_bits).sum(-1)


@dataclass(frozen=True, kw_only=True)
class ELBO(VariationalLoss):
    """The negative evidence lower bound of an image, in nats.

        L = -mean_k log p(x | z_k) + beta KL(q(z | x) || p(z))

    What an image costs where the code is known (distortion), and what the code tells (rate), whose direction
    pulls q(z | x) into the prior: q must not be where p is not.

    beta: weight of the rate. At 1 it is the bound; above, the code tells less (Higgins and others, ICLR
        2017); below, more. Not searched, nor the next two: each of them asks another question.
    warm_up: share of training in which the weight grows from 0 to beta (Bowman and others, CoNLL 2016;
        Soenderby and others, NIPS 2016).
    free_bits: nats that each number of the code may tell for nothing, on the mean of a batch (Kingma and
        others, NIPS 2016). The value then counts them, and is no bound.

    Source:
        Kingma, Welling, "Auto-Encoding Variational Bayes" (ICLR 2014), equation 10.
    """

    also: ClassVar[tuple[str, ...]] = (PROGRESS,)
    batchwise: ClassVar[bool] = True  # by free bits
    name: str = "elbo"
    beta: float = knob(1.0, at_least=0)
    warm_up: float = knob(0.0, at_least=0, at_most=1)
    free_bits: float = knob(0.0, at_least=0)

    def __call__(self, output: dict[str, Tensor], target: dict[str, Any], kind: Target) -> Tensor:
        grown = ((target[PROGRESS] + _LEAST) / (self.warm_up + _LEAST)).clamp(max=1)
        told = rate(output["mean"], output["log_variance"], self.free_bits)
        cost: Tensor = self.beta * grown * told - self.log_density(output, target[kind.kind]).mean(-1)
        return cost
