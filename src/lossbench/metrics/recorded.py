"""What runs carry of their measures: whoever shows or takes apart their results reads it there."""

from __future__ import annotations

import functools
import itertools
import json
from dataclasses import asdict, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lossbench.errors import InputError
from lossbench.metrics.families import FAMILIES, described
from lossbench.metrics.measure import Measure, Metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MOST = 8000  # characters of a tag in MLflow
_DESCRIPTION = {field.name: field.default for field in fields(Metric)}
_READING = {field.name: field.default for field in fields(Measure) if field.name != "metrics"}


def as_text(measures: Iterable[Measure]) -> str:
    """Measures as JSON; where they are longer than a tag may be, without the meanings of their metrics."""
    return _text_of(tuple(measures))


@functools.lru_cache(maxsize=64)
def _text_of(measures: tuple[Measure, ...]) -> str:
    metrics = [_told(asdict(metric), _DESCRIPTION) for metric in described(measures).values()]
    read = [{"metrics": one.names, **_told(asdict(one), _READING)} for one in measures]
    text = json.dumps({"metrics": metrics, "measures": read})
    if len(text) > _MOST:
        text = json.dumps({"metrics": [{**one, "meaning": ""} for one in metrics], "measures": read})
    return text


def of_text(text: str) -> tuple[Measure, ...]:
    """The measures that a run carries; those that ship where it carries none, or what somebody changed."""
    return _read(text) or tuple(itertools.chain(*FAMILIES.values()))


@functools.lru_cache(maxsize=64)
def of_texts(*texts: str) -> Mapping[str, Metric]:
    """Metrics by name, in the order of tables, as runs describe them.

    Args:
        texts: of `as_text`, the latest first. What none of them describes (runs of an earlier release have
            none) is as with those that ship.
    """
    found = described(itertools.chain.from_iterable(map(_read, texts)))
    for name, metric in described(itertools.chain(*FAMILIES.values())).items():
        found.setdefault(name, metric)
    return MappingProxyType(found)


def _told(row: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name, default in defaults.items() if row[name] != default}


@functools.lru_cache(maxsize=64)
def _read(text: str) -> tuple[Measure, ...]:
    """Nothing of a text that is none of `as_text`."""
    try:
        told = json.loads(text)
        rows = [{name: row[name] for name in _DESCRIPTION if name in row} for row in told["metrics"]]
        metrics = {str(row["name"]): Metric(**row) for row in rows}
        return tuple(_measure(row, metrics) for row in told["measures"])
    except (ValueError, TypeError, KeyError, RecursionError, InputError):
        return ()


def _measure(row: Mapping[str, Any], metrics: Mapping[str, Metric]) -> Measure:
    read = {name: row[name] for name in _READING if name in row}
    lists = {name: tuple(values) for name, values in read.items() if isinstance(values, list)}
    return Measure(metrics=tuple(metrics[name] for name in row["metrics"]), **{**read, **lists})
