"""Cross-entropy with a price on the size of the logits, as large language models are trained with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.config.search import log
from lossbench.losses.cce import categorical_cross_entropy
from lossbench.losses.heads import SoftmaxLoss
from lossbench.task import Target

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Knob


def cross_entropy_with_z(output: Tensor, target: Tensor, *, coefficient: Knob = 1e-4) -> Tensor:
    """Cross-entropy, and the squared logarithm of the softmax's normaliser.

        L = -log p_y + c (log Z)^2,  p = exp(output) / Z,  Z = sum_c exp(output_c)

    A constant that is added to all logits changes Z alone, so both terms are least together: at the true
    probabilities with Z = 1. It keeps logits from drifting away, where low precision would lose them.

    Args:
        output: float (..., C), logits.
        target: int (...), the class y, 0 .. C-1.
        coefficient: c, 0 or more; 0 is cross-entropy; a tensor of no dimension may stand for it.

    Returns:
        (...), one value per example.

    Raises:
        ValueError: the shapes do not fit, or the target is not of a whole-number type.

    Source:
        Chowdhery et al., "PaLM: Scaling Language Modeling with Pathways", JMLR 24 (2023), section 5 (training
        setup), with c = 1e-4. The loss of de Brebisson and Vincent (2016) of the same name is another.
    """
    return categorical_cross_entropy(output, target) + coefficient * output.logsumexp(-1).square()


@dataclass(frozen=True, kw_only=True)
class ZLoss(SoftmaxLoss):
    """Cross-entropy with PaLM's z-loss. Two classes have two outputs; identities are the training people.

    coefficient: what the squared log of the normaliser costs, 0 or more; 0 is cce. Searched about PaLM's
        1e-4, up to where it costs as much as a wrong class.
    """

    name: str = "z_loss"
    coefficient: float = knob(1e-4, at_least=0, search=log(1e-5, 0.1))

    def elicits(self, target: Target) -> str:
        return "probabilities"

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return cross_entropy_with_z(output, target, coefficient=self.coefficient)
