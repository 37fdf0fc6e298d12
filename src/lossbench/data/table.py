"""A user's own regression table: a CSV file and the name of the column to predict."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lossbench.config.choice import knob
from lossbench.data import columns
from lossbench.data.account import account
from lossbench.data.column_reading import Reading
from lossbench.data.columns import Columns
from lossbench.data.conventions import DECIMALS, THOUSANDS, Convention
from lossbench.data.csv_reading import SEPARATORS
from lossbench.data.shared import while_used
from lossbench.data.source import DataSet, DataSource, Description, Examples
from lossbench.data.splits import robust_units, whole_groups
from lossbench.errors import InputError
from lossbench.seeds import numpy_generator
from lossbench.task import InputKind, Inputs, Target

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.data.splits import Ids

FEWEST = 50  # rows; below that a test part of a fifth says nothing
_FEWEST_OF_PART = 5


@dataclass(frozen=True, kw_only=True)
class Table(DataSource):
    """Numbers are imputed with the median and standardised, categories become one column each.

    path: a CSV file, also compressed (.gz, .zip): one line of column names, then one line per example.
    target: the column to predict: finite numbers, none missing.
    drop: columns to leave out.
    numbers: columns that stay numbers although they count the rows or look like dates.
    categories: columns of numbers that stand for names. A column of text is a category by itself.
    group: a column, no feature: rows with one text in it (a person, a machine) stay in one part.
    max_categories: known categories of a column, the most frequent of the file.
    min_count: rows of the file that a category needs to be known. What is not known is a row of zeros; a
        missing category is a category.
    separator: comma, semicolon or tab.
    decimal: the sign before the decimals, point or comma.
    thousands: the sign between thousands: none, comma, point, space (also one that does not break) or
        apostrophe. A currency, a percent sign or a unit that every cell of a column carries is taken off.
    val_share, test_share: shares of the rows, drawn at random by the seed; with groups, as near as they come.

    Columns of one value, without a name, of dates, of row numbers, or of text that hardly repeats are left
    out. What was made of each column is said once. Medians, means and deviations are those of the seed's
    training rows.
    """

    reads = ("vector",)
    judged_by = ("continuous",)
    select = "mae"  # a user's target may hold outliers: a squared metric would follow them
    epochs = None  # 300 rows and 50,000 rows want different ones

    path: str | None = knob(None, optional=True, place=True)
    target: str | None = knob(None, optional=True)
    drop: tuple[str, ...] = knob((), unordered=True)
    numbers: tuple[str, ...] = knob((), unordered=True)
    categories: tuple[str, ...] = knob((), unordered=True)
    group: str | None = knob(None, optional=True)
    max_categories: int = knob(20, at_least=1)
    min_count: int = knob(5, at_least=1)
    separator: str = knob("comma", choices=tuple(SEPARATORS))
    decimal: str = knob("point", choices=tuple(DECIMALS))
    thousands: str = knob("none", choices=tuple(THOUSANDS))
    val_share: float = knob(0.2, above=0, below=1)
    test_share: float = knob(0.2, above=0, below=1)

    def __post_init__(self) -> None:
        for knob_of_names in ("target", "group", "drop", "numbers", "categories"):
            object.__setattr__(self, knob_of_names, _names(getattr(self, knob_of_names)))
        super().__post_init__()
        if self.decimal == self.thousands:
            raise InputError(
                f"data.decimal and data.thousands are both {self.decimal}: they must differ, as in "
                "data.decimal=comma data.thousands=point."
            )
        held_out = self.val_share + self.test_share
        if held_out >= 1:
            raise InputError(
                f"data.val_share and data.test_share add up to {held_out:g}: together they must stay below 1."
            )

    def targets(self) -> tuple[Target, ...]:
        return (Target("continuous"),)

    def fingerprint(self, seed: int) -> str:
        return self.columns().fingerprint

    def account(self) -> list[str]:
        return account(self.columns(), all_columns=True)

    def training_size(self) -> int:
        return max(1, round(len(self.columns().target) * (1 - self.val_share - self.test_share)))

    def part_sizes(self, seed: int) -> tuple[int, ...]:
        if self.group is None:
            return ()
        return tuple(len(rows) for rows in self.split(self.columns(), seed).values())

    def load(self, seed: int, reads: InputKind) -> DataSet:
        import torch

        table = self.columns()
        inputs = _inputs(self, table, seed)
        target = torch.from_numpy(table.target)
        groups = None if table.groups is None else torch.from_numpy(table.groups)
        parts = {}
        for name, rows in self.split(table, seed).items():
            own = None if groups is None else groups[rows]
            parts[name] = Examples(torch.from_numpy(rows), {"continuous": target[rows]}, groups=own)
        left_out = "".join(f"; left out {name} ({why})" for name, why in table.left_out.items())
        description = Description(
            name=self.name,
            inputs=Inputs("vector", tuple(inputs.shape[1:])),
            targets=self.targets(),
            sizes={name: len(part) for name, part in parts.items()},
            source=f"{table.file}, target {self.target}{left_out}",
            fingerprint=table.fingerprint,
        )
        units = {"continuous": robust_units(table.target[parts["train"].rows.numpy()])}
        return DataSet(description, inputs, parts["train"], parts["val"], parts["test"], units)

    def split(self, table: Columns, seed: int) -> dict[str, Ids]:
        """Row numbers of the three parts. Without groups their sizes depend on the number of rows alone.

        Raises:
            InputError: a part would be too small to be judged.
        """
        rows = len(table.target)
        test, val = (max(1, round(share * rows)) for share in (self.test_share, self.val_share))
        if table.groups is not None:
            parts = whole_groups(table.groups, [test, val], seed, "split")
        else:
            order = numpy_generator(seed, "split").permutation(rows)
            parts = [order[:test], order[test : test + val], order[test + val :]]
        found = dict(zip(("test", "val", "train"), parts, strict=True))
        if min(map(len, parts)) < _FEWEST_OF_PART:
            sizes = {name: len(part) for name, part in found.items()}
            several = "" if table.groups is None else f" in {table.groups.max() + 1} groups of {self.group}"
            raise InputError(
                f"{self.path} has {rows} rows{several}, which gives {sizes['train']} for training, "
                f"{sizes['val']} for validation and {sizes['test']} for the test, at least {_FEWEST_OF_PART} "
                "each are needed: change data.val_share or data.test_share."
            )
        return found

    def columns(self) -> Columns:
        """The file, understood; the same object for every seed.

        Raises:
            InputError: the file or one of its columns cannot be used.
        """
        if self.path is None or self.target is None:
            raise InputError(
                "data=csv needs your file and the column to predict: data.path=houses.csv data.target=price."
            )
        options = Reading(
            separator=SEPARATORS[self.separator],
            convention=Convention(self.decimal, self.thousands),
            target=self.target,
            group=self.group,
            drop=self.drop,
            numbers=self.numbers,
            categories=self.categories,
            max_categories=self.max_categories,
            min_count=self.min_count,
            fewest=FEWEST,
        )
        return columns.understood(self.path, options)


def _names(given: Any) -> Any:
    """Names of columns as texts: YAML makes numbers of some. Lists, which have no hash, become tuples."""
    if isinstance(given, (list, tuple)):
        return tuple(map(_names, given))
    if isinstance(given, bool):
        return str(given).lower()
    return repr(given) if isinstance(given, (int, float)) else given


@lru_cache(maxsize=4)  # runs that follow each other often have one seed
@while_used
def _inputs(source: Table, table: Columns, seed: int) -> Tensor:
    """Every row (N, features) float32, by what this seed's training rows say.

    The width is fixed by the file, not by the seed, for members of a pack have one shape: which columns
    exist and which categories are known is read from the inputs of the whole file. That tells nothing about
    targets: a category that by chance is absent from training has a column of zeros there, and its weights
    stay as they were drawn. Every number that is computed comes from the training rows alone.
    """
    import numpy as np
    import torch

    transform: Any = columns.transform(table)
    transform.fit(table.frame.iloc[source.split(table, seed)["train"]])
    return torch.from_numpy(np.asarray(transform.transform(table.frame), dtype=np.float32))
