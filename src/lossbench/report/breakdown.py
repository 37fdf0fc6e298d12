"""Breakdown points: how much of the training data may be wrong before a loss is lost.

The empirical breakdown point of a loss is the smallest share of wrong targets at which its mean test error
exceeds a stated multiple of its own error without any. Between the shares that were run the mean is taken to
be a straight line. The interval is that of the percentile bootstrap over seeds (95%). The finite-sample
breakdown point of Donoho and Huber (1983) asks when an estimate becomes arbitrarily bad; here it is enough
that it becomes bad, because a network on real data never gets worse than everything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lossbench.report.conditions import LOSS, SEED, Layout, higher_is_better, results
from lossbench.report.contenders import slices
from lossbench.report.spelling import show
from lossbench.report.statistics import LEVEL, Floats
from lossbench.seeds import numpy_generator
from lossbench.significant import number

# Wrong labels are left out: a loss that is bad without any can hardly double its share of errors.
AXIS = "data.contamination"
MULTIPLE = 2.0
RESAMPLES = 2000


@dataclass(frozen=True)
class Breakdown:
    """The breakdown points of an experiment.

    axis: the param that is the share of wrong targets; most: the largest that was run.
    points: one row per condition apart from that axis: the condition's columns, `point`, `low`, `high`;
        infinite where the error never exceeds the multiple.
    """

    axis: str
    metric: str
    multiple: float
    most: float
    points: pd.DataFrame
    layout: Layout

    def table(self) -> dict[str, Any]:
        """As the pages show it: a sentence, heads, and rows of texts by loss."""
        rest = [key for key in self.layout.axes if key != self.axis]
        parts = slices(self.points, rest)
        rows = []
        for loss in self.layout.losses:
            found = [part[part[LOSS] == loss] for _, part in parts]
            rows.append((loss, [self._text(part.iloc[0]) if len(part) else "-" for part in found]))
        name = self.axis.split(".", 1)[1].replace("_", " ")
        error = f"1 - {self.metric}" if higher_is_better(self.metric) else self.metric
        return {
            "sentence": f"The smallest {name} at which the mean test {error} exceeds {self.multiple:g} times "
            "that without any, by straight lines between the values that were run; 95% interval by bootstrap "
            "over seeds.",
            "heads": [title or name for title, _ in parts],
            "rows": rows,
        }

    def _text(self, row: pd.Series[Any]) -> str:
        """`0.123 [0.110, 0.140]`; in words where the error never gets so large."""
        none = f"none up to {show(float(self.most))}"
        if math.isinf(row["low"]):
            return none
        point = self._share(row["point"]) if math.isfinite(row["point"]) else none
        return f"{point} [{self._share(row['low'])}, {self._share(row['high'])}]"

    def _share(self, value: float) -> str:
        if not math.isfinite(value):
            return f"> {show(float(self.most))}"
        return f"{value:.3f}" if value >= 0.01 else number(value, 2)


def crossing(shares: Floats, errors: Floats, multiple: float) -> Floats:
    """Where straight lines through the errors first exceed a multiple of the first one.

    Args:
        shares: (K,) ascending, beginning with 0.
        errors: (..., K), positive.

    Returns:
        (...); infinite where they never do.
    """
    limit = multiple * errors[..., :1]
    above = errors > limit
    last = np.clip(above.argmax(-1), 1, None)[..., None]
    before, after = (np.take_along_axis(errors, place, -1) for place in (last - 1, last))
    start, end = shares[last - 1], shares[last]
    with np.errstate(divide="ignore", invalid="ignore"):
        point = start + (limit - before) / (after - before) * (end - start)
    return np.where(above.any(-1), point[..., 0], np.inf)


def breakdown(
    chosen: pd.DataFrame, layout: Layout, metric: str, multiple: float = MULTIPLE
) -> Breakdown | None:
    """The breakdown point of each loss; None where no share of wrong targets was swept from 0.

    Args:
        chosen: the runs at the chosen learning rates.
        layout: what is compared.
        metric: a test metric without `test/`; of one whose best is 1, the error is what is missing to 1.
        multiple: above 1.
    """
    axis = AXIS
    if axis not in layout.axes or layout.levels[axis][0] != 0 or len(layout.levels[axis]) < 3:
        return None
    rest = [key for key in layout.keys if key != axis]
    values = results(chosen, f"test/{metric}")
    frame = chosen.assign(error=1 - values if higher_is_better(metric) else values)
    shares = np.array(layout.levels[axis], dtype=float)
    rows = []
    for _, own in frame.groupby(rest, dropna=False, sort=False):
        table = own.pivot_table(index=SEED, columns=axis, values="error").reindex(columns=shares).dropna()
        if len(table):
            condition = {key: own[key].iloc[0] for key in rest}
            rows.append({**condition, **_point(table.to_numpy(float), shares, multiple)})
    points = pd.DataFrame(rows, columns=[*rest, "point", "low", "high"])
    return Breakdown(axis, metric, multiple, float(shares[-1]), points, layout)


def _point(errors: Floats, shares: Floats, multiple: float) -> dict[str, float]:
    """Of errors (seeds, K): the crossing of their mean, and its bootstrap interval."""
    generator = numpy_generator(0, "breakdown")
    drawn = generator.integers(0, len(errors), (RESAMPLES, len(errors)))
    again = crossing(shares, errors[drawn].mean(1), multiple)
    tail = (1 - LEVEL) / 2
    # Not interpolated, since some of them may be infinite.
    low, high = np.quantile(again, [tail, 1 - tail], method="inverted_cdf")
    return {
        "point": float(crossing(shares, errors.mean(0), multiple)),
        "low": float(low),
        "high": float(high),
    }
