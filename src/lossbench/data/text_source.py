"""What data sets of texts share: texts with targets become word ids or TF-IDF rows, learned from training."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lossbench.config.choice import knob
from lossbench.data.balance import class_weights
from lossbench.data.part_examples import part_examples
from lossbench.data.shared import while_used
from lossbench.data.source import DataSet, DataSource, Description, Split
from lossbench.data.splits import robust_units
from lossbench.errors import InputError
from lossbench.task import WEIGHT, InputKind, Inputs

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.data.part_examples import Values
    from lossbench.data.splits import Ids


@dataclass(frozen=True, eq=False)
class Texts:
    """N texts, and what is to be said of them.

    by_kind: the targets (N, ...), as `task.Target` has them.
    groups: (N,) the group of each, from 0 without a gap; None: each is its own.
    """

    texts: tuple[str, ...]
    by_kind: Values
    groups: Ids | None = None

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, kw_only=True)
class TextSource(DataSource):
    """A data set of texts. A subclass says what the texts are, how they are split, and whom to credit.

    length: words of a text that are read, from its start.
    vocabulary: known words (or TF-IDF columns), the most frequent of the training texts.
    min_count: words that occur less often in training are unknown.
    """

    reads = ("tokens", "tfidf")
    judged_by = ("continuous", "classes")
    select = "accuracy"

    length: int = knob(64, at_least=1)
    vocabulary: int = knob(10000, at_least=3)
    min_count: int = knob(2, at_least=1)

    @abstractmethod
    def read(self) -> Texts:
        """The texts, the same object at every call while the files do not change.

        Raises:
            InputError: they cannot be had, or are damaged.
        """

    @abstractmethod
    def split(self, seed: int) -> dict[Split, Ids]:
        """Positions of the training, validation and test texts among those of `read`.

        Raises:
            InputError: a part would be too small.
        """

    @property
    @abstractmethod
    def credit(self) -> str:
        """Where the texts come from, in words, with the authors."""

    def trained_on(self, values: Values, seed: int) -> Values:
        """The targets of the training texts (n, ...), as they are trained on: with wrong ones, or weights."""
        return values

    def load(self, seed: int, reads: InputKind) -> DataSet:
        known = self.read()
        examples = part_examples(
            known.by_kind, self.split(seed), lambda values: self.trained_on(values, seed), known.groups
        )
        inputs = _inputs(_as_read(self), seed, reads)
        numbers = examples["train"].targets.get("continuous")
        description = Description(
            name=self.name,
            inputs=Inputs(reads, tuple(inputs.shape[1:]), self.vocabulary),
            targets=self.targets(),
            sizes={part: len(own) for part, own in examples.items()},
            source=self.credit,
            fingerprint=self.fingerprint(seed),
        )
        units = {} if numbers is None else {"continuous": robust_units(numbers)}
        return DataSet(description, inputs, examples["train"], examples["val"], examples["test"], units=units)


@dataclass(frozen=True, kw_only=True)
class BalancedTexts(TextSource):
    """Texts with classes that may be made to count alike.

    balance: training texts weigh so that all classes count alike; where there are several labels, so that
        a label that is there and one that is not do. Validation and test texts weigh 1.
    """

    balance: bool = knob(False)

    def trained_on(self, values: Values, seed: int) -> Values:
        import numpy as np

        if not self.balance:
            return values
        target = next((own for own in self.targets() if own.kind in ("binary", "multiclass")), None)
        if target is None:
            raise InputError("data.balance weighs classes, and the target is a number: leave it out.")
        codes = values[target.kind]
        columns = codes.reshape(len(codes), -1)
        weights = [class_weights(columns[:, place], target.size) for place in range(columns.shape[1])]
        return {**values, WEIGHT: np.stack(weights, 1).reshape(codes.shape)}


def _as_read(source: TextSource) -> TextSource:
    """The same without what changes targets alone, for such sources share their inputs."""
    defaults: dict[str, Any] = {field.name: field.default for field in fields(source)}
    ignored = ("balance", *source.noise_knobs)
    return replace(source, **{name: defaults[name] for name in ignored if name in defaults})


@lru_cache(maxsize=4)  # runs that follow each other often have one seed
@while_used
def _inputs(source: TextSource, seed: int, reads: InputKind) -> Tensor:
    """Every text as numbers, learned from this seed's training texts."""
    from lossbench.data import words

    texts = source.read().texts
    training = [texts[row] for row in source.split(seed)["train"]]
    if reads == "tfidf":
        return words.tfidf(texts, training, source.vocabulary, source.min_count, source.length)
    ids = words.known_words(training, source.vocabulary, source.min_count)
    return words.word_ids(texts, ids, source.length)
