"""From what is to be said of all rows to the examples of each part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lossbench.data.source import Examples, Split
from lossbench.task import WEIGHT, TargetKind

if TYPE_CHECKING:
    import numpy.typing as npt

    from lossbench.data.splits import Ids

    Values = Mapping[TargetKind, npt.NDArray[Any]]


def part_examples(
    values: Values,
    rows: Mapping[Split, Ids],
    trained_on: Callable[[Values], Values],
    groups: Ids | None = None,
    ids: Ids | None = None,
) -> dict[Split, Examples]:
    """The examples of each part; where those of training have weights, the others weigh 1.

    Args:
        values: the targets (M, ...) of all rows, as `task.Target` has them.
        rows: of each part, int64.
        trained_on: from the targets of training to those that it is trained on: with wrong ones, or weights.
        groups, ids: (M,) the group of each row, and which example it is, in numbers that mean the same for
            every seed.
    """
    import torch

    found: dict[Split, Examples] = {}
    for part, own in rows.items():
        targets = {kind: every[own] for kind, every in values.items()}
        if part == "train":
            targets = dict(trained_on(targets))
        tensors = {kind: torch.from_numpy(array) for kind, array in targets.items()}
        numbers = (None if every is None else torch.from_numpy(every[own]) for every in (ids, groups))
        found[part] = Examples(torch.from_numpy(own), tensors, *numbers)
    if WEIGHT in found["train"].targets:
        for part in ("val", "test"):
            shape = (len(found[part]), *found["train"].targets[WEIGHT].shape[1:])
            found[part].targets[WEIGHT] = torch.ones(shape)
    return found
