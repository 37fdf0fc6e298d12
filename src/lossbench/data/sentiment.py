"""Sentences rated by people, offered as a value, a sign, a distribution and a class."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data.rated_sentences import FILES, SCALE, VADER, read_rated
from lossbench.data.shared import while_used
from lossbench.data.source import DataSet, DataSource, Description, Examples
from lossbench.data.splits import robust_units, stratified
from lossbench.errors import InputError
from lossbench.task import InputKind, Inputs, Target, TargetKind

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.data.splits import Ids

_FEWEST = 10


@dataclass(frozen=True, kw_only=True)
class Sentiment(DataSource):
    """Four kinds of sentences, each with the ratings of 15 people or more from -4 to 4.

    continuous is the mean rating; binary and identity are its sign (1 is positive); distribution is the
    share of people for each of the nine answers.

    source: movies, tweets, products, editorials, or all of them together.
    neutral_band: sentences whose mean rating lies within so much of 0 have no class and are left out for
        every target, so that all losses see the same sentences; at 0 these are means of exactly 0.
    val_share, test_share: shares of the sentences, drawn at random with equal shares of both signs.
    train_size: training sentences; null takes all that are left.
    length: words of a sentence that are read, from its start.
    vocabulary: known words (or TF-IDF columns), the most frequent of the training sentences.
    min_count: words that occur less often in training are unknown.
    """

    reads = ("tokens", "tfidf")
    judged_by = ("continuous", "classes")
    select = "accuracy"

    source: str = knob("movies", choices=(*FILES, "all"))
    neutral_band: float = knob(0.0, at_least=0, below=4)
    val_share: float = knob(0.1, above=0, below=1)
    test_share: float = knob(0.2, above=0, below=1)
    train_size: int | None = knob(None, at_least=_FEWEST, optional=True)
    length: int = knob(64, at_least=1)
    vocabulary: int = knob(10000, at_least=3)
    min_count: int = knob(2, at_least=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        held_out = self.val_share + self.test_share
        if held_out >= 1:
            raise InputError(
                f"data.val_share and data.test_share add up to {held_out:g}: together they must stay below 1."
            )

    def targets(self) -> tuple[Target, ...]:
        support = tuple(map(float, SCALE))
        return (
            Target("continuous"),
            Target("binary", 2),
            Target("distribution", len(SCALE), support),
            Target("identity", 2),
        )

    def fingerprint(self, seed: int) -> str:
        return VADER.sha256

    def load(self, seed: int, reads: InputKind) -> DataSet:
        import torch

        sentences = _sentences(self.source, self.neutral_band)
        examples = {}
        for split, part in self.split(seed).items():
            rows = torch.from_numpy(part)
            examples[split] = Examples(rows, {kind: every[rows] for kind, every in sentences.targets.items()})
        inputs = _inputs(self, seed, reads)
        units = robust_units(examples["train"].targets["continuous"])
        description = Description(
            name=self.name,
            inputs=Inputs(reads, tuple(inputs.shape[1:]), self.vocabulary),
            targets=self.targets(),
            sizes={split: len(part) for split, part in examples.items()},
            source=f"{self.source}: sentences and human ratings, Hutto and Gilbert (ICWSM 2014)",
            fingerprint=VADER.sha256,
        )
        train, val, test = (examples[split] for split in ("train", "val", "test"))
        return DataSet(description, inputs, train, val, test, units={"continuous": units})

    def split(self, seed: int) -> dict[str, Ids]:
        """Positions of training, validation and test sentences among those that have a class.

        Raises:
            InputError: a part would be too small, or larger than what there is.
        """
        signs = _sentences(self.source, self.neutral_band).targets["binary"].numpy()
        test, val = (round(share * len(signs)) for share in (self.test_share, self.val_share))
        left = len(signs) - val - test
        train = left if self.train_size is None else self.train_size
        if min(val, test, left) < _FEWEST or train > left:
            raise InputError(
                f"{len(signs)} sentences ({self.source}) lie outside data.neutral_band={self.neutral_band}, "
                f"which leaves {left} for training, {val} for validation and {test} for the test: lower "
                "data.neutral_band or data.train_size, or change the shares."
            )
        parts = stratified(signs, (test, val, train), seed, "split")
        return dict(zip(("train", "val", "test"), reversed(parts), strict=True))


@dataclass(frozen=True)
class _Sentences:
    """Those that have a class, in the published order, and their targets."""

    texts: tuple[str, ...]
    targets: dict[TargetKind, Tensor]


@lru_cache(maxsize=8)
def _sentences(source: str, neutral_band: float) -> _Sentences:
    import torch

    rated = [one for one in read_rated(source) if abs(one.mean) > neutral_band]
    means = torch.tensor([one.mean for one in rated], dtype=torch.float64)
    counts = torch.tensor([one.counts for one in rated], dtype=torch.float32).view(-1, len(SCALE))
    sign = (means > 0).long()
    targets: dict[TargetKind, Tensor] = {
        "continuous": means,
        "binary": sign,
        "distribution": counts / counts.sum(-1, keepdim=True),
        "identity": sign,
    }
    return _Sentences(tuple(one.text for one in rated), targets)


@lru_cache(maxsize=4)  # runs that follow each other often have one seed
@while_used
def _inputs(source: Sentiment, seed: int, reads: InputKind) -> Tensor:
    """Every sentence as numbers, learned from this seed's training sentences."""
    from lossbench.data import words

    texts = _sentences(source.source, source.neutral_band).texts
    training = [texts[row] for row in source.split(seed)["train"]]
    if reads == "tfidf":
        return words.tfidf(texts, training, source.vocabulary, source.min_count, source.length)
    ids = words.known_words(training, source.vocabulary, source.min_count)
    return words.word_ids(texts, ids, source.length)
