"""Cutting labelled examples into training, validation and test parts, and units for continuous targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lossbench.seeds import numpy_generator
from lossbench.task import Units

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ids = npt.NDArray[np.int64]


def stratified(labels: npt.ArrayLike, sizes: Sequence[int], seed: int, *purpose: str) -> list[Ids]:
    """Disjoint random parts, each with the class shares of the whole to within one or two examples.

    The examples of each class stand evenly spaced on one line, in random order; the parts are cut from the
    line one after another. So a part does not depend on the sizes of those behind it, and grows at its end.

    Args:
        labels: (N,) classes.
        sizes: number of examples of each part; together at most N.
        seed, purpose: the stream of `lossbench.seeds` that decides.

    Returns:
        One array of positions in `labels` per part, in the order of the line.
    """
    import numpy as np

    generator = numpy_generator(seed, *purpose)
    order = generator.permutation(len(np.asarray(labels)))
    _, classes, counts = np.unique(np.asarray(labels)[order], return_inverse=True, return_counts=True)
    rank = np.empty(len(order))
    rank[np.argsort(classes, kind="stable")] = np.concatenate([np.arange(count) for count in counts])
    start = generator.random(len(counts))  # else the first of every class would come first
    line = order[np.argsort((rank + start[classes]) / counts[classes], kind="stable")]
    ends = np.cumsum(sizes)
    return [line[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def whole_groups(groups: Ids, sizes: Sequence[int], seed: int, *purpose: str) -> list[Ids]:
    """Disjoint random parts that share no group, and what is left as the last one.

    Groups come in random order. A part ends with the group after which its size is nearest to what is asked;
    it holds at least one, as long as there are groups.

    Args:
        groups: (N,) the group of each row, from 0 without a gap.
        sizes: rows wanted of each part but the last.
        seed, purpose: the stream of `lossbench.seeds` that decides.

    Returns:
        Positions in `groups`, each part in random order: with its rows in order, batches evaluated one after
        another would hold one group each.
    """
    import numpy as np

    generator = numpy_generator(seed, *purpose)
    counts = np.bincount(groups)
    order = generator.permutation(len(counts))
    rank = np.empty(len(counts), dtype=np.int64)
    rank[order] = np.arange(len(counts))
    rows = generator.permutation(len(groups))
    place = rank[groups[rows]]
    ranges = one_after_another(counts[order], sizes)
    return [rows[(place >= start) & (place < stop)] for start, stop in ranges]


def one_after_another(counts: Ids, sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Where parts of whole groups, dealt in a given order, begin and end among the groups.

    Args:
        counts: (G,) the size of each group, in the order in which they are dealt.
        sizes: wanted of each part but the last, which takes what is left. A part ends with the group after
            which its size is nearest to that; it holds at least one, as long as there are groups.
    """
    import numpy as np

    ends = np.cumsum(counts)
    ranges, start = [], 0
    for size in sizes:
        before = ends[start - 1] if start else 0
        stop = start
        if start < len(counts):
            stop = min(start + 1 + int(np.abs(ends[start:] - before - size).argmin()), len(counts))
        ranges.append((start, stop))
        start = stop
    return [*ranges, (start, len(counts))]


def robust_units(targets: npt.ArrayLike, *, log: bool = False) -> Units:
    """Median and spread of training targets (N,), as a loss shall see them: (target - shift) / scale.

    Those of their logarithms, where a loss shall see these (`Units.log`).

    The spread is the interquartile range over 1.349, which is the standard deviation of a normal
    distribution; unlike it, it stays where it is while less than a quarter of the targets lies on either
    side of the rest (Rousseeuw and Croux 1993, "Alternatives to the median absolute deviation"). Where most
    targets are one value (zeros, say) it is the standard deviation.

    Both follow the units: a constant added to all targets moves the shift alone, to the last digits.
    """
    import numpy as np

    values = np.asarray(targets, dtype=np.float64)
    values = np.log(values) if log else values
    shift = float(np.median(values))
    apart = values - shift  # first, so that the spread keeps its digits however far from zero the values lie
    low, high = np.quantile(apart, [0.25, 0.75])
    spread = float((high - low) / 1.349) if high > low else float(apart.std())
    return Units(shift, spread or 1.0, log)
