"""What is said of a series: its steps, its windows in each part, its season, and what may be wrong in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossbench.counting import counted

if TYPE_CHECKING:
    from lossbench.data.series_reading import Steps
    from lossbench.data.source import Split
    from lossbench.data.splits import Ids
    from lossbench.data.windows import Block


def told(
    steps: Steps,
    parts: dict[Split, Ids],
    blocks: dict[Split, Block],
    *,
    past: int,
    horizon: int,
    cycles: tuple[str, ...],
    season: int,
    contamination: float,
) -> list[str]:
    """The lines.

    Args:
        parts: the first steps of the windows of each part.
        blocks: the stretch of steps of each part.
        cycles: of the calendar, that are read.
    """
    lines = list(steps.account)
    if cycles:
        lines.append(f"  calendar: {', '.join(cycles)}")
    shown, possible = [], 0
    for split, block in blocks.items():
        possible += max(0, block.stop - block.start - past - horizon + 1)
        first, last = (float(steps.times.stamps[at]) for at in (block.start, block.stop - 1))
        shown.append(f"{split} {steps.times.shown(first)} to {steps.times.shown(last)} ({len(parts[split])})")
    lines.append(f"  windows of {counted(past, 'step')} and the next {horizon}: {', '.join(shown)}")
    repeats = "the last value" if season == 1 else f"the value {season} steps before"
    lines.append(f"  naive forecast, by which mase is scaled: {repeats}")
    if contamination:
        lines.append(f"  outliers: {contamination:.3g} of the steps that training and validation predict")
    notes = list(steps.notes)
    if left := possible - sum(map(len, parts.values())):
        notes.append(f"{left} of {possible} windows are left out for a gap or a missing value")
    return [*lines, *(f"  ! {note}" for note in notes)]
