"""From a user's file or folder of texts to texts with targets, groups and times, and an account of it."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lossbench.counting import counted
from lossbench.data import own_file, text_files
from lossbench.data.labels import Labels
from lossbench.data.parts import FEWEST as FEWEST_OF_A_PART
from lossbench.data.parts import early_note, repeated_note, shared_note
from lossbench.data.repeated_texts import joined, wordings
from lossbench.data.text_files import Rows, Wanted
from lossbench.data.text_source import Texts
from lossbench.data.text_targets import Asked, TextTarget, read_target
from lossbench.data.timestamps import read_times
from lossbench.data.words import words
from lossbench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from lossbench.data.splits import Ids
    from lossbench.task import Target

FEWEST = 50  # texts; below that a test part of a fifth says nothing
_CUT = 0.05  # share of texts longer than what is read, from which on that is told
_FEW = 20  # different texts: they are rather a category


@dataclass(frozen=True)
class Reading:
    """How a file is to be read; the fields are knobs of `data=text`."""

    wanted: Wanted
    asked: Asked
    time_format: str | None
    repeats: str
    mask_digits: bool
    length: int


@dataclass(frozen=True, eq=False)
class TextTable:
    """A file, understood.

    labels: of each text its class; None where the target is no class.
    times: of each text, numbers; None where no column says them.
    test: positions of the texts of a test file; None where there is none.
    """

    file: str
    fingerprint: str
    texts: Texts
    targets: tuple[Target, ...]
    labels: Labels | None
    times: npt.NDArray[np.float64] | None
    test: Ids | None
    account: tuple[str, ...]


def understood(path: str, test_path: str | None, reading: Reading) -> TextTable:
    """The texts of a file, and of a test file behind them; read once while they do not change.

    Raises:
        InputError: a file or one of its columns cannot be used.
    """
    rows = text_files.read(path, reading.wanted)
    return _understood(
        rows, None if test_path is None else text_files.read(test_path, reading.wanted, "test_path"), reading
    )


@lru_cache(maxsize=4)
def _understood(rows: Rows, test: Rows | None, reading: Reading) -> TextTable:
    import numpy as np

    if len(rows) < FEWEST:
        raise InputError(
            f"{rows.file} has {counted(len(rows), 'text')}, too few to compare losses on: at least {FEWEST} "
            "are needed."
        )
    files = [part for part in (rows, test) if part]
    asked_of_test = (test.columns["target"], test.file) if test else (None, "")
    target = read_target((rows.columns["target"], rows.file), asked_of_test, reading.asked)
    texts = [text for part in files for text in part.texts]
    numbers = wordings(texts, mask_digits=reading.mask_digits)
    named, times = _groups(files), _times(files, reading)
    groups = named
    if reading.repeats == "together":
        groups = numbers if groups is None else joined(groups, numbers)
    kept, told = _kept(numbers, groups, len(rows), target, reading)
    _check_left(kept, rows, test)
    tested = np.flatnonzero(kept >= len(rows)) if test else None
    told += _of_test(named, times, kept, tested, reading)
    notes = [note for part in files for note in part.notes] + [*target.notes, *_odd(rows, reading), *told]
    content = " ".join([*(part.digest for part in files), repr(astuple(reading))])
    own = None if groups is None else np.unique(groups[kept], return_inverse=True)[1].astype(np.int64)
    labels = target.labels
    table = TextTable(
        file=rows.file,
        fingerprint=hashlib.sha256(content.encode()).hexdigest(),
        texts=Texts(tuple(texts[row] for row in kept), {k: v[kept] for k, v in target.by_kind.items()}, own),
        targets=target.targets,
        labels=None if labels is None else Labels(labels.names, labels.codes[kept]),
        times=None if times is None else times[kept],
        test=tested,
        account=(*_account(rows, test, target, groups), *(f"  ! {note}" for note in notes)),
    )
    own_file.tell(table.account)
    return table


def _account(rows: Rows, test: Rows | None, target: TextTarget, groups: Ids | None) -> list[str]:
    beside = f", and {len(test)} of {test.file} to test on" if test else ""
    counts = sorted(len(words(text)) for text in rows.texts)
    grouped = [] if groups is None else [f"  groups: {int(groups.max()) + 1}"]
    return [
        f"{rows.file}: {counted(len(rows), 'text')}{beside}, to predict {target.said}",
        f"  words of a text: {counts[len(counts) // 2]} in the middle, {counts[-1]} at most",
        *grouped,
    ]


def _odd(rows: Rows, reading: Reading) -> list[str]:
    """What may be wrong with the texts.

    Raises:
        InputError: they are ids or numbers, or all the same.
    """
    owner = (
        f"The text {' and '.join(reading.wanted.text)} of {rows.file}" if reading.wanted.text else rows.file
    )
    different = len(set(rows.texts))
    if different == 1:
        raise InputError(
            f"{owner} is {rows.texts[0]!r:.60} in every row: nothing to read; choose another data.text."
        )
    said = [words(text) for text in rows.texts]
    if max(map(len, said)) <= 1:
        like = "an id" if 2 * different > len(rows) else "a category or a number"
        raise InputError(
            f"{owner} has one word at most in each row, such as {rows.texts[0]!r:.60}, like {like}: "
            "name the column of text in data.text, or take data=table."
        )
    notes = []
    if different <= _FEW:
        notes.append(f"{owner} has {different} different texts, like a category, which data=table reads")
    silent = [text for text, found in zip(rows.texts, said, strict=True) if not found]
    if silent:
        notes.append(f"{counted(len(silent), 'text')} without a word, such as {silent[0]!r:.60}")
    long = sum(len(found) > reading.length for found in said)
    if long > _CUT * len(said):
        share = f"{100 * long / len(said):.0f}%"
        notes.append(
            f"{share} of the texts have more words than are read, data.length={reading.length} from the start"
        )
    return notes


def _groups(files: Sequence[Rows]) -> Ids | None:
    """The number of each row's group; equal texts are one."""
    import pandas as pd

    parts = [part.columns["group"][0] for part in files if part.columns.get("group")]
    for part, own in zip(files, parts, strict=False):
        empty = (own == "").to_numpy().nonzero()[0]
        if len(empty):
            where = part.places[empty[0]]
            raise InputError(
                f"The group {own.name} of {part.file} is missing in {where}; each row needs one."
            )
    return pd.factorize(pd.concat(parts))[0].astype("int64") if parts else None


