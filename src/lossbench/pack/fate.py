"""What became of a member of a pack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Failure:
    """Why a member was frozen: its loss or weights became non-finite, or its loss raised."""

    outcome: Literal["diverged", "failed"]
    step: int
    reason: str
    traceback: str | None = None


@dataclass
class MemberResult:
    """What a member leaves behind, whatever its fate.

    history: curves by name, as (epoch, value) with epochs from 1.
    metrics: `best/...`, `choose/...`, `test/...` and `cross/...`.
    predictions: arrays of the test split.
    model: the weights that were tested, a state dict as `torch.save` writes it, where they were asked for.
    """

    outcome: Literal["finished", "diverged", "failed"] = "finished"
    reason: str | None = None
    traceback: str | None = None
    history: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    predictions: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict, compare=False)
    model: bytes | None = field(default=None, compare=False)
