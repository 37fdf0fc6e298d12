"""Policies: what they get of both rewards, and how far from the reference they go for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from lossbench.report.figures import seen
from lossbench.report.figures.drawn import Drawn, conditions
from lossbench.report.figures.looks import INK, looks, ordered
from lossbench.report.figures.style import axis_name, legend, lines_behind, metric_label, painted, panels
from lossbench.tracking import read_histories
from lossbench.verdicts.conditions import LOSS
from lossbench.verdicts.results import metric_of
from lossbench.verdicts.table import main_axis

if TYPE_CHECKING:
    from lossbench.metrics.measure import Metric
    from lossbench.verdicts.findings import Report

_DISTANCE, _REWARDS = "kl", ("proxy", "gold")
_ALL = (_DISTANCE, *_REWARDS)


def rewards_by_distance(report: Report, uri: str) -> Iterator[Drawn]:
    """Both rewards against the divergence, where runs have all three; under the first condition."""
    rows = report.chosen
    tested = [f"test/{name}" for name in _ALL]
    if not set(tested) <= set(rows) or rows[tested].isna().all().any():
        return
    axis = main_axis(report.layout)
    joined = axis if axis is not None and _numbers(report.layout.levels[axis]) else None
    parts, _ = conditions(rows, [key for key in report.layout.axes if key != joined])
    (_, rows), *others = parts
    points = _by_level(rows, joined) if joined else _by_epoch(rows, uri)
    if points.empty:
        return
    beside = {
        name: (float(own[tested[0]].mean()), *(float(own[one].mean()) for one in tested[1:]))
        for name, own in report.baselines.records(rows).items()
        if set(tested) <= set(own) and own[tested].notna().all().all()
    }
    how = f"a sign is a level of {axis_name(joined)}" if joined else "a line is training, epoch by epoch"
    more = "; the black line is the best of more and more sequences of the reference" if beside else ""
    some = f" (1 of {len(parts)} conditions)" if others else ""
    text = (
        "What a policy gets of the reward that was learned and of the gold one, by how far it is from the "
        f"reference: means over seeds, {how}{more}{some}."
    )
    metrics = {name: metric_of(report.runs, name) for name in _ALL}
    figure = against_distance(points, beside, metrics, report.layout.losses)
    place = f"{axis_name(joined)} " if joined else "epoch "
    alts = [seen.ends(metrics[name].shown, [("", points)], "place", name, place) for name in _ALL]
    yield Drawn("reward_by_distance.svg", figure, text, " ".join(alts))


def _numbers(levels: Sequence[Any]) -> bool:
    return len(levels) > 1 and all(
        isinstance(level, (int, float, np.number)) and not isinstance(level, bool) for level in levels
    )


def _by_level(rows: pd.DataFrame, axis: str) -> pd.DataFrame:
    """Means over seeds on test: loss.name, place (the level), and the three."""
    named = rows.rename(columns={f"test/{name}": name for name in _ALL} | {axis: "place"})
    return named.groupby([LOSS, "place"], sort=True)[list(_ALL)].mean().reset_index()


def _by_epoch(rows: pd.DataFrame, uri: str) -> pd.DataFrame:
    """Means over seeds on validation: loss.name, place (the epoch), and the three."""
    found = rows[["run_id", LOSS]]
    runs = list(rows["run_id"])
    curves = [read_histories(uri, runs, f"val/{name}").rename(columns={"value": name}) for name in _ALL]
    whole = curves[0].merge(curves[1], on=["run_id", "step"]).merge(curves[2], on=["run_id", "step"])
    named = whole.merge(found, on="run_id").rename(columns={"step": "place"})
    return named.groupby([LOSS, "place"], sort=True)[list(_ALL)].mean().reset_index()


@painted
def against_distance(
    points: pd.DataFrame,
    beside: Mapping[str, tuple[float, ...]],
    metrics: Mapping[str, Metric],
    among: Sequence[str] = (),
) -> Any:
    """A panel for each reward, a line for each loss through its points in their order.

    points: rows with the columns loss.name, place, kl, proxy and gold.
    beside: of baselines kl, proxy and gold.
    among: all losses of the report.
    """
    figure, places = panels(len(_REWARDS), "Rewards by the distance to the reference", share="x", height=4.0)
    names = ordered(points[LOSS])
    drawn_as = looks(names, among)
    for number, (axes, reward) in enumerate(zip(places, _REWARDS, strict=True), start=1):
        for name in names:
            own = points[points[LOSS] == name].sort_values("place", kind="stable")
            every = max(1, len(own) // 8)
            axes.plot(own[_DISTANCE], own[reward], gid=name, markevery=every, **drawn_as[name].kwargs())
        steps = sorted((own[0], own[number], name) for name, own in beside.items())
        if steps:
            xs, ys, _ = zip(*steps, strict=True)
            axes.plot(xs, ys, color=INK, linewidth=1.4, marker=".", gid="beside")
        axes.set_xlabel("KL(policy || reference) in nats")
        lines_behind(axes, "both")
        axes.set_ylabel(metric_label(metrics[reward], ""))
    farthest = max(beside, key=lambda name: beside[name][0], default=None)
    line = Line2D([], [], color=INK, linewidth=1.4, marker=".", label=f"up to {farthest}")
    legend(figure, drawn_as, beside=[line] if farthest else ())
    return figure
