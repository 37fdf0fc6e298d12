"""Measures by their dotted path, as `data.metrics` names them, and what several have to keep together."""

from __future__ import annotations

import pkgutil
import re
from typing import TYPE_CHECKING

from lossbench.errors import InputError
from lossbench.metrics.measure import Measure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lossbench.metrics.measure import Metric

_NAME = re.compile(r"[\w.@-]+")
_TAKEN = ("epoch",)  # val_best/epoch is no metric


def named(path: str) -> Measure:
    """The measure that a dotted path names.

    Raises:
        InputError: there is none.
    """
    try:
        found = pkgutil.resolve_name(path)
    except InputError as error:
        raise InputError(f"data.metrics={path}: {error}") from error
    except Exception as error:  # a module may raise anything
        why = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"data.metrics={path} cannot be imported ({why}): name a measure as package.module.MEASURE, of a "
            "module in this folder or an installed one."
        ) from error
    if not isinstance(found, Measure):
        raise InputError(
            f"data.metrics={path} is no lossbench.metrics.measure.Measure, it is of type "
            f"{type(found).__name__}: name the constant that says what the function reads and gives."
        )
    return found


def check_together(measures: Iterable[Measure]) -> None:
    """Check the names that the measures of a data set give.

    Raises:
        InputError: a name cannot be recorded, or means two things.
    """
    known: dict[str, Metric] = {}
    for measure in measures:
        for metric in measure.metrics:
            if not _NAME.fullmatch(metric.name) or metric.name in _TAKEN:
                raise InputError(
                    f"A metric cannot be called {metric.name!r}: use letters, digits and _, as in hits_at_10."
                )
            if known.setdefault(metric.name, metric) != metric:
                raise InputError(
                    f"Two measures give {metric.name!r} and describe it differently, one of them "
                    f"{measure.function}; a name has one meaning: give one of them another."
                )
