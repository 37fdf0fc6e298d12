"""Bayesian personalised ranking: what a user took above what he did not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.losses.clicks import ClickLoss, scored
from lossbench.task import Target

if TYPE_CHECKING:
    from torch import Tensor


def bayesian_personalised_ranking(right: Tensor, wrong: Tensor) -> Tensor:
    """The log odds that an item which was taken stands above one that was not, the mean over these.

        L = -1/K sum_k log sigmoid(right - wrong_k)

    With one of them it is the cross-entropy of two classes.

    Args:
        right: float (N,), scores of what was taken.
        wrong: float (N, K), scores of what was not.

    Returns:
        (N,), one value for each click.

    Raises:
        ValueError: the shapes do not fit.

    Source:
        Rendle, Freudenthaler, Gantner, Schmidt-Thieme, "BPR: Bayesian Personalized Ranking from Implicit
        Feedback" (UAI 2009), section 4.1; the mean over several is the expectation that it samples.
    """
    if wrong.ndim != 2 or right.shape != wrong.shape[:1]:
        raise ValueError(
            f"right must be (N,) and wrong (N, K); got {tuple(right.shape)}, {tuple(wrong.shape)}"
        )
    ahead = right.unsqueeze(-1) - wrong
    return (-ahead).logaddexp(ahead.new_zeros(())).mean(-1)


@dataclass(frozen=True, kw_only=True)
class BPR(ClickLoss):
    """Bayesian personalised ranking, on all items that the data has drawn for a click (`data.negatives`)."""

    name: str = "bpr"

    def __call__(self, output: Mapping[str, Tensor], target: Tensor, kind: Target) -> Tensor:
        return bayesian_personalised_ranking(*scored(output))
