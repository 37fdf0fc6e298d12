"""A user's own pairs of texts: two columns that belong together, and a score, a label or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data import pair_reading
from lossbench.data.conventions import DECIMALS, THOUSANDS, Convention
from lossbench.data.csv_reading import SEPARATORS
from lossbench.data.hard_texts import HARD, PAIR, Hard, with_hard
from lossbench.data.overlap import word_overlap
from lossbench.data.own_file import names_as_texts, own_file, tell
from lossbench.data.pair_inputs import ONE, read_texts
from lossbench.data.pair_reading import Reading, TextPairs
from lossbench.data.parts import check_shares, parts
from lossbench.data.source import SPLITS, DataSet, DataSource, Description, Examples, Split
from lossbench.data.splits import robust_units
from lossbench.errors import InputError
from lossbench.metrics.retrieval import ORDER, RETRIEVAL
from lossbench.task import InputKind, Inputs, Target

if TYPE_CHECKING:
    from lossbench.data.baseline import Baseline
    from lossbench.data.splits import Ids
    from lossbench.metrics.measure import Measure


@dataclass(frozen=True, kw_only=True)
class Pairs(DataSource):
    """Inputs are a dict of two parts, `left` and `right`, each word ids or TF-IDF rows of one vocabulary.

    A score is a `continuous` target, and as `score` one that cosines are compared with; a label is `binary`
    or `multiclass`. Where there is neither, the texts of a row belong together and those of different rows
    do not: the target is `pair`, one number for pairs that share a text, which are not held against each
    other, and what judges is whether the `left` and `right` that a model gives (N, E) find each other among
    all of the part.

    path: a CSV file, also compressed (.gz, .zip): one line of column names, then one line per pair.
    left, right: columns of text.
    target: a column of scores or labels, without a gap; null: none.
    task: number, class, or auto: a number where all cells are numbers, not whole or more than 20 different.
    negative: a column of texts that do not belong to their row and are hard to tell from what does, as a
        triplet has them: in training they stand against all left ones of a batch. A cell may be empty.
    group: a column: pairs with one text in it (a book, a person) stay in one part.
    repeats: pairs that share a text, but for case and punctuation: anywhere, as they fall, which is told; or
        together in one part.
    length: words of a text that are read, from its start.
    vocabulary: known words (or TF-IDF columns), the most frequent of the training texts.
    min_count: words that occur less often in training are unknown.
    separator, decimal, thousands: as of `data=csv`.
    val_share, test_share: shares of the pairs, drawn at random by the seed, of each class alike; with groups,
        as near as they come.
    """

    reads = ("token_pair", "tfidf_pair")
    epochs = None  # by its size, as a table

    path: str | None = knob(None, optional=True, place=True)
    left: str | None = knob(None, optional=True)
    right: str | None = knob(None, optional=True)
    target: str | None = knob(None, optional=True)
    negative: str | None = knob(None, optional=True, later=True)
    task: str = knob("auto", choices=("auto", "number", "class"))
    group: str | None = knob(None, optional=True)
    repeats: str = knob("anywhere", choices=("anywhere", "together"))
    length: int = knob(64, at_least=1)
    vocabulary: int = knob(10000, at_least=3)
    min_count: int = knob(2, at_least=1)
    separator: str = knob("comma", choices=tuple(SEPARATORS))
    decimal: str = knob("point", choices=tuple(DECIMALS))
    thousands: str = knob("none", choices=tuple(THOUSANDS))
    val_share: float = knob(0.1, above=0, below=1)
    test_share: float = knob(0.2, above=0, below=1)

    def __post_init__(self) -> None:
        for name in ("left", "right", "target", "negative", "group"):
            object.__setattr__(self, name, names_as_texts(getattr(self, name)))
        super().__post_init__()
        if self.decimal == self.thousands:
            raise InputError(f"data.decimal and data.thousands are both {self.decimal}: they must differ.")
        check_shares(self.val_share, self.test_share)
        if self.negative is not None and self.target is not None:
            raise InputError(
                f"data.negative={self.negative} stands beside pairs that belong together, and data.target="
                f"{self.target} says how much each does: leave one of the two out."
            )
        if self.group is not None and self.repeats == "together":
            raise InputError("data.repeats=together makes groups of its own: leave out data.group, or it.")

    @property
    def judged_by(self) -> tuple[str | Measure, ...]:  # type: ignore[override]
        """By what is said of a pair."""
        if self.target is None:
            return (RETRIEVAL,)
        return ("continuous", ORDER) if self.targets()[0].kind == "continuous" else ("classes",)

    @property
    def select(self) -> str:  # type: ignore[override]
        """By the kind of target."""
        if self.target is None:
            return "pair_mrr"
        return "mae" if self.targets()[0].kind == "continuous" else "accuracy"

    def targets(self) -> tuple[Target, ...]:
        if self.path is None:  # any of these, once there are pairs
            return (Target("continuous"), Target("binary", 2), Target("multiclass", 3), Target("pair", 2))
        offered = self.pairs().targets
        return offered if self.negative is None else with_hard(offered, 1)

    def fingerprint(self, seed: int) -> str:
        return self.pairs().fingerprint

    def baselines(self) -> Mapping[str, Baseline]:
        """Where texts are to find each other, by the words that they share."""
        if self.target is not None:
            return {}
        known = self.pairs()
        return {"word overlap": word_overlap(known.left, known.right)}

    def account(self) -> list[str]:
        return _account(self.pairs())

    def training_size(self) -> int:
        return max(1, round(len(self.pairs().left) * (1 - self.val_share - self.test_share)))

    def part_sizes(self, seed: int) -> tuple[int, ...]:
        if self.pairs().groups is None:
            return ()
        return tuple(len(rows) for rows in self.split(seed).values())

    def split(self, seed: int) -> dict[Split, Ids]:
        """The rows of each part.

        Raises:
            InputError: a part would be too small.
        """
        known = self.pairs()
        return parts(
            len(known.left),
            seed,
            val_share=self.val_share,
            test_share=self.test_share,
            labels=known.labels,
            groups=known.groups,
            owner=known.file,
            by=self.group or "pairs that share a text",
        )

    def load(self, seed: int, reads: InputKind) -> DataSet:
        import torch

        known, rows = self.pairs(), self.split(seed)
        groups = None if known.groups is None else torch.from_numpy(known.groups)
        values = {kind: torch.from_numpy(own) for kind, own in known.by_kind.items()}
        if hard := self.hard_texts(seed):
            numbers_of = torch.from_numpy(hard.numbers)
            values[HARD] = torch.cat([values[PAIR].unsqueeze(1), numbers_of], 1)
        found: dict[Split, Examples] = {}
        for split, part in rows.items():
            own = torch.from_numpy(part)
            of_groups = None if groups is None else groups[own]
            found[split] = Examples(
                own, {kind: every[own] for kind, every in values.items()}, groups=of_groups
            )
        inputs = read_texts(self, known, seed, reads).texts
        read = {
            side: Inputs(ONE[reads], tuple(own.shape[1:]), self.vocabulary) for side, own in inputs.items()
        }
        description = Description(
            name=self.name,
            inputs=Inputs(reads, parts=read),
            targets=self.targets(),
            sizes={split: len(part) for split, part in found.items()},
            source=f"{known.file}, {self.left} and {self.right}",
            fingerprint=known.fingerprint,
        )
        numbers = known.by_kind.get("continuous")
        units = {} if numbers is None else {"continuous": robust_units(numbers[rows["train"]])}
        train, val, test = (found[split] for split in SPLITS)
        return DataSet(description, inputs, train, val, test, units=units)

    def hard_texts(self, seed: int) -> Hard | None:
        """Texts that stand against the left ones of a batch beside its right ones; None: there are none."""
        known = self.pairs()
        if known.others is None or known.numbers is None:
            return None
        return Hard((known.others,), known.numbers[:, None])

    def pairs(self) -> TextPairs:
        """The file, understood; the same object for every seed.

        Raises:
            InputError: the file or one of its columns cannot be used.
        """
        if self.path is None or self.left is None or self.right is None:
            raise InputError(
                "data=pairs needs your file and its two columns of text: data.path=pairs.csv "
                "data.left=question data.right=answer."
            )
        options = Reading(
            left=self.left,
            right=self.right,
            target=self.target,
            group=self.group,
            task=self.task,
            convention=Convention(self.decimal, self.thousands),
            together=self.repeats == "together",
            negative=self.negative,
        )
        return _said(pair_reading.understood(own_file(self.path, self.separator), options))


@lru_cache(maxsize=4)
def _said(known: TextPairs) -> TextPairs:
    """What was made of the file is said once."""
    tell(_account(known))
    return known


def _account(known: TextPairs) -> list[str]:
    return [*known.account, *(f"  ! {note}" for note in known.notes)]
