"""What a run is worth in the choice among trials: each half of validation at the other half's best epoch.

A run keeps the weights of the epoch that was best on validation. The same validation value flatters it: the
noisier a curve, the higher its best point, and a choice among learning rates by such values takes rates that
are too large (in 27 of 83 recorded conditions the chosen rate lay above the best of the test, in 6 below). So
for the choice among trials alone each half of validation is scored at the epoch that the other half calls
best (cross-fitting; Chernozhukov and others, The Econometrics Journal 2018). The weights that are tested stay
those of the whole of validation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from lossbench.job import Member
from lossbench.metrics.measure import Metric
from lossbench.pack.evaluation import Found
from lossbench.pack.judging import judge_members
from lossbench.pack.objective import Report

FEWEST = 4  # examples of validation; with fewer a half says nothing
_PARTS = (slice(0, None, 2), slice(1, None, 2))  # examples in turn

OfHalves = tuple[Mapping[str, Tensor], Mapping[str, Tensor]]  # metrics (R,) on one and on the other


def taken(improved: Tensor, judged: Mapping[str, Tensor], before: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Metrics at the best epoch, where this one improved and where it did not."""
    nothing = torch.full_like(improved, torch.nan, dtype=torch.float64)
    found = {name: torch.where(improved, new, before.get(name, nothing)) for name, new in judged.items()}
    return {**before, **found}


def chosen(select: Metric, values: Tensor, best: Tensor, keep: str) -> Tensor:
    """Whose epoch takes the place of the one chosen before: bool, of values that are numbers.

    Args:
        keep: of `trainer.KEPT`, the best epoch or the last.
    """
    return ~values.isnan() if keep == "last" else select.improves(values, best)


class Halves:
    """The scores of R members on halves of validation, kept epoch by epoch; `select` chooses the epoch."""

    def __init__(self, select: Metric, keep: str = "best") -> None:
        self.select, self.keep = select, keep
        self.best: Tensor | None = None  # (2, R) of `select`, on each half at its best epoch
        self.other: dict[str, Tensor] = {}  # metric -> (2, R), on the other half at that epoch

    def update(self, active: Tensor, selecting: OfHalves, judged: Callable[[Tensor], OfHalves]) -> None:
        """Take in an epoch; of members that are not active nothing.

        Args:
            selecting: metrics (R,) on both halves, the selecting one among them.
            judged: all metrics on both halves of at least these members (R,) bool; asked for where a half
                calls this epoch its best, for nobody reads them elsewhere.
        """
        if any(self.select.name not in half for half in selecting):
            return
        values = torch.stack([half[self.select.name] for half in selecting])
        best = torch.full_like(values, torch.nan) if self.best is None else self.best
        improved = active & chosen(self.select, values, best, self.keep)
        self.best = torch.where(improved, values, best)
        if not bool(improved.any()):
            return
        first, second = judged(improved.any(dim=0))
        both = first.keys() & second.keys()
        crossed = {name: torch.stack([second[name], first[name]]) for name in both}
        self.other = taken(improved, crossed, self.other)

    def look(
        self,
        active: Tensor,
        found: Sequence[Found],
        truth: Mapping[str, Tensor],
        members: Sequence[Member],
        report: Report,
    ) -> None:
        """Judge an epoch on both halves, and take it in; arguments as of `judge_members`."""

        def judged(of: Sequence[Found], only: str | None = None) -> OfHalves:
            first, second = (_judged(of, truth, part, members, report, only) for part in _PARTS)
            return first, second

        selecting = judged(found, self.select.name)

        def all_of(those: Tensor) -> OfHalves:
            if all(self.select.name in measure.names for measure in members[0].source.measures):
                return selecting  # nothing else is measured
            return judged([own for one in found if (own := one.among(those))])

        self.update(active, selecting, all_of)

    def scores(self) -> dict[str, Tensor]:
        """Metric -> (R,), the mean of both halves; nan where one of them does not define it."""
        return {name: values.mean(dim=0) for name, values in self.other.items()}

    def state(self) -> dict[str, Any]:
        """What the epochs to come depend on."""
        return {"best": self.best, "other": dict(self.other)}

    def load(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Go on from a state."""
        best = state["best"]
        self.best = None if best is None else best.to(device)
        self.other = {name: values.to(device) for name, values in state["other"].items()}


def _judged(
    found: Sequence[Found],
    truth: Mapping[str, Tensor],
    examples: slice,
    members: Sequence[Member],
    report: Report,
    only: str | None,
) -> dict[str, Tensor]:
    parts = {kind: values[:, examples].contiguous() for kind, values in truth.items()}
    return judge_members((one.examples(examples) for one in found), parts, members, report, only)
