"""The descriptions of metrics that runs carry: whoever shows results reads them there, whatever they are."""

from __future__ import annotations

import functools
import itertools
import json
from dataclasses import asdict, fields
from types import MappingProxyType
from typing import TYPE_CHECKING

from lossbench.metrics.measure import Metric
from lossbench.metrics.names import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MOST = 8000  # characters of a tag in MLflow
_DEFAULTS = {field.name: field.default for field in fields(Metric)}


def as_text(metrics: Iterable[Metric]) -> str:
    """Descriptions as JSON; where they are longer than a tag may be, without their meanings."""
    told = [asdict(metric) for metric in metrics]
    rows = [{name: value for name, value in row.items() if value != _DEFAULTS[name]} for row in told]
    text = json.dumps(rows)
    if len(text) > _MOST:
        text = json.dumps([{**row, "meaning": ""} for row in rows])
    return text


def _read(text: str) -> list[Metric]:
    """Nothing of a text that somebody has changed into something else."""
    try:
        rows = json.loads(text)
        return [Metric(**{name: row[name] for name in _DEFAULTS if name in row}) for row in rows]
    except (ValueError, TypeError, RecursionError):
        return []


@functools.lru_cache(maxsize=64)
def of_texts(*texts: str) -> Mapping[str, Metric]:
    """Metrics by name, in the order of tables, as runs describe them.

    Args:
        texts: of `as_text`, the latest first. What none of them describes (runs of an earlier release have
            none) is as the table of those that ship says.
    """
    found: dict[str, Metric] = {}
    for metric in itertools.chain.from_iterable(map(_read, texts)):
        found.setdefault(metric.name, metric)
    return MappingProxyType({**found, **{k: v for k, v in METRICS.items() if k not in found}})
