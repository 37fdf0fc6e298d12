"""What is seen in a figure, in words and from the data it is drawn from: for those who do not see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lossbench.metrics.measure import Metric
from lossbench.report.figures.drawn import Parts
from lossbench.report.figures.looks import ordered
from lossbench.report.figures.style import band
from lossbench.report.words import verdict_line
from lossbench.significant import alike, number
from lossbench.verdicts.conditions import LOSS, RATE

if TYPE_CHECKING:
    from lossbench.report.figures.stored import Runs
    from lossbench.verdicts.predictions import Arrays
    from lossbench.verdicts.ranks import Ranks
    from lossbench.verdicts.table import Table
    from lossbench.verdicts.verdict import Judged

MOST = 4  # conditions that are told


def told(what: str, parts: Sequence[tuple[str, Any]], tell: Callable[[Any], str]) -> str:
    """`Mean test RMSE: contamination 0: mse 0.9, mae 1.1; contamination 0.4: mse 3.2, mae 1.3.`"""
    said = [": ".join(filter(None, (title, tell(part)))) for title, part in parts[:MOST]]
    more = f"; and {len(parts) - MOST} more conditions" if len(parts) > MOST else ""
    return f"{what}: {'; '.join(said)}{more}."


def numbers(values: Mapping[str, float], digits: int = 3) -> str:
    """`mse 0.912, mae 1.12`."""
    return ", ".join(
        f"{name} {number(value, digits)}" for name, value in values.items() if np.isfinite(value)
    )


def dots(parts: Parts, metric: Metric) -> str:
    """Means with their intervals, the best first."""

    def tell(rows: pd.DataFrame) -> str:
        values = rows.dropna(subset=["value"]).groupby(LOSS)["value"]
        order = values.mean().sort_values(ascending=not metric.higher_is_better).index
        return ", ".join(f"{loss} {_interval(*band(values.get_group(loss), metric))}" for loss in order)

    return told(f"Test {metric.shown}, the best first", parts, tell)


def _interval(middle: float, low: float, high: float) -> str:
    if not high > low:
        return number(middle, 3)
    mean, *ends = alike([middle, low, high], (high - low) / 40)
    return f"{mean} ({' to '.join(ends)})"


def claims(verdicts: Sequence[Judged]) -> str:
    """Each claim with its verdict and difference."""
    known = [one for one in verdicts if np.isfinite(one.estimate)]
    return " ".join(f"{one.claim.sentence.rstrip('.')}: {one.verdict}, {verdict_line(one)}." for one in known)


def ends(what: str, parts: Parts, by: str, value: str, unit: str) -> str:
    """Where lines begin and end: `mse from 0.9 at epoch 1 to 0.7 at epoch 30`.

    Args:
        by: the column along which lines run; value: that of their heights, whose mean is told.
        unit: what stands before a place: `epoch `.
    """

    def tell(rows: pd.DataFrame) -> str:
        found = []
        for loss in ordered(rows[LOSS]):
            own = rows[rows[LOSS] == loss].dropna(subset=[value]).groupby(by)[value]
            known = own.mean()[own.size() >= own.size().max() / 2] if len(own) else own.mean()
            if not len(known):
                continue
            (first, start), (last, end) = ((known.index[place], known.iloc[place]) for place in (0, -1))
            rise = "" if len(known) == 1 else f" to {number(float(end), 3)} at {unit}{last:g}"
            found.append(f"{loss} from {number(float(start), 3)} at {unit}{first:g}{rise}")
        return ", ".join(found)

    return told(what, parts, tell)


def means(what: str, parts: Parts, column: str) -> str:
    """The mean of a column over the runs of each loss."""

    def tell(rows: pd.DataFrame) -> str:
        own = rows.groupby(LOSS)[column].mean()
        return numbers({loss: float(own[loss]) for loss in ordered(rows[LOSS])})

    return told(what, parts, tell)


def of_runs(
    what: str, parts: Sequence[tuple[str, Runs]], measure: Callable[[Sequence[Arrays]], float]
) -> str:
    """One number of the runs of each loss."""
    return told(what, parts, lambda runs: numbers({loss: measure(runs[loss]) for loss in ordered(runs)}))


def chosen(what: str, parts: Parts) -> str:
    """The learning rate that was chosen for each loss, with its validation metric."""

    def tell(rows: pd.DataFrame) -> str:
        best = rows[rows["rank"] == 0].dropna(subset=["validation"])
        return ", ".join(
            f"{loss} {number(float(own[RATE].iloc[0]), 3)} ({number(float(own['validation'].mean()), 3)})"
            for loss in ordered(best[LOSS])
            for own in [best[best[LOSS] == loss]]
        )

    return told(what, parts, tell)


def ranks(found: Ranks) -> str:
    """Mean ranks."""
    return f"Mean ranks: {numbers({str(loss): float(rank) for loss, rank in found.mean_ranks.items()})}."


def cross(table: Table) -> str:
    """Of each column who is best."""
    best = []
    for column in table.columns:
        means = np.array([cell.mean for cell in column.cells])
        if np.isfinite(means).any():
            best.append(f"by {column.head} {table.rows[int(np.nanargmin(means))]}")
    return f"Best where it is scored {', '.join(best)}."
