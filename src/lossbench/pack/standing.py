"""Where the members of a pack stand on validation: their best epoch, and what they reached there.

A run keeps the weights of the epoch that was best on the whole of validation, or of the last. For the choice
among trials `halves` says what it is worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lossbench.metrics.measure import Metric
from lossbench.pack.fate import Failure
from lossbench.pack.halves import Halves, chosen, taken

_BY_MEMBER = ("best_epoch", "waited", "judgeable")


class Standing:
    """The best of R members so far, by the metric that chooses the epoch; on the device of metrics.

    With `keep` "last" each epoch in which that metric is a number takes the place of the one before.
    """

    def __init__(self, select: Metric, count: int, device: torch.device, keep: str = "best") -> None:
        self.select, self.keep = select, keep
        self.best: dict[str, Tensor] = {}  # metric -> (R,) at the best epoch
        self.best_epoch = torch.zeros(count, dtype=torch.int64, device=device)  # 0: none yet
        self.waited = torch.zeros(count, dtype=torch.int64, device=device)  # epochs since
        self.judgeable = torch.zeros(count, dtype=torch.bool, device=device)  # outputs were finite once
        self.halves = Halves(select, keep)

    def look(self, finite: Tensor, active: Tensor) -> None:
        """Note whose outputs on validation can be judged at all: (R,) bool."""
        self.judgeable |= active & finite

    def improved(self, judged: Mapping[str, Tensor], active: Tensor, epoch: int) -> Tensor:
        """Take in the metrics (R,) of an epoch, from 1; (R,) bool: whose best epoch it is."""
        nothing = torch.full_like(self.best_epoch, torch.nan, dtype=torch.float64)  # nobody could be judged
        values = judged.get(self.select.name, nothing)
        before = self.best.get(self.select.name, nothing)
        improved = active & chosen(self.select, values, before, self.keep)
        self.best = taken(improved, judged, self.best)
        self.best_epoch = torch.where(improved, epoch, self.best_epoch)
        self.waited = torch.where(improved, 0, self.waited + 1)
        return improved

    def totals(self) -> dict[str, Tensor]:
        """`val_best/...`, `val_best/epoch` and `val_choose/...`, each (R,); nan where a member has none."""
        found = {f"val_best/{name}": values for name, values in self.best.items()}
        found |= {f"val_choose/{name}": values for name, values in self.halves.scores().items()}
        return found | {"val_best/epoch": self.best_epoch.double().where(self.best_epoch > 0, torch.nan)}

    def failure(self, member: int) -> Failure | None:
        """Why a member that trained to its end has no best epoch, if it has none."""
        if bool(self.best_epoch[member] > 0):
            return None
        if bool(self.judgeable[member]):  # the metric is at fault: a class is missing in validation, say
            return Failure("failed", f"val/{self.select.name} is not defined on the validation split")
        return Failure("diverged", f"val/{self.select.name} was never finite")

    def state(self) -> dict[str, Any]:
        """What the epochs to come, and the results, depend on."""
        members = {name: getattr(self, name) for name in _BY_MEMBER}
        return {"best": dict(self.best), "members": members, "halves": self.halves.state()}

    def load(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Go on from a state."""
        self.best = {name: values.to(device) for name, values in state["best"].items()}
        for name, values in state["members"].items():
            setattr(self, name, values.to(device))
        self.halves.load(state["halves"], device)
