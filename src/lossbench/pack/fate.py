"""What became of a member of a pack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Failure:
    """Why a member was frozen: its loss or weights became non-finite, or its loss raised."""

    outcome: Literal["diverged", "failed"]
    reason: str
    traceback: str | None = None


@dataclass
class MemberResult:
    """What a member leaves behind, whatever its fate.

    history: curves by name, as (epoch, value) with epochs from 1.
    metrics: `val_best/...`, `val_choose/...`, `test/...` and `test_cross/...`.
    predictions: arrays of the test split.
    model: a state dict of the weights that were tested, as `torch.save` writes it, where it was asked for.
    """

    outcome: Literal["finished", "diverged", "failed"] = "finished"
    reason: str | None = None
    traceback: str | None = None
    history: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    predictions: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict, compare=False)
    model: bytes | None = field(default=None, compare=False)


def member_result(
    member: int,
    columns: Mapping[str, Sequence[Sequence[float]]],
    totals: Mapping[str, Sequence[float]],
    arrays: dict[str, np.ndarray[Any, Any]],
    failure: Failure | None,
) -> MemberResult:
    """Of one member: `columns` are curves of each member, `totals` metrics of each; nan is none."""
    curves = {
        name: [(epoch, value) for epoch, value in enumerate(rows[member], 1) if value == value]
        for name, rows in columns.items()
    }
    history = {name: curve for name, curve in curves.items() if curve}
    found = {name: values[member] for name, values in totals.items()}
    metrics = {name: value for name, value in found.items() if value == value}
    if failure is None:
        return MemberResult(history=history, metrics=metrics, predictions=arrays)
    # What a diverged or failed member had learnt before is no result: validation stays, test does not.
    metrics = {
        name: value for name, value in metrics.items() if name.startswith(("val_best/", "val_choose/"))
    }
    return MemberResult(failure.outcome, failure.reason, failure.traceback, history, metrics)
