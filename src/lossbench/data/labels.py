"""Labels that people wrote as classes: names, numbers from 0, and what is wrong or may be wrong with them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.counting import counted
from lossbench.errors import InputError
from lossbench.task import Target, TargetKind

if TYPE_CHECKING:
    from lossbench.data.splits import Ids

MOST = 1000  # classes
_REPEATED = 2  # examples of a class on average; fewer are rather ids
_UNEVEN = 20  # times as many examples as another class has
_NEARLY_ALL = 0.9  # the share of a class from which on accuracy says little of the others
_MOST_TOLD = 8000  # characters of a tag in MLflow
_NOT_THERE = frozenset({"NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None", "?", "-"})


@dataclass(frozen=True, eq=False)
class Labels:
    """Classes and the examples that have them.

    names: in order of the alphabet, or of size where all are numbers (2 before 10).
    codes: (N,) int64, the place of each example's class among the names.
    """

    names: tuple[str, ...]
    codes: Ids

    @property
    def counts(self) -> list[int]:
        """Examples of each class."""
        import numpy as np

        return [int(count) for count in np.bincount(self.codes, minlength=len(self.names))]


def read_labels(
    texts: Sequence[str], owner: str, fewest: int = 5, *, instead: str = "choose another target"
) -> Labels:
    """Number the classes.

    Args:
        texts: (N,) the label of each example; one that is missing is empty.
        owner: whose labels they are, as `the target species of iris.csv`.
        fewest: examples that each class needs, so that each part of a split may hold some.
        instead: what to do where they are no classes.

    Raises:
        InputError: a label is missing, there is one class alone, a class has too few examples, or the labels
            look like ids.
    """
    import numpy as np
    import pandas as pd

    told = owner[0].upper() + owner[1:]
    codes, found = pd.factorize(pd.Series(list(texts), dtype=object))
    empty = [code for code, name in enumerate(found) if not str(name).strip()]
    missing = np.isin(codes, [-1, *empty]).nonzero()[0]
    if len(missing):
        more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(f"{told} is missing in row {missing[0] + 1}{more}; remove such rows.")
    if len(found) < 2:
        one = f"{found[0]!r} in every row" if len(found) else "empty"
        raise InputError(f"{told} is {one}: nothing to learn.")
    if len(found) > MOST or len(codes) < _REPEATED * len(found):
        raise InputError(
            f"{told} has {len(found)} different labels in {len(codes)} rows (at most {MOST} that repeat are "
            f"classes), which looks like an id or a text of its own in each row; {instead}."
        )
    names = in_order(map(str, found))
    place = {name: number for number, name in enumerate(names)}
    numbers = np.array([place[str(name)] for name in found], dtype=np.int64)
    labels = Labels(names, numbers[codes])
    _check_counts(labels, told, fewest)
    return labels


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Names as `Labels` has them: in order of the alphabet, or of size where all are numbers."""
    found = list(names)
    return tuple(sorted(found, key=_size if all(map(_is_number, found)) else None))


def _check_counts(labels: Labels, told: str, fewest: int) -> None:
    few = [(count, name) for name, count in zip(labels.names, labels.counts, strict=True) if count < fewest]
    if few:
        count, name = min(few, key=lambda own: own[0])
        more = f" (one of {len(few)} such classes)" if len(few) > 1 else ""
        raise InputError(
            f"{told} has the class {name!r} in {counted(count, 'row')} alone{more}, at least {fewest} are "
            "needed to train, validate and test: merge it with another class, or remove it."
        )


def notes(labels: Labels) -> tuple[str, ...]:
    """What may be wrong: names that differ little, names that say that there is none, uneven classes."""
    found: list[str] = []
    alike: dict[object, str] = {}
    for name in labels.names:
        number = _is_number(name)
        first = alike.setdefault(float(name) if number else "".join(name.casefold().split()), name)
        if first != name:
            what = "are one number" if number else "differ in case or spaces alone"
            found.append(
                f"the classes {first!r} and {name!r} {what}: write them alike if they are the same class"
            )
    numbers = [name for name in labels.names if _is_number(name)]
    if 0 < len(numbers) < len(labels.names):
        text = next(name for name in labels.names if name not in numbers)
        found.append(f"the classes mix texts and numbers, such as {text!r} and {numbers[0]!r}")
    counts = dict(zip(labels.names, labels.counts, strict=True))
    found += [
        f"{name!r} is a class of {counted(counts[name], 'row')}; if it says that the class is unknown, "
        "remove such rows"
        for name in labels.names
        if name in _NOT_THERE
    ]
    most, least = max(counts, key=lambda name: counts[name]), min(counts, key=lambda name: counts[name])
    share = counts[most] / sum(counts.values())
    if counts[most] > _UNEVEN * counts[least] or share >= _NEARLY_ALL:
        uneven = f"the classes are uneven: {counts[most]} rows of {most!r}, {counts[least]} of {least!r}"
        always = f"; always {most!r} has an accuracy of {share:.2g}: judge by another metric, as "
        found.append(f"{uneven}{always}experiment.judge=mcc" if share >= _NEARLY_ALL else uneven)
    return tuple(found)


def class_targets(names: Sequence[str]) -> tuple[Target, ...]:
    """What classes of these names are offered as: of two, the second is the positive one."""
    kind = "binary" if len(names) == 2 else "multiclass"
    return tuple(Target(own, len(names), names=tuple(names)) for own in (kind, "identity"))


def class_values(codes: Ids, targets: Sequence[Target]) -> dict[TargetKind, Ids]:
    """The classes (N,) by the kind of each target."""
    return {target.kind: codes for target in targets}


def names_as_text(targets: Sequence[Target]) -> str:
    """The names of classes as runs carry them, JSON; "" where there are none, or more than a tag holds."""
    named: dict[tuple[str, ...], list[TargetKind]] = {}
    for target in targets:
        if target.names:
            named.setdefault(target.names, []).append(target.kind)
    told = [{"kinds": kinds, "names": list(names)} for names, kinds in named.items()]
    text = json.dumps(told, ensure_ascii=False) if told else ""
    return text if len(text) <= _MOST_TOLD else ""


def names_of_text(text: object) -> Mapping[TargetKind, tuple[str, ...]]:
    """The names by kind of target; none of a text that is none of `names_as_text`."""
    try:
        told = json.loads(str(text))
        return {str(kind): tuple(map(str, row["names"])) for row in told for kind in row["kinds"]}
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}


def _is_number(name: object) -> bool:
    try:
        return math.isfinite(float(str(name)))
    except ValueError:
        return False


def _size(name: str) -> tuple[float, str]:
    return float(name), name
