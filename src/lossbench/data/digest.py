"""A number that tells what was loaded from all else, to the bit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lossbench.data.source import DataSet, DataSource


@lru_cache(maxsize=1024)  # of each job of a sweep, for its losses and rates
def digest_loaded(source: DataSource, seed: int) -> str:
    """That of what a source loads in the form that comes first."""
    from lossbench.data.contract import check_data

    # Checked, or its faults would be met here, in other words.
    return digest(check_data(source, source.load(seed, source.reads[0])))


def digest(data: DataSet) -> str:
    """sha256 of all tensors of a data set, with their names, types and shapes."""
    splits = {name: getattr(data, name) for name in ("train", "val", "test")}
    parts = {name: [one.rows, one.targets, one.ids, one.groups] for name, one in splits.items()}
    units = {kind: [one.shift, one.scale, *(["log"] if one.log else [])] for kind, one in data.units.items()}
    found = hashlib.sha256()
    for piece in _pieces("", [data.inputs, parts, units, data.shared]):
        found.update(piece)
    return found.hexdigest()


def _pieces(name: str, value: Any) -> Iterator[bytes]:
    import torch

    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from _pieces(f"{name}.{key}", value[key])
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _pieces(f"{name}.{place}", item)
    elif isinstance(value, torch.Tensor):
        yield f"{name} {value.dtype} {tuple(value.shape)}\n".encode()
        yield value.detach().cpu().contiguous().numpy().tobytes()
    else:
        yield f"{name} {value!r}\n".encode()
