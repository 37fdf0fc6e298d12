"""The column of a table that is to be predicted: a number, or a class with its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.data import column_refusals as refusals
from lossbench.data import labels as classes
from lossbench.data.column_reading import LARGEST, Column, Numbers, Reading, as_numbers, number_notes
from lossbench.data.conventions import present
from lossbench.errors import InputError
from lossbench.task import Target

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from lossbench.data.labels import Labels

TASKS = ("auto", "number", "class", "by_type")
FEWEST = 5  # rows of a class
_FEWER_ARE_CLASSES = 21  # different whole numbers
_REPEATED = 10  # rows of each of them on average


@dataclass(frozen=True, eq=False)
class TableTarget:
    """What is to be predicted.

    content: (N,) float64, or of classes their codes.
    labels: the classes; None of a number.
    column: how its cells were read.
    said: for the first line, where somebody may want to choose otherwise.
    """

    content: npt.NDArray[np.float64 | np.int64]
    labels: Labels | None
    column: Column
    said: str = ""

    @property
    def targets(self) -> tuple[Target, ...]:
        return (Target("continuous"),) if self.labels is None else classes.class_targets(self.labels.names)


def read_target(cells: pd.Series[str], options: Reading, file: str) -> TableTarget:
    """The column to predict.

    Raises:
        InputError: a cell is missing or no number, all are equal, or the classes make no sense.
    """
    owner = f"the target {cells.name} of {file}"
    numbers = as_numbers(cells, options.convention)
    if options.task == "class" or (options.task != "number" and _are_classes(cells, numbers, options, owner)):
        return _class(cells, numbers, options.task, owner)
    return _number(cells, numbers, options, owner)


def _are_classes(cells: pd.Series[str], numbers: Numbers, options: Reading, owner: str) -> bool:
    """Texts are; and where `auto` decides, two different numbers, or few whole ones that repeat."""
    known = numbers.content.notna()
    there = present(cells)
    if 2 * int(known.sum()) < int(there.sum()):
        refusals.other_convention(numbers.bare, cells, options.convention, owner, None)
        refusals.mixed_signs(cells, owner, None)
        return True
    if options.task != "auto" or not there.any() or not known[there].all():
        return False
    counts = cells[there].value_counts()
    if len(counts) == 2:
        return True
    whole = bool((numbers.content[there] % 1 == 0).all())
    repeated = int(counts.sum()) >= _REPEATED * len(counts) and int(counts.min()) >= FEWEST
    return whole and 2 < len(counts) < _FEWER_ARE_CLASSES and repeated


def _class(cells: pd.Series[str], numbers: Numbers, task: str, owner: str) -> TableTarget:
    refusals.first(cells == "", cells, owner, "", "remove such rows")
    in_numbers = bool(numbers.content.notna().all())
    instead = "set data.task=number to predict a number" if in_numbers else "choose another target"
    labels = classes.read_labels(cells.tolist(), owner, FEWEST, instead=instead)
    count = len(labels.names)
    positive = f", {labels.names[1]} is the positive one" if count == 2 else ""
    otherwise = " (data.task=number: a number)" if task == "auto" and in_numbers else ""
    said = f"{cells.name} is one of {count} classes{positive}{otherwise}"
    return TableTarget(labels.codes, labels, Column(cells, notes=classes.notes(labels)), said)


def _number(cells: pd.Series[str], numbers: Numbers, options: Reading, owner: str) -> TableTarget:
    import numpy as np

    refusals.first(~present(cells), cells, owner, "", "remove such rows")
    bare, values = numbers.bare, numbers.content
    if values.isna().any():
        refusals.other_convention(bare, cells, options.convention, owner, None)
        refusals.mixed_signs(cells, owner, None)
    names = "" if options.task == "number" else ", or set data.task=class if it is a name"
    remedy = f"correct it, or choose another data.target{names}"
    refusals.first(values.isna(), cells, owner, "is no number", remedy)
    refusals.first(values.abs() > LARGEST, cells, owner, "is not finite or too large", "correct it")
    if values.min() == values.max():
        raise InputError(f"{owner[0].upper()}{owner[1:]} is {values[0]:.12g} in every row: nothing to learn.")
    notes = number_notes(numbers, options.convention, str(cells.name), "")
    two = sorted(values.unique())
    if len(two) == 2:
        notes = (
            f"the target {cells.name} has two values, {two[0]:.12g} and {two[1]:.12g}, like a class; here it "
            "is predicted as a number, by losses and metrics of numbers (data.task=class: as a class)",
            *notes,
        )
    said = f"{cells.name} is a number (data.task=class: a class)" if options.task == "auto" else ""
    # A copy: pandas' own array cannot be written to.
    return TableTarget(
        np.array(values, dtype=np.float64), None, Column(values, unit=numbers.unit, notes=notes), said
    )
