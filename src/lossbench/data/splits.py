"""Cutting labelled examples into training, validation and test parts, and units for continuous targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lossbench.seeds import stream

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ids = npt.NDArray[np.int64]


def stratified(labels: npt.ArrayLike, sizes: Sequence[int], seed: int, *purpose: str) -> list[Ids]:
    """Disjoint random parts of the given sizes, each with the class shares of the whole.

    Args:
        labels: (N,) classes.
        sizes: number of examples of each part; together at most N. Every part needs at least one example
            per class.
        seed, purpose: the stream of `lossbench.seeds` that decides.

    Returns:
        One array of positions in `labels` per part, in random order.
    """
    import numpy as np
    from sklearn.model_selection import train_test_split

    labels = np.asarray(labels)
    rest = np.arange(len(labels), dtype=np.int64)
    parts = []
    for number, size in enumerate(sizes):
        if size == len(rest):
            part = np.random.default_rng(stream(seed, *purpose, number)).permutation(rest)
            rest = rest[:0]
        else:
            state = stream(seed, *purpose, number) % 2**32
            part, rest = train_test_split(rest, train_size=size, stratify=labels[rest], random_state=state)
        parts.append(part)
    return parts


def robust_units(targets: npt.ArrayLike) -> tuple[float, float]:
    """Median and spread of training targets, as a loss shall see them: (target - shift) / scale.

    The spread is the interquartile range over 1.349, which is the standard deviation of a normal
    distribution; unlike it, it stays where it is while less than a quarter of the targets lies on either
    side of the rest (Rousseeuw and Croux 1993, "Alternatives to the median absolute deviation").
    """
    import numpy as np

    low, middle, high = np.quantile(np.asarray(targets, dtype=np.float64), [0.25, 0.5, 0.75])
    return float(middle), float((high - low) / 1.349) or 1.0
