"""Windows of a series: a past to read and the steps behind it to predict, as views of one tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.data.source import Split

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from lossbench.data.splits import Ids

    Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Block:
    """A stretch of steps, from `start` up to but without `stop`."""

    start: int
    stop: int


def blocks(count: int, val_share: float, test_share: float, gap: int) -> dict[Split, Block]:
    """T steps in the order of time as training, validation and test, with so many steps between them.

    A share may come to nothing, and so may what is left of training.
    """
    test, val = round(test_share * count), round(val_share * count)
    end = count - test - gap
    return {
        "train": Block(0, max(0, end - val - gap)),
        "val": Block(max(0, end - val), max(0, end)),
        "test": Block(count - test, count),
    }


def starts(block: Block, past: int, horizon: int, breaks: Flags, unread: Flags, unknown: Flags) -> Ids:
    """The first steps of the windows that lie wholly in a block and hold no gap and nothing that is missing.

    Args:
        breaks: bool (T,), whether steps are left out in front of one.
        unread, unknown: bool (T,), whether a step lacks something of what is read, or of what is predicted.
    """
    import numpy as np

    possible = np.arange(block.start, block.stop - past - horizon + 1)

    def within(flags: Flags, begin: int, end: int) -> Ids:
        sums = np.concatenate([[0], np.cumsum(flags, dtype=np.int64)])
        found: Ids = sums[possible + end] - sums[possible + begin]
        return found

    whole = past + horizon
    bad = within(breaks, 1, whole) + within(unread, 0, past) + within(unknown, past, whole)
    whole_ones: Ids = possible[bad == 0].astype(np.int64)
    return whole_ones


def views(steps: Tensor, length: int, *, flat: bool = False) -> Tensor:
    """All windows of steps (T, C): (T - length + 1, length, C), or flat (.., length * C), without a copy."""
    count, columns = steps.shape
    windows = count - length + 1
    steps = steps.contiguous()
    if flat:
        return steps.as_strided((windows, length * columns), (columns, 1))
    return steps.as_strided((windows, length, columns), (columns, columns, 1))
