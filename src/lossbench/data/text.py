"""A user's own texts: a table with a column of text, or a folder of files for each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lossbench.config.choice import knob
from lossbench.data.conventions import DECIMALS, THOUSANDS, Convention
from lossbench.data.csv_reading import SEPARATORS
from lossbench.data.own_file import names_as_texts
from lossbench.data.parts import check_shares, parts
from lossbench.data.source import Split
from lossbench.data.text_files import Wanted
from lossbench.data.text_reading import Reading, TextTable, understood
from lossbench.data.text_source import BalancedTexts, Texts
from lossbench.data.text_targets import Asked
from lossbench.errors import InputError
from lossbench.task import Target

if TYPE_CHECKING:
    from lossbench.data.splits import Ids

_PATH = "data.path=reviews.csv data.text=review data.target=mood"


@dataclass(frozen=True, kw_only=True)
class Text(BalancedTexts):
    """Texts and what is to be predicted of each: a class, a number, or several labels.

    path: a table of one line of column names, then one line per text; or a folder, in which each folder is a
        class and holds its texts as .txt files.
    text: the column of text; several are joined.
    target: the column to predict, without a gap; or several of 0 and 1, which are labels.
    task: number, class, or auto: a number where all cells are numbers, not whole or more than 20 different.
    label_separator: the sign between labels in the one column of the target.
    group: a column: rows with one text in it (an author) stay in one part.
    time: a column: the last texts are the test, those before them validation.
    time_format: how times are written, as strptime knows it, or s or ms since 1970; null: any usual one.
    test_path: a table or folder of the same form that is the test.
    repeats: texts that are equal but for case and punctuation: anywhere, as they fall, which is told;
        together in one part; or once, the first alone (of a text that is in a test file, that one).
    mask_digits: texts that differ in numbers alone are equal, too.
    balance: training texts weigh so that all classes count alike.
    separator, decimal, thousands: as of `data=csv`.
    val_share, test_share: shares of the texts, drawn at random by the seed, of each class alike; with groups,
        as near as they come.
    """

    path: str | None = knob(None, optional=True, place=True)
    text: tuple[str, ...] = knob(())
    target: tuple[str, ...] = knob(())
    task: str = knob("auto", choices=("auto", "number", "class"))
    label_separator: str | None = knob(None, optional=True)
    group: str | None = knob(None, optional=True)
    time: str | None = knob(None, optional=True)
    time_format: str | None = knob(None, optional=True)
    test_path: str | None = knob(None, optional=True, place=True)
    repeats: str = knob("anywhere", choices=("anywhere", "together", "once"))
    mask_digits: bool = knob(False)
    separator: str = knob("comma", choices=tuple(SEPARATORS))
    decimal: str = knob("point", choices=tuple(DECIMALS))
    thousands: str = knob("none", choices=tuple(THOUSANDS))
    val_share: float = knob(0.1, above=0, below=1)
    test_share: float = knob(0.2, above=0, below=1)

    epochs = None  # by its size, as a table

    def __post_init__(self) -> None:
        for name in ("text", "target", "group", "time"):
            object.__setattr__(self, name, _names(getattr(self, name), many=name in ("text", "target")))
        super().__post_init__()
        check_shares(self.val_share, self.test_share)
        if self.decimal == self.thousands:
            raise InputError(f"data.decimal and data.thousands are both {self.decimal}: they must differ.")
        if self.label_separator == "":
            raise InputError(
                "data.label_separator is empty: name the sign between labels, as in data.label_separator=';'."
            )
        if self.time is not None and (self.group is not None or self.repeats == "together"):
            raise InputError(
                "data.time splits by time alone: leave out data.group and data.repeats=together "
                "(data.repeats=once leaves out what was said before)."
            )

    @property
    def select(self) -> str:  # type: ignore[override]
        """By the kind of target."""
        return "mae" if self.targets()[0].kind == "continuous" else "accuracy"

    def targets(self) -> tuple[Target, ...]:
        if self.path is None:  # any of these, once there are texts
            return (Target("multiclass", 2), Target("identity", 2), Target("binary", 2), Target("continuous"))
        return self._table().targets

    def fingerprint(self, seed: int) -> str:
        return self._table().fingerprint

    def account(self) -> list[str]:
        return list(self._table().account)

    @property
    def credit(self) -> str:
        return f"{self._table().file}, target {', '.join(self.target) or 'class'}"

    def training_size(self) -> int:
        table = self._table()
        tested = len(table.test) if table.test is not None else round(self.test_share * len(table.texts))
        rest = len(table.texts) - tested
        return max(1, rest - round(self.val_share * (rest if table.test is not None else len(table.texts))))

    def part_sizes(self, seed: int) -> tuple[int, ...]:
        if self._table().texts.groups is None:
            return ()
        return tuple(len(rows) for rows in self.split(seed).values())

    def read(self) -> Texts:
        return self._table().texts

    def split(self, seed: int) -> dict[Split, Ids]:
        table = self._table()
        return parts(
            len(table.texts),
            seed,
            val_share=self.val_share,
            test_share=self.test_share,
            labels=table.labels,
            groups=table.texts.groups,
            times=table.times,
            test=table.test,
            owner=table.file,
            by=self.group or "equal texts",
        )

    def _table(self) -> TextTable:
        """The file, understood; the same object for every seed."""
        if self.path is None:
            raise InputError(
                f"data=text needs your table, its column of text and the one to predict, as in {_PATH}; or a "
                "folder with one folder of .txt files per class."
            )
        reading = Reading(
            wanted=Wanted(self.text, self.target, self.group, self.time, self.separator),
            asked=Asked(self.task, self.label_separator, Convention(self.decimal, self.thousands)),
            time_format=self.time_format,
            repeats=self.repeats,
            mask_digits=self.mask_digits,
            length=self.length,
        )
        return understood(self.path, self.test_path, reading)


def _names(given: Any, *, many: bool) -> Any:
    names = names_as_texts(given)
    return (names,) if many and isinstance(names, str) else names
