"""From the `experiment` node of a config to checked claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lossbench.claims.claim import KINDS, Claim, Experiment
from lossbench.claims.known import Known
from lossbench.config.knob_types import is_number
from lossbench.errors import InputError, suggestion
from lossbench.metrics.families import described
from lossbench.metrics.recorded import of_texts

if TYPE_CHECKING:
    from lossbench.data.source import DataSource
    from lossbench.metrics.measure import Metric

_REQUIRED = ("id", "sentence", "source", "left", "right")
_KEYS = (*_REQUIRED, "metric", "margin", "kind", "direction", "change_from")
_EXPERIMENT_KEYS = ("name", "question", "judge", "select", "axes", "claims")
_SIDES = ("left", "right", "change_from")


def check_experiments(runs: Iterable[tuple[Mapping[str, Any], DataSource]]) -> None:
    """Check the experiments of a sweep; some milliseconds without claims, no torch with them.

    Args:
        runs: of each run the `experiment` node of its resolved config, and its data.

    Raises:
        InputError: a claim names an unknown key, loss, data set or model, or lacks a part; or a metric is
            named that is none, or that no data set of the experiment gives.
    """
    found: list[tuple[Mapping[str, Any], dict[str, DataSource]]] = []
    for node, source in runs:
        sources = next((sources for other, sources in found if other == node), None)
        if sources is None:
            found.append((node, sources := {}))
        sources[source.name] = source
    for node, sources in found:
        known = Known.of_config() if node.get("claims") else Known({})
        experiment = parse_experiment(node, known, next(iter(sources.values())).select)
        given = described(measure for source in sources.values() for measure in source.measures)
        experiment.measured({**of_texts(), **given})
        _check_measured(experiment, sources, given)


def _check_measured(
    experiment: Experiment, sources: Mapping[str, DataSource], given: Mapping[str, Metric]
) -> None:
    """Refuse a metric that no data set gives, whatever the loss: it would judge nothing."""
    named = {"experiment.judge": experiment.judge, "experiment.select": experiment.select}
    named |= {f"Claim {claim.id}: metric": claim.metric for claim in experiment.claims}
    for place, metric in named.items():
        if metric is not None and metric not in given:
            raise InputError(
                f"{place}={metric} is not measured on data={','.join(sources)}; choose of {', '.join(given)}."
            )


def parse_experiment(node: Mapping[str, Any], known: Known, example: str = "rmse") -> Experiment:
    """The experiment of a resolved `experiment` node; an example is a metric that fits, for remedies.

    Raises:
        InputError: as `check_experiments`, but of its metrics nothing is known yet (see `measured`).
    """
    for key in node:
        if key not in _EXPERIMENT_KEYS:
            raise InputError(f"experiment.{key} is not known ({suggestion(str(key), _EXPERIMENT_KEYS)}).")
    for key in ("judge", "select"):
        _check_name(f"experiment.{key}", node.get(key))
    if not isinstance(question := node.get("question"), (str, type(None))):
        raise InputError(f"experiment.question must be a text; got {question!r}.")
    axes = node.get("axes") or []
    if not isinstance(axes, (list, tuple)) or not all(isinstance(axis, str) for axis in axes):
        raise InputError(f"experiment.axes must be a list of knobs, as in [loss.delta]; got {axes!r}.")
    entries = node.get("claims") or []
    if not isinstance(entries, (list, tuple)):
        raise InputError(
            f"experiment.claims must be a list, each item with {', '.join(_REQUIRED)}; got {entries!r}."
        )
    claims: list[Claim] = []
    for place, entry in enumerate(entries):
        claim = _claim(place, entry, node.get("judge"), known, example)
        if claim.id in {other.id for other in claims}:
            raise InputError(f"Two claims have the id {claim.id!r}; give each its own.")
        claims.append(claim)
    return Experiment(
        name=str(node.get("name") or "adhoc"),
        question=question,
        judge=node.get("judge"),
        select=node.get("select"),
        claims=tuple(claims),
    )


def _claim(place: int, entry: Any, judge: str | None, known: Known, example: str) -> Claim:
    if not isinstance(entry, Mapping):
        raise InputError(f"Claim {place + 1} must be a mapping with {', '.join(_REQUIRED)}; got {entry!r}.")
    name = f"Claim {entry.get('id', place + 1)}"
    if not (entry.get("metric") or judge):  # which one is meant is never read off the runs
        raise InputError(
            f"{name} names no metric, and experiment.judge is not set: write metric: {example} in the claim, "
            f"or judge: {example} for all claims."
        )
    for key in entry:
        if key not in _KEYS:
            raise InputError(f"{name}: {key!r} is not a part of a claim ({suggestion(str(key), _KEYS)}).")
    lacking = [key for key in _REQUIRED if not entry.get(key)]
    if lacking:
        raise InputError(f"{name} lacks {' and '.join(lacking)}.")
    texts: dict[str, Any] = {key: _text(name, key, entry[key]) for key in ("id", "sentence", "source")}
    metric, direction = entry.get("metric") or judge, str(entry.get("direction") or "")
    _check_name(f"{name}: metric", metric)
    kind = str(entry.get("kind", "better")).replace(" ", "_")
    if kind not in KINDS:
        raise InputError(f"{name}: kind={entry['kind']} is not allowed ({suggestion(kind, KINDS)}).")
    sides: dict[str, Any] = {key: _selection(f"{name}: {key}", entry.get(key) or {}, known) for key in _SIDES}
    if sides["left"] == sides["right"]:
        raise InputError(f"{name} compares {sides['left']} with itself; let left and right differ.")
    margin = _margin(name, kind, entry.get("margin", 0.0))
    return Claim(**texts, **sides, metric=str(metric), kind=kind, margin=margin, direction=direction)


def _text(name: str, key: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise InputError(f"{name}: {key} must be a text; got {value!r}.")
    return " ".join(str(value).split())


def _margin(name: str, kind: str, margin: Any) -> float:
    if not is_number(margin) or not 0 <= margin < float("inf"):
        raise InputError(
            f"{name}: margin must be a number of at least 0, in units of the metric; got {margin!r}."
        )
    if kind != "better" and margin == 0:
        raise InputError(f"{name}: kind={kind} needs a margin above 0, within which results count as equal.")
    return float(margin)


def _selection(name: str, selection: Any, known: Known) -> dict[str, Any]:
    if not isinstance(selection, Mapping):
        raise InputError(f"{name} must be a selection such as {{loss: huber}}; got {selection!r}.")
    return {str(key): known.checked(name, str(key), wanted) for key, wanted in selection.items()}


def _check_name(name: str, metric: Any) -> None:
    if not isinstance(metric, (str, type(None))):
        sided = [known for known, told in of_texts().items() if told.aim is None]
        raise InputError(f"{name}={metric} is not a metric ({suggestion(str(metric), sided)}).")
