"""A stream of numbered examples: whoever can give example number 7 needs to write nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from lossbench.data.batches import order
from lossbench.data.source import SPLITS, Description, Split
from lossbench.data.stream import Batch, Stream
from lossbench.errors import InputError
from lossbench.seeds import torch_generator
from lossbench.task import TargetKind, Units

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor


class Numbered(Protocol):
    """A map-style `torch.utils.data.Dataset`.

    An example is (inputs, targets): a tensor, an array or a dict of such, and a dict of targets by kind.
    Where it has `__getitems__(numbers)`, a list of examples, that is asked for a batch at once.
    """

    def __getitem__(self, number: int, /) -> tuple[Any, Mapping[str, Any]]:
        """One example."""


def indexed(
    examples: Numbered,
    numbers: Mapping[Split, npt.ArrayLike],
    description: Description,
    *,
    units: Mapping[TargetKind, Units] | None = None,
    shared: Mapping[str, Tensor] | None = None,
    groups: npt.ArrayLike | None = None,
    workers: int = 0,
) -> Stream:
    """A stream that reads examples by their numbers, with a torch DataLoader.

    Args:
        examples: gives one by its number.
        numbers: of the examples of train, val and test; they are their ids.
        description: its sizes follow from `numbers`.
        units, shared: as of a `DataSet`.
        groups: (M,) whole numbers, the group of each example at its number (person, machine).
        workers: processes that read ahead, for each seed that trains; 0 reads in the training process.
    """
    import torch

    if lacking := [split for split in SPLITS if split not in numbers]:
        raise InputError(
            f"data={description.name}: numbers lacks {' and '.join(map(repr, lacking))}; it holds those of "
            f"{', '.join(numbers) or 'nothing'} (see lossbench.data.indexed)."
        )
    known = None if groups is None else torch.as_tensor(groups, dtype=torch.int64)
    rows = {split: torch.as_tensor(numbers[split], dtype=torch.int64) for split in numbers}

    def train(seed: int, epoch: int, size: int) -> Iterator[Batch]:
        mixed = rows["train"][order(len(rows["train"]), seed, epoch)]
        return _read(examples, torch.split(mixed, size), workers, torch_generator(seed, "workers", epoch))

    def evaluate(split: Split, size: int) -> Iterator[Batch]:
        found = _read(examples, torch.split(rows[split], size), workers, torch_generator(0, "workers", split))
        if known is None:
            return found
        return (batch._replace(groups=known[batch.ids]) for batch in found)

    sizes = {str(split): len(found) for split, found in rows.items()}
    return Stream(replace(description, sizes=sizes), train, evaluate, units or {}, shared or {})


def _read(examples: Numbered, batches: Sequence[Tensor], workers: int, generator: Any) -> Iterator[Batch]:
    from torch.utils.data import DataLoader

    loader: Iterable[Any] = DataLoader(
        examples,  # type: ignore[arg-type]  # a Dataset needs no more than what is asked here
        batch_sampler=[numbers.tolist() for numbers in batches],
        num_workers=workers,
        generator=generator,
    )
    for numbers, found in zip(batches, loader, strict=True):
        if not isinstance(found, (tuple, list)) or len(found) != 2 or not isinstance(found[1], Mapping):
            raise InputError(
                f"{type(examples).__name__}.__getitem__ must return (inputs, targets), the targets a dict by "
                'kind such as {"continuous": 1.5} (see lossbench.data.indexed).'
            )
        yield Batch(found[0], found[1], numbers)
