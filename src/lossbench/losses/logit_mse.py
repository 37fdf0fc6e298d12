"""Distillation by the square of the difference of logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.losses.mse import squared_error
from lossbench.losses.taught import TaughtLoss

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class LogitMSE(TaughtLoss):
    """The mean squared difference of teacher's and student's logits, and the cross-entropy of the label.

    Logits are compared as they are, with the constant that a softmax does not see.

    Source: Ba, Caruana, "Do Deep Nets Really Need to be Deep?" (NeurIPS 2014), section 2.2; against KL, Kim,
    Oh, Kim, Cho, Yun (IJCAI 2021), arXiv 2105.08919.
    """

    name: str = "logit_mse"

    def soft(self, teacher: Tensor, output: Tensor) -> Tensor:
        """The mean over classes of (student - teacher)^2."""
        return squared_error(output, teacher)
