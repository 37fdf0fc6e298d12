"""Sentences rated by people, offered as a value, a sign, a distribution and a class."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data.balance import weighed
from lossbench.data.parts import check_shares
from lossbench.data.rated_sentences import FILES, SCALE, VADER, read_rated
from lossbench.data.source import Split
from lossbench.data.splits import stratified
from lossbench.data.text_source import Texts, TextSource
from lossbench.errors import InputError
from lossbench.task import Target

if TYPE_CHECKING:
    from lossbench.data.part_examples import Values
    from lossbench.data.splits import Ids

_FEWEST = 10


@dataclass(frozen=True, kw_only=True)
class Sentiment(TextSource):
    """Four kinds of sentences, each with the ratings of 15 people or more from -4 to 4.

    continuous is the mean rating; binary and identity are its sign (1 is positive); distribution is the
    share of people for each of the nine answers.

    source: movies, tweets, products, editorials, or all of them together.
    neutral_band: sentences whose mean rating lies within so much of 0 have no class and are left out for
        every target, so that all losses see the same sentences; at 0 these are means of exactly 0.
    val_share, test_share: shares of the sentences, drawn at random with equal shares of both signs.
    train_size: training sentences; null takes all that are left.
    balance: training sentences weigh so that both signs count alike.
    """

    source: str = knob("movies", choices=(*FILES, "all"))
    neutral_band: float = knob(0.0, at_least=0, below=4)
    val_share: float = knob(0.1, above=0, below=1)
    test_share: float = knob(0.2, above=0, below=1)
    train_size: int | None = knob(None, at_least=_FEWEST, optional=True)
    balance: bool = knob(False, later=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_shares(self.val_share, self.test_share)

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

    @property
    def credit(self) -> str:
        return f"{self.source}: sentences and human ratings, Hutto and Gilbert (ICWSM 2014)"

    def read(self) -> Texts:
        return _sentences(self.source, self.neutral_band)

    def trained_on(self, values: Values, seed: int) -> Values:
        return weighed(values, "binary", 2) if self.balance else values

    def split(self, seed: int) -> dict[Split, Ids]:
        signs = self.read().by_kind["binary"]
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
        test_rows, val_rows, train_rows = parts
        return {"train": train_rows, "val": val_rows, "test": test_rows}


@lru_cache(maxsize=8)
def _sentences(source: str, neutral_band: float) -> Texts:
    """Those that have a class, in the published order."""
    import numpy as np

    rated = [one for one in read_rated(source) if abs(one.mean) > neutral_band]
    means = np.array([one.mean for one in rated], dtype=np.float64)
    counts = np.array([one.counts for one in rated], dtype=np.float32).reshape(-1, len(SCALE))
    sign = (means > 0).astype(np.int64)
    values = {
        "continuous": means,
        "binary": sign,
        "distribution": counts / counts.sum(-1, keepdims=True),
        "identity": sign,
    }
    return Texts(tuple(one.text for one in rated), values)
