"""What MLflow holds of a run, in the values and lengths that it takes."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lossbench import palette
from lossbench.engines.process import this_process
from lossbench.errors import InputError
from lossbench.tracking import runs
from lossbench.tracking.journal import Opening

if TYPE_CHECKING:
    from lossbench.data.source import Description

# MLflow's limits; a tag may be longer, but this is what its pages still show.
PARAM_LENGTH, TAG_LENGTH, _DIGEST_LENGTH = 6000, 5000, 36


DATA_SET_CONTEXT = ("mlflow.data.context", "training, validation, test")


def deleted_experiment(name: str, number: str) -> InputError:
    """The refusal of an experiment in which MLflow takes no runs."""
    return InputError(
        f"The experiment {name!r} was deleted in MLflow; restore it with "
        f"'mlflow experiments restore -x {number}', or choose another experiment.name."
    )


def opening(
    key: str,
    experiment: str,
    name: str,
    params: Mapping[str, str],
    tags: Mapping[str, str],
    description: Description | None,
) -> Opening:
    """A run about to train; its key, experiment, kind, process and colour are added to the tags.

    Args:
        params: as `provenance.flatten` gives them.
        description: of the data set, recorded as an MLflow input.
    """
    own = {runs.KEY: key, runs.EXPERIMENT: experiment, runs.PROCESS: str(this_process())}
    color = {runs.RUN_COLOR: palette.color(tags[runs.LOSS])} if runs.LOSS in tags else {}
    short = {param: value[:PARAM_LENGTH] for param, value in params.items()}
    data_set = data_set_record(description) if description else None
    now = time.time_ns() // 1_000_000
    return Opening(experiment, name, short, {runs.KIND: "member", **color, **tags, **own}, now, data_set)


def result_tags(result: runs.RunResult, left_out: Sequence[str] = ()) -> dict[str, str]:
    """The tags that say how a run ended."""
    tags: dict[str, str] = {runs.OUTCOME: result.outcome}
    if result.reason:
        tags[runs.REASON] = result.reason[:TAG_LENGTH]
    if result.traceback:
        tail = result.traceback[-TAG_LENGTH:]
        tags[runs.TRACEBACK] = tail
        tags[runs.NOTE] = f"**{result.outcome}**: {(result.reason or '')[:500]}\n\n```\n{tail[-4000:]}\n```"
    elif result.reason:
        tags[runs.NOTE] = f"**{result.outcome}**: {result.reason[: TAG_LENGTH - 100]}"
    if left_out:
        tags[runs.NOT_FINITE] = "; ".join(left_out)[:TAG_LENGTH]
    if result.artifacts:
        tags[runs.ARTIFACTS] = ",".join(sorted(result.artifacts))
    return tags


def finite_part(result: runs.RunResult) -> tuple[dict[str, list[tuple[int, float]]], list[str]]:
    """Curves and metrics without what MLflow cannot hold, and words on what was left out.

    MLflow stores infinity as 1.8e308, which flattens every chart. A curve ends before its first value that
    is not finite; a metric is a curve of one point at step 0.
    """
    kept: dict[str, list[tuple[int, float]]] = {}
    left_out = []
    for name, curve in result.history.items():
        end = next((i for i, (_, value) in enumerate(curve) if not math.isfinite(value)), len(curve))
        kept[name] = curve[:end]
        if end < len(curve):
            left_out.append(f"{name} is {curve[end][1]} at step {curve[end][0]} and ends before it")
    for name, value in result.metrics.items():
        if math.isfinite(value):
            kept[name] = [(0, value)]
        else:
            left_out.append(f"{name} is {value}")
    return kept, left_out


def finite_points(curves: runs.Points) -> list[tuple[str, int, float]]:
    """(name, step, value) of what MLflow can hold."""
    points = ((name, *point) for name, curve in curves.items() for point in curve)
    return [point for point in points if math.isfinite(point[2])]


def _said(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of inputs what tells their form: numbers that their scale depends on do not."""
    return {name: value for name, value in fields if name != "past"}


def data_set_record(description: Description) -> dict[str, str]:
    """The fields of MLflow's Dataset: credits as source, kinds as schema, sizes as profile."""
    return {
        "name": description.name,
        "digest": description.fingerprint[:_DIGEST_LENGTH],
        "source_type": "lossbench",
        "source": json.dumps({"credits": description.source}),
        "schema": json.dumps(
            {
                "inputs": dataclasses.asdict(description.inputs, dict_factory=_said),
                "targets": [dataclasses.asdict(target) for target in description.targets],
            }
        ),
        "profile": json.dumps({**description.sizes, "fingerprint": description.fingerprint}),
    }
