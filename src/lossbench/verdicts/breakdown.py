"""Breakdown points: how much of the training data may be wrong before a loss is lost.

The empirical breakdown point of a loss is the smallest share of wrong targets at which its mean test error
exceeds a stated multiple of its own error without any. What is known of it is two shares that were run: at
the first the error does not exceed the multiple, at the next it does. A straight line between them promises
more than that: of MSE it said 0.033 [0.030, 0.036], and at 0.025 the error was already doubled. The bootstrap
over seeds (95%) tells which shares it may as well lie between. The finite-sample breakdown point of Donoho
and Huber (1983) asks when an estimate becomes arbitrarily bad; here it is enough that it becomes bad, because
a network on real data never gets worse than everything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lossbench.seeds import numpy_generator
from lossbench.verdicts.conditions import LOSS, SEED, Layout
from lossbench.verdicts.contenders import slices
from lossbench.verdicts.results import metric_of, results
from lossbench.verdicts.spelling import in_words, show
from lossbench.verdicts.statistics import LEVEL, Floats

# Wrong labels are left out: a loss that is bad without any can hardly double its share of errors.
AXIS = "data.contamination"
MULTIPLE = 2.0
RESAMPLES = 2000


@dataclass(frozen=True)
class Breakdown:
    """The breakdown points of an experiment.

    axis: the param that is the share of wrong targets; most: the largest that was run.
    points: one row per condition apart from that axis: the condition's columns; `below` and `above`, the
        shares between which it lies; `low` and `high`, those between which it may lie by the bootstrap.
        `above` and `high` are infinite where the error never exceeds the multiple.
    """

    axis: str
    metric: str
    most: float
    points: pd.DataFrame
    layout: Layout
    best: float = 0.0  # value of the metric

    def table(self) -> dict[str, Any]:
        """As the pages show it: a sentence, heads, and rows of texts by loss."""
        rest = [key for key in self.layout.axes if key != self.axis]
        parts = slices(self.points, rest)
        rows = []
        for loss in self.layout.losses:
            found = [part[part[LOSS] == loss] for _, part in parts]
            rows.append((loss, [self._text(part.iloc[0]) if len(part) else "-" for part in found]))
        name = in_words(self.axis)
        error = f"{self.best:g} - {self.metric}" if self.best else self.metric
        return {
            "sentence": f"The smallest {name} at which the mean test {error} exceeds {MULTIPLE:g} times "
            "that without any lies between two values that were run; in brackets, where the seeds leave it "
            "open, between which it may lie (95%, bootstrap over seeds).",
            "heads": [title or name for title, _ in parts],
            "rows": rows,
        }

    def _text(self, row: pd.Series[Any]) -> str:
        """`0.05 to 0.1 [0.05, 0.2]`; in words where the error never gets so large."""
        none = f"none up to {show(float(self.most))}"
        if math.isinf(row["above"]) and row["low"] == row["below"]:
            return none
        point = f"{show(row['below'])} to {show(row['above'])}" if math.isfinite(row["above"]) else none
        high = show(row["high"]) if math.isfinite(row["high"]) else f"> {show(float(self.most))}"
        sure = (row["low"], row["high"]) == (row["below"], row["above"])
        return point if sure else f"{point} [{show(row['low'])}, {high}]"


def crossing(errors: Floats, multiple: float) -> NDArray[np.intp]:
    """The place of the first error that exceeds a multiple of the first one.

    Args:
        errors: (..., K), positive, of ascending shares from 0 on.

    Returns:
        (...), from 1 to K; K where none does.
    """
    above = errors > multiple * errors[..., :1]
    return np.asarray(np.where(above.any(-1), above.argmax(-1), errors.shape[-1]), dtype=np.intp)


def breakdown(chosen: pd.DataFrame, layout: Layout, metric: str) -> Breakdown | None:
    """The breakdown point of each loss; None where no share of wrong targets was swept from 0.

    The error in a test metric, named without prefix, is what is missing to its best.
    """
    axis = AXIS
    told = metric_of(chosen, metric)
    if (best := told.best) is None:
        return None  # no multiple of an error is known
    if axis not in layout.axes or layout.levels[axis][0] != 0 or len(layout.levels[axis]) < 3:
        return None
    rest = [key for key in layout.keys if key != axis]
    values = results(chosen, f"test/{metric}")
    frame = chosen.assign(error=best - values if told.higher_is_better else values - best)
    shares = np.array(layout.levels[axis], dtype=float)
    rows = []
    for _, own in frame.groupby(rest, dropna=False, sort=False):
        table = own.pivot_table(index=SEED, columns=axis, values="error").reindex(columns=shares).dropna()
        if len(table):
            condition = {key: own[key].iloc[0] for key in rest}
            rows.append({**condition, **_point(table.to_numpy(float), shares)})
    points = pd.DataFrame(rows, columns=[*rest, "below", "above", "low", "high"])
    return Breakdown(axis, metric, float(shares[-1]), points, layout, best)


def _point(errors: Floats, shares: Floats) -> dict[str, float]:
    """Of errors (seeds, K): the shares around the crossing of their mean, and of the bootstrap's."""
    generator = numpy_generator(0, "breakdown")
    drawn = generator.integers(0, len(errors), (RESAMPLES, len(errors)))
    again = crossing(errors[drawn].mean(1), MULTIPLE)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(again, [tail, 1 - tail], method="inverted_cdf")
    place, ends = int(crossing(errors.mean(0), MULTIPLE)), [*shares, math.inf]
    return {
        "below": float(ends[place - 1]),
        "above": float(ends[place]),
        "low": float(ends[int(low) - 1]),
        "high": float(ends[int(high)]),
    }
