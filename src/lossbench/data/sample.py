"""The first examples of a stream as a data set in memory, to be checked and to be tried on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lossbench.data.contract import check_data
from lossbench.data.source import SPLITS, DataSet, DataSource, Examples, Split
from lossbench.data.stream import Batch, Stream
from lossbench.errors import InputError
from lossbench.trees import length, mapped

if TYPE_CHECKING:
    from torch import Tensor

_EXAMPLES = 256  # of each split, as far as there are so many


def sample_of(source: DataSource, stream: Stream, seed: int, batch: int) -> DataSet:
    """The first batch of training, validation and test.

    Args:
        batch: examples of training at least.

    Raises:
        InputError: the stream gives something else than `data.source` promises.
    """
    import torch

    missing = [split for split in SPLITS if stream.description.sizes.get(split, 0) < 1]
    if missing:
        raise InputError(
            f"data={source.name}: the description's sizes must say how many examples {' and '.join(missing)} "
            "hold (see lossbench.data.source)."
        )
    size = max(batch, _EXAMPLES)
    parts: dict[Split, Batch] = {
        "train": _first(source, "train", stream.train(seed, 0, size)),
        "val": _first(source, "val", stream.evaluate("val", _EXAMPLES)),
        "test": _first(source, "test", stream.evaluate("test", _EXAMPLES)),
    }

    def joined(*tensors: Tensor) -> Tensor:
        return torch.cat(tensors)

    start, examples = 0, []
    for part in parts.values():
        rows = torch.arange(start, start + length(part.inputs))
        examples.append(Examples(rows, dict(part.targets), part.ids, part.groups))
        start += len(rows)
    try:
        inputs = mapped(joined, *(part.inputs for part in parts.values()))
    except Exception as error:  # of trees and tensors that anybody made
        why = str(error).splitlines()[0].rstrip(".") or type(error).__name__
        raise InputError(
            f"data={source.name}: train, val and test give inputs of different shapes ({why})."
        ) from error
    train, val, test = examples
    data = DataSet(stream.description, inputs, train, val, test, stream.units, stream.shared)
    check_data(source, data)
    return data


def _first(source: DataSource, split: Split, batches: Iterable[Batch]) -> Batch:
    try:
        return Batch.of(next(iter(batches)))
    except StopIteration:
        raise InputError(f"data={source.name}: its stream gives no batch of {split}.") from None
    except TypeError as error:
        raise InputError(f"data={source.name}: {error} (see lossbench.data.source).") from error
