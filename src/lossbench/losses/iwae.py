"""The bound of importance-weighted autoencoders."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lossbench.config.choice import knob
from lossbench.losses.variational import VariationalLoss
from lossbench.task import Target

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class IWAE(VariationalLoss):
    """The negative importance-weighted bound of an image, in nats.

        L = -log 1/k sum_k w_k,  w_k = p(x | z_k) p(z_k) / q(z_k | x),  z_k drawn by q(z | x)

    At k = 1 its mean is that of elbo, whose rate is exact where this one is drawn; the more codes, the nearer
    it is to -log p(x).

    Source:
        Burda, Grosse, Salakhutdinov, "Importance Weighted Autoencoders" (ICLR 2016), equation 8.
    """

    needs: ClassVar[tuple[str, ...]] = ("logits", "mean", "log_variance", "code")
    name: str = "iwae"
    k: int = knob(5, at_least=1)

    def __call__(self, output: dict[str, Tensor], target: Tensor, kind: Target) -> Tensor:
        mean, log_variance = output["mean"].unsqueeze(-2), output["log_variance"].unsqueeze(-2)
        code = output["code"]
        drawn = (code - mean) * (-log_variance / 2).exp()
        prior_by_guess = (drawn.square() - code.square() + log_variance).sum(-1) / 2
        weights = self.log_density(output, target) + prior_by_guess
        return math.log(weights.shape[-1]) - weights.logsumexp(-1)
