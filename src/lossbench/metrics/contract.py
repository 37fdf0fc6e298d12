"""What a measure must keep, checked where it measures: what is wrong is told by its name.

`metrics.measure` says what is asked for. A metric under another name would be in no table, and one number for
all members would be taken for the result of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from lossbench.config.making import resolved
from lossbench.errors import InputError, suggestion

if TYPE_CHECKING:
    from collections.abc import Callable

    from lossbench.metrics.measure import Measure

_SEE = "(see lossbench.metrics.measure)"


def check_measure(measure: Measure) -> None:
    """Check what a measure says of itself.

    Raises:
        InputError: it names nothing that it reads or gives, or not in the form that is asked for.
    """
    from lossbench.metrics.measure import Metric

    for part, kind in (("metrics", Metric), ("needs", str), ("fields", str)):
        given = getattr(measure, part)
        if not isinstance(given, tuple) or not all(isinstance(one, kind) for one in given):
            what = "Metric" if kind is Metric else "text"
            raise InputError(
                f"{part} of a Measure must be a tuple, each item a {what}; got {given!r:.80}; "
                f"a tuple of one is written with a comma, as in {part}=(one,)."
            )
    for part in ("function", "keep", "among"):
        given = getattr(measure, part)
        if not isinstance(given, (str, type(None))):
            path = f"{getattr(given, '__module__', 'package.module')}:{getattr(given, '__name__', 'name')}"
            raise InputError(f"{part} of a Measure must be a text such as {path!r}; got {given!r:.80}.")
    if not measure.metrics or not measure.needs:
        raise InputError("A Measure names one metric or more that it gives and predictions that it needs.")


def function_of(measure: Measure, path: str) -> Callable[..., Any]:
    """The function that a measure names.

    Raises:
        InputError: there is none.
    """
    fault = f"{_named(measure)} names the function {path!r}, which cannot be imported"
    found: Callable[..., Any] = resolved(path, fault, f": write package.module:name {_SEE}.")
    return found


def check_found(measure: Measure, found: Any, members: int) -> None:
    """Check what its function gave for so many members.

    Raises:
        InputError: it is no dict of its metrics with one number for each member.
    """
    import torch

    if not isinstance(found, dict):
        _refuse(measure, f"must give a dict of its metrics; {measure.function} gave {type(found).__name__}")
    for name, values in found.items():
        if name not in measure.names:
            hint = suggestion(str(name), measure.names)
            _refuse(measure, f"does not list {name!r} ({hint}), which {measure.function} gives")
        if not isinstance(values, torch.Tensor) or values.shape != (members,):
            got = tuple(values.shape) if isinstance(values, torch.Tensor) else type(values).__name__
            _refuse(
                measure,
                f"must give a tensor ({members},) for {members} runs at once, a number for each; "
                f"{measure.function} gave {got} for {name}: let it keep the first dimension, as in mean(-1)",
            )


def _refuse(measure: Measure, why: str) -> NoReturn:
    raise InputError(f"{_named(measure)} {why} {_SEE}.")


def _named(measure: Measure) -> str:
    return f"The measure of {', '.join(measure.names)}"
