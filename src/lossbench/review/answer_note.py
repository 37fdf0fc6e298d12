"""The description of an experiment, which MLflow shows above its charts: what its runs say."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from lossbench.counting import counted
from lossbench.review.summary import Compared, Summary
from lossbench.significant import alike
from lossbench.tracking import resolve_uri

MOST = 6  # conditions


def measured(compared: Sequence[Compared], uri: str, experiment: str) -> str:
    """At the end of a sweep: the means of the losses with their intervals. What is sure, the report says.

    The first line is plain, for the list of experiments shows it as it is typed.
    """
    lines = [line for one in compared for line in _conditions(one)]
    more = [f"and {counted(len(lines) - MOST, 'more condition')}"] if len(lines) > MOST else []
    return "\n\n".join(
        [
            *lines[:MOST],
            *more,
            "Intervals are those of each mean. "
            f"Which loss, and how sure that is: `{report_of(uri, experiment)}`",
        ]
    )


def _conditions(compared: Compared) -> Iterator[str]:
    """`noise 0: test rmse, lower is better: huber 0.86 (0.85 to 0.87), mse 0.87 (0.86 to 0.89); 20 seeds`."""
    metric = compared.metrics.get(compared.judge)
    name = f"test/{compared.judge}"
    if metric is None:
        return
    by_condition: dict[str, list[Summary]] = {}
    for summary in compared.summaries:
        if name in summary.metrics and not summary.baseline:
            where = ", ".join(
                f"{axis.rpartition('.')[2]} {summary.params.get(axis, '?')}" for axis in compared.axes
            )
            by_condition.setdefault(where, []).append(summary)
    for where, own in by_condition.items():
        own.sort(key=lambda one: one.metrics[name], reverse=metric.higher_is_better)
        told = ", ".join(_mean(one, compared.judge) for one in own)
        seeds = counted(int(min(one.metrics["total/seeds"] for one in own)), "seed")
        places = [compared.data, *([where] if where else [])]
        yield f"{', '.join(places)}: test {compared.judge}, {metric.direction} is better: {told}; {seeds}"


def _mean(summary: Summary, judge: str) -> str:
    mean = summary.metrics[f"test/{judge}"]
    ends = [summary.metrics.get(f"test_interval/{judge}_{end}") for end in ("low", "high")]
    low, high = ends
    if low is None or high is None or not high > low:
        return f"{summary.loss} {mean:.4g}"
    middle, *told = alike([mean, low, high], (high - low) / 40)
    return f"{summary.loss} {middle} ({' to '.join(told)})"


def report_of(uri: str, experiment: str) -> str:
    """The command that reports on an experiment."""
    elsewhere = [] if resolve_uri(None) == uri else [f"tracking.uri={uri}"]
    return f"python -m lossbench.report {shlex.join([f'experiment={experiment}', *elsewhere])}"
