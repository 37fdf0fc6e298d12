"""Wrong training labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossbench.seeds import numpy_generator

if TYPE_CHECKING:
    from lossbench.data.splits import Ids


def wrong_labels(labels: Ids, share: float, seed: int, classes: int) -> Ids:
    """A copy of (N,) labels with that share of them replaced by another class, drawn evenly from the others.

    For one seed, the labels that are wrong at a smaller share are the same wrong labels at a greater one.
    """
    generator = numpy_generator(seed, "label_noise")
    chosen = generator.permutation(len(labels))[: round(share * len(labels))]
    steps = generator.integers(1, classes, len(labels))  # drawn for all, so that shares are nested
    noisy = labels.copy()
    noisy[chosen] = (labels[chosen] + steps[chosen]) % classes
    return noisy
