"""What is to be predicted of a user's texts: a class, a number, or several labels at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.counting import counted
from lossbench.data import column_refusals as refusals
from lossbench.data import labels as classes
from lossbench.data.labels import Labels
from lossbench.data.own_file import numbers_of
from lossbench.errors import InputError
from lossbench.significant import between
from lossbench.task import Target

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from lossbench.data.conventions import Convention
    from lossbench.data.part_examples import Values

FEWEST = 5  # texts of a class or with a label: fewer cannot be in training, validation and test
_FEWER_ARE_CLASSES = 21  # different whole numbers
_BITS = {"0": 0, "1": 1, "false": 0, "true": 1, "no": 0, "yes": 1}


@dataclass(frozen=True, eq=False)
class TextTarget:
    """What is to be predicted.

    by_kind: (N, ...) as `task.Target` has them, those of a test file behind the others.
    labels: the classes; None where there are none.
    said: what it is, in words.
    notes: what may be wrong in it.
    """

    targets: tuple[Target, ...]
    by_kind: Values
    labels: Labels | None
    said: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """How a target is to be read; the fields are knobs of `data=text`."""

    task: str
    label_separator: str | None
    convention: Convention


def read_target(
    of_file: tuple[Sequence[pd.Series[str]], str],
    of_test: tuple[Sequence[pd.Series[str]] | None, str],
    asked: Asked,
) -> TextTarget:
    """The target of the texts of a file, and of those of a test file where there is one.

    Args:
        of_file, of_test: the columns of the target, as texts, and the name of the file; several columns are
            labels, each 0 or 1.

    Raises:
        InputError: a target is missing or makes no sense, or the test file has another class.
    """
    (own, file), (test, test_file) = of_file, of_test
    several = len(own) > 1 or asked.label_separator is not None
    if several and asked.task != "auto":
        raise InputError(
            f"data.task={asked.task} reads one class or number from one column: for several labels leave "
            "data.task=auto, else name one column in data.target without data.label_separator."
        )
    if len(own) > 1:
        if asked.label_separator is not None:
            raise InputError(
                "data.label_separator parts one column: name one in data.target, or leave it out."
            )
        return _of_columns(own, test, file, test_file)
    owner, test_owner = (f"the target {own[0].name} of {name}" for name in (file, test_file))
    cells = None if test is None else test[0]
    if asked.label_separator is not None:
        return _of_lists(own[0], cells, asked.label_separator, owner)
    if asked.task == "number" or (asked.task == "auto" and _are_numbers(own[0], asked.convention)):
        return _number(own[0], cells, asked.convention, owner, test_owner)
    try:
        return _class(own[0], cells, owner, test_owner)
    except InputError:
        if asked.task == "auto":
            refusals.rather_numbers(own[0], asked.convention, owner)
        raise


def _are_numbers(cells: pd.Series[str], convention: Convention) -> bool:
    """Many of them, or not whole: a few whole numbers, such as stars from 1 to 5, are classes."""
    there = cells[cells != ""]
    values = convention.numbers(there)
    if not len(there) or values.isna().any():
        return False
    return bool((values % 1 != 0).any()) or values.nunique() >= _FEWER_ARE_CLASSES


def _class(cells: pd.Series[str], test: pd.Series[str] | None, owner: str, test_owner: str) -> TextTarget:
    import numpy as np

    labels = classes.read_labels(cells.tolist(), owner, FEWEST)
    notes = classes.notes(labels)
    if test is not None:
        code = {name: number for number, name in enumerate(labels.names)}
        unknown = ~test.isin(list(code))
        refusals.first(
            unknown, test, test_owner, "is no class of the other file", "correct it, or remove such rows"
        )
        labels = Labels(labels.names, np.concatenate([labels.codes, test.map(code).to_numpy(dtype=np.int64)]))
    targets = classes.class_targets(labels.names)
    counts = [f"{name} ({count})" for name, count in zip(labels.names, labels.counts, strict=True)]
    told = f"{', '.join(counts[:12])}{f' and {len(counts) - 12} more' if len(counts) > 12 else ''}"
    positive = f"; {labels.names[1]} is the positive one" if len(counts) == 2 else ""
    said = f"the class {cells.name}: {told}{positive}"
    return TextTarget(targets, {target.kind: labels.codes for target in targets}, labels, said, notes)


def _number(
    cells: pd.Series[str], test: pd.Series[str] | None, convention: Convention, owner: str, test_owner: str
) -> TextTarget:
    import numpy as np

    found: list[npt.NDArray[np.float64]] = []
    notes: list[str] = []
    for part, whose in ((cells, owner), (test, test_owner)):
        if part is not None:
            values, unit, doubts = numbers_of(part, convention, whose)
            refusals.first(_missing(values, part), part, whose, "", "remove such rows")
            found.append(values)
            notes += doubts
    if found[0].min() == found[0].max():
        raise InputError(
            f"{owner[0].upper()}{owner[1:]} is {found[0][0]:.12g} in every row: nothing to learn."
        )
    every = np.concatenate(found)
    measured = f" (in {unit})" if unit else ""
    said = f"the number {cells.name}{measured}, from {between(float(every.min()), float(every.max()))}"
    kinds = (Target("continuous"),)
    return TextTarget(kinds, {"continuous": every}, None, said, tuple(dict.fromkeys(notes)))


def _missing(values: npt.NDArray[np.float64], cells: pd.Series[str]) -> pd.Series[bool]:
    import pandas as pd

    return pd.Series(values, index=cells.index).isna()


def _of_columns(
    own: Sequence[pd.Series[str]], test: Sequence[pd.Series[str]] | None, file: str, test_file: str
) -> TextTarget:
    """Labels as columns of 0 and 1."""
    import numpy as np

    names = tuple(str(cells.name) for cells in own)
    parts = [np.stack([_bits(cells, file) for cells in own], 1)]
    for name, count in zip(names, parts[0].sum(0).tolist(), strict=True):
        few = min(count, len(parts[0]) - count)
        if few < FEWEST:
            side = "1" if count == few else "0"
            raise InputError(
                f"The label {name} of {file} is {side} in {counted(few, 'row')}, at least {FEWEST} are "
                "needed: leave it out of data.target."
            )
    if test is not None:
        parts.append(np.stack([_bits(cells, test_file) for cells in test], 1))
    return _several(names, np.concatenate(parts))


def _bits(cells: pd.Series[str], file: str) -> npt.NDArray[np.int64]:
    import numpy as np

    owner = f"the target {cells.name} of {file}"
    values = cells.str.lower().str.removesuffix(".0").map(_BITS)
    refusals.first(cells == "", cells, owner, "", "write 0 or 1, or remove such rows")
    remedy = "correct it, or name one column alone"
    refusals.first(values.isna(), cells, owner, "is not 0 or 1, as several labels are", remedy)
    return np.asarray(values, dtype=np.int64)


def _of_lists(cells: pd.Series[str], test: pd.Series[str] | None, separator: str, owner: str) -> TextTarget:
    """Labels in one column; an empty cell has none of them. Those of few rows are left out."""
    import numpy as np

    listed = [_parted(cell, separator) for cell in cells]
    counts = Counter(label for labels in listed for label in labels)
    names = tuple(sorted(name for name, count in counts.items() if count >= FEWEST))
    if not names or max(map(len, listed)) < 2:
        why = f"no label is in {FEWEST} rows" if not names else "each row has one label at most"
        raise InputError(
            f"{owner[0].upper()}{owner[1:]} parted by data.label_separator={separator!r} gives no several "
            f"labels ({why}): name another sign, or leave it out, so that each row has one class."
        )
    if len(names) > classes.MOST:
        raise InputError(
            f"{owner[0].upper()}{owner[1:]} has {len(names)} labels, at most {classes.MOST} are read."
        )
    everywhere = [name for name in names if len(listed) - counts[name] < FEWEST]
    if everywhere:
        raise InputError(
            f"{owner[0].upper()}{owner[1:]} has the label {everywhere[0]!r} in nearly every row: remove it."
        )
    listed += [] if test is None else [_parted(cell, separator) for cell in test]
    bits = np.array([[name in labels for name in names] for labels in listed], dtype=np.int64)
    rare = sorted(set(counts) - set(names))
    few = f"{counted(len(rare), 'label')} of fewer than {FEWEST} rows left out: {', '.join(rare[:5])}"
    notes = (f"{few}{', ...' if len(rare) > 5 else ''}",) if rare else ()
    return _several(names, bits, notes)


def _parted(cell: str, separator: str) -> set[str]:
    return {label for label in map(str.strip, cell.split(separator)) if label}


def _several(names: Sequence[str], bits: npt.NDArray[np.int64], notes: tuple[str, ...] = ()) -> TextTarget:
    told = [f"{name} ({count})" for name, count in zip(names, bits.sum(0).tolist(), strict=True)]
    said = f"{len(names)} labels, each yes or no: {', '.join(told[:12])}{', ...' if len(told) > 12 else ''}"
    return TextTarget((Target("binary", 2, shape=(len(names),)),), {"binary": bits}, None, said, notes)
