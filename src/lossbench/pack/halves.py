"""How good a trial is on validation, apart from the luck of its best epoch.

A run keeps the weights of the epoch that was best on validation. The same validation value flatters it: the
noisier a curve, the higher its best point, and a choice among learning rates by such values takes rates that
are too large (in 27 of 83 recorded conditions the chosen rate lay above the best of the test, in 6 below). So
for the choice among trials alone each half of validation is scored at the epoch that the other half calls
best (cross-fitting; Chernozhukov and others, The Econometrics Journal 2018). The weights that are tested stay
those of the whole of validation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.metrics.measure import Metric

HALVES = (slice(0, None, 2), slice(1, None, 2))  # examples in turn
FEWEST = 4  # examples of validation; with fewer a half says nothing


def taken(improved: Tensor, judged: Mapping[str, Tensor], before: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Metrics at the best epoch, where this one improved and where it did not."""
    nothing = torch.full_like(improved, torch.nan, dtype=torch.float64)
    found = {name: torch.where(improved, new, before.get(name, nothing)) for name, new in judged.items()}
    return {**before, **found}


class Halves:
    """The scores of R members, kept epoch by epoch.

    Args:
        select: the metric that chooses the epoch.
    """

    def __init__(self, select: Metric) -> None:
        self.select = select
        self.best: Tensor | None = None  # (2, R) of `select`, on each half at its best epoch
        self.other: dict[str, Tensor] = {}  # metric -> (2, R), on the other half at that epoch

    def update(self, active: Tensor, judged: tuple[Mapping[str, Tensor], Mapping[str, Tensor]]) -> None:
        """Take in one epoch.

        Args:
            active: (R,) bool; the scores of the others stay as they are.
            judged: metrics (R,) on both halves; nan where a loss does not define one.
        """
        if any(self.select.name not in half for half in judged):
            return
        values = torch.stack([half[self.select.name] for half in judged])
        best = torch.full_like(values, torch.nan) if self.best is None else self.best
        improved = active & self.select.improves(values, best)
        self.best = torch.where(improved, values, best)
        both = judged[0].keys() & judged[1].keys()
        crossed = {name: torch.stack([judged[1][name], judged[0][name]]) for name in both}
        self.other = taken(improved, crossed, self.other)

    def scores(self) -> dict[str, Tensor]:
        """Metric -> (R,), the mean of both halves; nan where one of them does not define it."""
        return {name: values.mean(dim=0) for name, values in self.other.items()}

    def state(self) -> dict[str, object]:
        """What the epochs to come depend on."""
        return {"best": self.best, "other": dict(self.other)}

    def load(self, state: Mapping[str, object], device: torch.device) -> None:
        """Go on from a state."""
        best, other = state["best"], state["other"]
        self.best = best.to(device) if isinstance(best, torch.Tensor) else None
        assert isinstance(other, dict)
        self.other = {str(name): values.to(device) for name, values in other.items()}
