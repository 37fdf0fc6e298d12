"""WARP: the first item drawn that stands too high, weighed by how soon it was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.config.search import log
from lossbench.losses.clicks import ClickLoss, scored
from lossbench.task import Target

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Knob


def weighted_approximate_rank_pairwise(
    right: Tensor, wrong: Tensor, items: int, *, margin: Knob = 1.0
) -> Tensor:
    """The hinge of the first violator among items drawn, times the logarithm of the rank that this suggests.

        L = log(max(1, floor((items - 1) / k))) * (margin - right + wrong_k)

    where k counts from 1 to the first with wrong_k > right - margin; where there is none, L is 0. The weight
    has no gradient. It stands for the sum of 1 / r up to the rank, of which it is the leading term.

    Args:
        right: float (N,), scores of what was taken.
        wrong: float (N, K), scores of what was not, in the order in which they were drawn.
        items: how many there are in all.
        margin: above 0; a tensor of no dimension may stand for it.

    Returns:
        (N,), one value for each click.

    Raises:
        ValueError: the shapes do not fit.

    Source:
        Weston, Bengio, Usunier, "WSABIE: Scaling Up To Large Vocabulary Image Annotation" (IJCAI 2011),
        section 3.2; the logarithm, and a bound on draws, as LightFM has them (Kula 2015; `fit_warp`).
    """
    import torch

    if wrong.ndim != 2 or right.shape != wrong.shape[:1]:
        raise ValueError(
            f"right must be (N,) and wrong (N, K); got {tuple(right.shape)}, {tuple(wrong.shape)}"
        )
    short = margin - right.unsqueeze(-1) + wrong
    violates = short > 0
    first = violates.int().argmax(-1, keepdim=True)  # of equal ones the first
    draws = torch.arange(1, wrong.shape[-1] + 1, device=wrong.device)
    rank = ((items - 1) // draws).clamp(min=1).to(wrong.dtype).log()
    weight = rank.expand(wrong.shape).gather(-1, first)
    return (weight * short.gather(-1, first)).where(violates.any(-1, keepdim=True), 0).squeeze(-1)


@dataclass(frozen=True, kw_only=True)
class WARP(ClickLoss):
    """WARP on the items that the data has drawn for a click; with few draws it finds violators seldom.

    margin: by which what was taken must win, above 0. It sets the size of scores, against which initial
        vectors and learning rate are large or small, and is searched about the usual 1 as that of hinge.
    """

    name: str = "warp"
    margin: float = knob(1.0, above=0, search=log(0.1, 10))

    def __call__(self, output: Mapping[str, Tensor], target: Tensor, kind: Target) -> Tensor:
        return weighted_approximate_rank_pairwise(*scored(output), kind.size, margin=self.margin)
