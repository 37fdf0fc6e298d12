"""What a network that is not trained makes of each example: computed once, kept in the cache."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from lossbench.data.kept_files import place_of, written
from lossbench.data.source import DataSet
from lossbench.task import Inputs
from lossbench.trees import leaves, length, mapped, part

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lossbench.trees import Tree

log = logging.getLogger(__name__)

_VERSION = "1"  # of how features are computed
_AT_ONCE = 64  # examples
_SHOWN = 64  # examples whose form, as they are read, is part of what decides
_HASHED_AT_ONCE = 4096  # examples
_TOLD_AFTER = 3.0  # seconds


def featured(data: DataSet, network: Callable[[], nn.Module], known_by: Sequence[str]) -> DataSet:
    """The same data with vectors in the place of its inputs; seeds that share inputs share vectors.

    Args:
        data: it makes no training batch anew.
        network: makes what gives (N, F) for inputs (N, ...); it is computed in evaluation.
        known_by: what tells the network from all others.
    """
    vectors = _vectors(_Asked(data, network), tuple(known_by))
    description = replace(data.description, inputs=Inputs("vector", tuple(vectors.shape[1:])))
    return replace(data, description=description, inputs=vectors, as_read=None)


class _Asked:
    """Equal where the inputs are the very same."""

    def __init__(self, data: DataSet, network: Callable[[], nn.Module]) -> None:
        self.data, self.network = data, network

    def __hash__(self) -> int:
        return id(self.data.inputs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Asked) and self.data.inputs is other.data.inputs


@lru_cache(maxsize=1)
def _vectors(asked: _Asked, known_by: tuple[str, ...]) -> Tensor:
    import numpy as np
    import torch

    data = asked.data
    parts = [_VERSION, torch.__version__, *known_by, digest_of(data)]
    place = place_of("features", parts, "npy")
    if not place.is_file():
        with written(place) as temporary, temporary.open("wb") as file:
            np.save(file, _computed(data, asked.network()).numpy())
    return torch.from_numpy(np.load(place))


def digest_of(data: DataSet) -> str:
    """sha256 of all inputs as they are kept, and of how the first of them are read."""
    found = hashlib.sha256()
    for tensor in [*leaves(data.inputs), *leaves(data.read(part(data.inputs, slice(_SHOWN))))]:
        found.update(f"{tensor.dtype} {tuple(tensor.shape)}\n".encode())
        for start in range(0, len(tensor), _HASHED_AT_ONCE):
            found.update(tensor[start : start + _HASHED_AT_ONCE].contiguous().numpy().data)
    return found.hexdigest()


def _computed(data: DataSet, network: nn.Module) -> Tensor:
    """(M, F) float32."""
    import torch

    count = length(data.inputs)
    found: list[Tensor] = []
    begun = told = time.monotonic()
    network.eval()
    with torch.inference_mode():
        for start in range(0, count, _AT_ONCE):
            found.append(network(_some(data, start)).flatten(1).float())
            if (now := time.monotonic()) - told > _TOLD_AFTER:
                told, done = now, min(start + _AT_ONCE, count)
                left = (now - begun) * (count / done - 1)
                log.info("%s: features of %d of %d, %.0f s left", data.description.name, done, count, left)
    return torch.cat(found)


def _some(data: DataSet, start: int) -> Tree:
    def laid_out(tensor: Tensor) -> Tensor:
        import torch

        # Convolutions on a CPU are faster in this layout.
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor

    return mapped(laid_out, data.read(part(data.inputs, slice(start, start + _AT_ONCE))))
