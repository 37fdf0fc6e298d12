"""One number per run, loss by loss: the spread over seeds beside the mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lossbench.metrics.measure import Metric
from lossbench.report.figures.looks import look, ordered
from lossbench.report.figures.style import GREY, band, lines_behind, painted, panels
from lossbench.report.figures.wording import metric_label
from lossbench.verdicts.conditions import LOSS


@painted
def dots(parts: Sequence[tuple[str, pd.DataFrame]], metric: Metric) -> Any:
    """Each seed as a faint dot, the mean and its 95% interval in front; losses from best to worst.

    Args:
        parts: rows with the columns loss.name and value, one per run.
    """
    losses = ordered(loss for _, rows in parts for loss in rows.dropna(subset=["value"])[LOSS])
    several = any(rows.groupby(LOSS)["value"].count().max() > 1 for _, rows in parts)
    title = f"Test {metric.shown} of each loss{', over seeds' if several else ''}"
    if len(parts) == 1 and parts[0][0]:
        title = f"{title} ({parts[0][0]})"
    columns = min(len(parts), 3)
    figure, places = panels(
        len(parts), title, height=0.34 * len(losses) + 0.9, most=columns, share="x", square=False
    )
    for axes, (heading, rows) in zip(places, parts, strict=True):
        values = rows.dropna(subset=["value"]).groupby(LOSS)["value"]
        order = values.mean().sort_values(ascending=metric.higher_is_better).index
        for height, loss in enumerate(order):
            drawn = look(str(loss))
            own = values.get_group(loss)
            middle, low, high = band(own, metric)
            axes.plot(own, np.full(len(own), height), "|", color=GREY, markersize=9, alpha=0.6)
            axes.plot([low, high], [height, height], color=drawn.color, linewidth=4, solid_capstyle="butt")
            axes.plot([middle], [height], **{**drawn.kwargs(), "markersize": 8, "linestyle": "none"})
        axes.set_yticks(range(len(order)), [str(loss) for loss in order])
        axes.tick_params(axis="y", length=0)
        axes.set_title(heading if len(parts) > 1 else "", loc="left")
        lines_behind(axes, "x")
    if len(parts) > 1:
        figure.supxlabel(metric_label(metric), fontsize=9)
    else:
        places[0].set_xlabel(metric_label(metric))
    return figure