def _times(files: Sequence[Rows], reading: Reading) -> npt.NDArray[np.float64] | None:
    import pandas as pd

    parts = [part.columns["time"][0] for part in files if part.columns.get("time")]
    if not parts:
        return None
    cells = pd.concat(parts, ignore_index=True)
    found = read_times(cells, reading.time_format, f"the time {reading.wanted.time} of {files[0].file}")
    return found.stamps


def _check_left(kept: Ids, rows: Rows, test: Rows | None) -> None:
    """Refuse a test file that, by `data.repeats=once`, takes the texts to train and validate on."""
    left = int((kept < len(rows)).sum())
    if test and left < 2 * FEWEST_OF_A_PART:
        raise InputError(
            f"data.repeats=once leaves {left} of {counted(len(rows), 'text')} of {rows.file}, the others are "
            f"in {test.file}, too, or repeat one another: name other texts in data.test_path, or leave "
            "data.repeats=once out."
        )


def _of_test(
    groups: Ids | None, times: npt.NDArray[np.float64] | None, kept: Ids, test: Ids | None, reading: Reading
) -> list[str]:
    """What of the texts that stay a test file may give away, `test` of them."""
    own = None if groups is None else groups[kept]
    when = None if times is None else times[kept]
    wanted = reading.wanted
    return [*shared_note(own, test, wanted.group or ""), *early_note(when, test, wanted.time or "")]


def _kept(
    numbers: Ids, groups: Ids | None, own: int, target: TextTarget, reading: Reading
) -> tuple[Ids, list[str]]:
    """Positions of the texts that stay, and what is said of those that occur several times.

    Args:
        own: how many are not of a test file.
    """
    import numpy as np

    alike = "but for case, punctuation and digits" if reading.mask_digits else "but for case and punctuation"
    if reading.repeats == "once":
        order = np.roll(np.arange(len(numbers)), len(numbers) - own)  # those of a test file come first
        first = order[np.unique(numbers[order], return_index=True)[1]]
        left = len(numbers) - len(first)
        unlike = [(v != v[first][numbers]).reshape(len(v), -1).any(1) for v in target.by_kind.values()]
        count = int(np.any(unlike, axis=0).sum())
        other = f", {count} of them with another target" if count else ""
        said = [f"{counted(left, 'text')} left out that {alike} is another one{other}"] if left else []
        return np.sort(first), said
    remedy = "data.repeats=together keeps such texts in one part, data.repeats=once the first alone"
    told = [
        f"{note.partition(':')[0]}, equal {alike}: {remedy}".replace("rows occur", "texts occur")
        for note in repeated_note(
            numbers[:own],
            None if groups is None else groups[:own],
            held_out="the test" if own == len(numbers) else "validation",
        )
    ]
    if both := int(np.isin(numbers[:own], numbers[own:]).sum()):
        told.append(
            f"{counted(both, 'text')} are in the test file, too: data.repeats=once leaves them out here"
        )
    return np.arange(len(numbers)), told
