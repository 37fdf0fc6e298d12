"""Focal loss on the softmax: cross-entropy in which what is predicted well already counts less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.config.search import linear
from lossbench.losses.cce import categorical_cross_entropy
from lossbench.losses.heads import SoftmaxLoss
from lossbench.losses.targets import one_hot
from lossbench.task import Target

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Knob


def softmax_focal(output: Tensor, target: Tensor, *, gamma: Knob) -> Tensor:
    """Focal loss of the softmax of the outputs.

        L = -(1 - p_y)^gamma log p_y,  p = softmax(output)

    With gamma = 0 it is the cross-entropy. An example with p_y near 1 counts less the larger gamma is.

    Args:
        output: float (..., C), logits.
        target: int (...), the class y, 0 .. C-1.
        gamma: 0 or more; a tensor of no dimension may stand for it.

    Returns:
        (...), one value per example.

    Raises:
        ValueError: the shapes do not fit, or the target is not of a whole-number type.

    Source:
        Mukhoti et al., "Calibrating Deep Neural Networks using Focal Loss" (NeurIPS 2020), section 4, after
        Lin et al., "Focal Loss for Dense Object Detection" (ICCV 2017), where each class has a sigmoid.
    """
    cross_entropy = categorical_cross_entropy(output, target)
    # log(1 - p_y) from the other classes: 1 - p_y itself would be 0 long before, without a gradient.
    others = output.masked_fill(one_hot(target, output).bool(), float("-inf"))
    remaining = others.logsumexp(-1) - output.logsumexp(-1)
    return (gamma * remaining).exp() * cross_entropy


@dataclass(frozen=True, kw_only=True)
class FocalSoftmax(SoftmaxLoss):
    """Focal loss on the softmax. Two classes have two outputs; identities are the training people.

    What it predicts is the softmax of its logits. Where gamma is above 0 it is not the softmax of true
    probabilities at which the loss is least, but of flatter ones (Charoenphakdee et al., "On Focal Loss for
    Class-Posterior Probability Estimation", CVPR 2021). Mukhoti et al. claim that networks that are too sure
    come out calibrated so: nll, brier and ece of the softmax as it is say whether.

    gamma: how much an easy example counts less, 0 or more; 0 is cce. 3 is the fixed value of Mukhoti et al.
        Searched where that of focal is.
    """

    name: str = "focal_softmax"
    gamma: float = knob(3.0, at_least=0, search=linear(0, 5))

    def elicits(self, target: Target) -> str:
        return "flattened probabilities" if self.gamma else "probabilities"

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return softmax_focal(output, target, gamma=self.gamma)
