"""A user's own table: a file of columns and the name of the one to predict, a number or a class."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lossbench.config.choice import knob
from lossbench.data import columns, new_rows, table_files, table_inputs
from lossbench.data.account import account
from lossbench.data.balance import weighed
from lossbench.data.column_reading import Reading
from lossbench.data.columns import Columns
from lossbench.data.conventions import DECIMALS, THOUSANDS, Convention
from lossbench.data.csv_reading import SEPARATORS
from lossbench.data.labels import class_values
from lossbench.data.own_file import names_as_texts
from lossbench.data.part_examples import part_examples
from lossbench.data.parts import check_shares, parts
from lossbench.data.shared import while_used
from lossbench.data.source import SPLITS, DataSet, DataSource, Description, Split
from lossbench.data.splits import robust_units
from lossbench.data.table_target import TASKS
from lossbench.errors import InputError
from lossbench.task import InputKind, Inputs, Target, TargetKind, Units

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from lossbench.data.part_examples import Values
    from lossbench.data.splits import Ids
    from lossbench.trees import Tree

FEWEST = 50  # rows; below that a test part of a fifth says nothing
_ANY = (Target("continuous"), Target("multiclass", 2), Target("identity", 2), Target("binary", 2))


@dataclass(frozen=True, kw_only=True)
class Table(DataSource):
    """Numbers are imputed with the median and standardised, categories become one column each.

    path: a CSV, TSV or Parquet file, also compressed (.gz, .zip): of the first two one line of column names,
        then one line per example.
    target: the column to predict, none missing: finite numbers, or classes, of which each needs five rows.
    task: number or class; by_type: texts are a class, numbers a number; auto: two different numbers and few
        whole ones that repeat are a class, too. Of two classes the second by name is the positive one.
    drop: columns to leave out.
    numbers: columns that stay numbers although they count the rows or look like dates.
    categories: columns of numbers that stand for names. A column of text is a category by itself.
    group: a column, no feature: rows with one text in it (a person, a machine) stay in one part.
    time: a column, no feature unless `numbers` or `categories` name it: the last rows are the test, those
        before them validation, for every seed alike.
    time_format: how times are written, as strptime knows it, or s or ms since 1970; null: any usual one.
    test_path: a file with the same columns, whose rows are the test; the others are cut in two.
    log_target: losses see the natural logarithm of a number, so that equal errors are equal factors; metrics
        are in the target's own units all the same.
    balance: training rows weigh so that all classes count alike.
    max_categories: known categories of a column, the most frequent of the file.
    min_count: rows of the file that a category needs to be known. What is not known is a row of zeros; a
        missing category is a category.
    separator: comma, semicolon or tab; auto: a tab in a .tsv file, else a comma.
    decimal: the sign before the decimals, point or comma.
    thousands: the sign between thousands: none, comma, point, space (also one that does not break) or
        apostrophe. A currency, a percent sign or a unit that every cell of a column carries is taken off.
    val_share, test_share: shares of the rows, drawn at random by the seed, of each class alike; with groups
        and times, as near as they come.

    Columns of one value, without a name, of dates, of row numbers, or of text that hardly repeats are left
    out. What was made of each column is said once. Medians, means and deviations are those of the seed's
    training rows.
    """

    reads = ("vector",)
    judged_by = ("continuous", "classes")
    epochs = None  # 300 rows and 50,000 rows want different ones
    credit: ClassVar[str] = ""  # of a file that ships

    path: str | None = knob(None, optional=True, place=True)
    target: str | None = knob(None, optional=True)
    drop: tuple[str, ...] = knob((), unordered=True)
    numbers: tuple[str, ...] = knob((), unordered=True)
    categories: tuple[str, ...] = knob((), unordered=True)
    group: str | None = knob(None, optional=True)
    max_categories: int = knob(20, at_least=1)
    min_count: int = knob(5, at_least=1)
    separator: str = knob("comma", choices=(*SEPARATORS, table_files.AUTO))
    decimal: str = knob("point", choices=tuple(DECIMALS))
    thousands: str = knob("none", choices=tuple(THOUSANDS))
    val_share: float = knob(0.2, above=0, below=1)
    test_share: float = knob(0.2, above=0, below=1)
    task: str = knob("by_type", choices=TASKS, later=True)
    time: str | None = knob(None, optional=True, later=True)
    time_format: str | None = knob(None, optional=True, later=True)
    test_path: str | None = knob(None, optional=True, place=True, later=True)
    balance: bool = knob(False, later=True)
    log_target: bool = knob(False, later=True)

    def __post_init__(self) -> None:
        for knob_of_names in ("target", "group", "time", "drop", "numbers", "categories"):
            object.__setattr__(self, knob_of_names, names_as_texts(getattr(self, knob_of_names)))
        super().__post_init__()
        if self.decimal == self.thousands:
            raise InputError(
                f"data.decimal and data.thousands are both {self.decimal}: they must differ, as in "
                "data.decimal=comma data.thousands=point."
            )
        check_shares(self.val_share, self.test_share)
        if self.time is not None and self.group is not None:
            raise InputError("data.time splits by time alone: leave out data.group, or data.time.")

    @property
    def select(self) -> str:  # type: ignore[override]
        """By the kind of target; a user's numbers may hold outliers, which a squared metric would follow."""
        return "mae" if self.targets()[0].kind == "continuous" else "accuracy"

    def targets(self) -> tuple[Target, ...]:
        if self.path is None or self.target is None:
            return _ANY  # of these, once there is a file
        return self.columns().predicted.targets

    def fingerprint(self, seed: int) -> str:
        return self.columns().fingerprint

    def account(self) -> list[str]:
        return account(self.columns(), all_columns=True)

    def training_size(self) -> int:
        table = self.columns()
        if table.test is not None:
            return max(1, round((len(table.target) - len(table.test)) * (1 - self.val_share)))
        return max(1, round(len(table.target) * (1 - self.val_share - self.test_share)))

    def part_sizes(self, seed: int) -> tuple[int, ...]:
        if self.group is None:
            return ()
        return tuple(len(rows) for rows in self.split(self.columns(), seed).values())

    def load(self, seed: int, reads: InputKind) -> DataSet:
        table = self.columns()
        # What weighs differently is read alike.
        inputs = _inputs(replace(self, balance=False, log_target=False), table, seed)
        known = table.labels
        values = {"continuous": table.target} if known is None else class_values(known.codes, self.targets())
        found = part_examples(values, self.split(table, seed), self._trained_on, table.groups)
        left_out = "".join(f"; left out {name} ({why})" for name, why in table.left_out.items())
        description = Description(
            name=self.name,
            inputs=Inputs("vector", (table_inputs.width(table),)),
            targets=self.targets(),
            sizes={name: len(part) for name, part in found.items()},
            source=f"{self.credit or table.file}, target {self.target}{left_out}",
            fingerprint=table.fingerprint,
        )
        units: dict[TargetKind, Units] = {}
        if table.labels is None:
            trained = table.target[found["train"].rows.numpy()]
            units = {"continuous": robust_units(trained, log=self.log_target)}
        train, val, test = (found[part] for part in SPLITS)
        as_read = table_inputs.as_read(table, inputs)
        return DataSet(description, inputs, train, val, test, units, as_read=as_read)

    def new_inputs(self, rows: pd.DataFrame, seed: int) -> Tensor:
        table = self.columns()
        known = new_rows.as_columns(rows, table)
        return table_inputs.new_inputs(table, known, self.split(table, seed)["train"])

    def _trained_on(self, values: Values) -> Values:
        """What each training row weighs, where classes shall count alike."""
        (target, *_) = self.targets()
        weighs = self.balance and target.kind != "continuous"
        return weighed(values, target.kind, len(target.names)) if weighs else values

    def split(self, table: Columns, seed: int) -> dict[Split, Ids]:
        """Row numbers of the three parts. Without groups their sizes depend on the number of rows alone.

        Raises:
            InputError: a part would be too small to be judged, or training would lack a class.
        """
        return parts(
            len(table.target),
            seed,
            val_share=self.val_share,
            test_share=self.test_share,
            labels=table.labels,
            groups=table.groups,
            times=None if table.times is None else table.times.stamps,
            test=table.test,
            owner=str(self.path),
            by=self.group or "",
        )

    def columns(self) -> Columns:
        """The file, understood; the same object for every seed.

        Raises:
            InputError: the file or one of its columns cannot be used.
        """
        if self.path is None or self.target is None:
            needed = "needs your file and the column to predict: data.path=houses.csv data.target=price."
            raise InputError(f"data={self.name} {needed}")
        options = Reading(
            separator=table_files.sign_between(Path(self.path), self.separator),
            convention=Convention(self.decimal, self.thousands),
            target=self.target,
            group=self.group,
            drop=self.drop,
            numbers=self.numbers,
            categories=self.categories,
            max_categories=self.max_categories,
            min_count=self.min_count,
            fewest=FEWEST,
            task=self.task,
            time=self.time,
            time_format=self.time_format,
        )
        table = columns.understood(self.path, options, self.test_path)
        if self.balance and table.labels is None:
            raise InputError(
                f"data.balance weighs classes, and {self.target} is predicted as a number: leave it out, or "
                "set data.task=class."
            )
        if self.log_target and (table.labels is not None or table.target.min() <= 0):
            raise InputError(
                f"data.log_target takes the logarithm of {self.target}, which must be a number above 0 in "
                "every row: leave it out."
            )
        return table


@lru_cache(maxsize=1)  # runs that follow each other often have one seed; of a large table more are much
@while_used
def _inputs(source: Table, table: Columns, seed: int) -> Tree:
    """Every row, by what this seed's training rows say."""
    return table_inputs.inputs(table, source.split(table, seed)["train"])
