"""Data that is larger than memory: read batch by batch, as a torch DataLoader does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from lossbench.data.source import DataSet, Description, Split
from lossbench.task import TargetKind, Units
from lossbench.trees import leaves

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.trees import Tree


class Batch(NamedTuple):
    """Examples that a stream gives together; a tuple or list of these, in order, will do.

    inputs: (B, *shape), or a dict of such where the description has `parts`.
    targets: each kind that the source declares, (B, ...), in the task's own units; and `weight`.
    ids, groups: of val and test, (B,) int64 as in `Examples`. Without ids an example is its place in its
        split, which is then the same example for every seed.
    """

    inputs: Tree
    targets: Mapping[TargetKind, Tensor]
    ids: Tensor | None = None
    groups: Tensor | None = None

    @classmethod
    def of(cls, given: Any) -> Batch:
        """What a stream gave, by its names.

        Raises:
            TypeError: it is no batch.
        """
        if isinstance(given, (tuple, list)) and 2 <= len(given) <= 4 and isinstance(given[1], Mapping):
            return cls(*given)
        raise TypeError(f"a stream gives batches (inputs, targets by kind), this one {type(given).__name__}")

    def not_finite(self) -> str | None:
        """Where it holds nan or an infinite number, in words; the examples are counted from 0."""
        parts = [*(("inputs", leaf) for leaf in leaves(self.inputs)), *self.targets.items()]
        for what, values in parts:
            # The sum is a fifth of the time of looking at each, and finite only where all are.
            if not values.is_floating_point() or bool(values.sum().isfinite()):
                continue
            bad = (~values.isfinite()).flatten(1).any(1) if values.ndim > 1 else ~values.isfinite()
            if bool(bad.any()):
                first = int(bad.nonzero()[0])
                number = "" if self.ids is None else f", the example with the number {int(self.ids[first])}"
                return f"{what} hold nan or an infinite number at place {first}{number}"
        return None


@dataclass(frozen=True)
class Stream:
    """One seed's view of a data set that is read batch by batch; `DataSource.load` gives it for a `DataSet`.

    A batch serves all losses and rates of a seed. In memory are one batch for each seed, and of validation
    and test the targets. Whoever can give example number 7 gets a stream by `lossbench.data.indexed`.

    train: (seed, epoch from 0, size) -> the batches of an epoch, `size` examples each, in an order that
        follows from seed and epoch. An epoch ends after as many examples as the description says; its last
        batch may be smaller.
    evaluate: (split, size) -> the batches of a split, in the same order each time. "train" is asked for where
        an embedding is judged by class means.
    units, shared: as of a `DataSet`.
    whole: the same as a data set, where its inputs lie in a file that can be mapped.

    Both may draw random numbers, also from the generators that all of a process draw from: those are seeded
    anew for each batch, by seed, epoch and number of the batch.
    """

    description: Description
    train: Callable[[int, int, int], Iterable[Batch]]
    evaluate: Callable[[Split, int], Iterable[Batch]]
    units: Mapping[TargetKind, Units] = field(default_factory=dict)
    shared: Mapping[str, Tensor] = field(default_factory=dict)
    whole: DataSet | None = None
