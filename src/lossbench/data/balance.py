"""What an example of each class weighs where all classes shall count alike: learned from training rows alone.

The knob is `balance: bool = knob(False)` of data with classes. Where it is true, `weight` among the targets
holds these weights for training rows, and 1 for those of validation and test: what judges and what chooses
stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossbench.task import WEIGHT, TargetKind

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lossbench.data.part_examples import Values


def class_weights(codes: npt.ArrayLike, classes: int) -> npt.NDArray[np.float32]:
    """What each training row weighs: n / (C n_c), so that every class weighs n / C in all.

    Their mean is 1 where every class occurs; a class without rows has nothing to weigh. A loss is the
    weighted mean of a batch, as torch.nn.CrossEntropyLoss(weight=...) takes it.

    Args:
        codes: (n,) the classes of the training rows, whole numbers 0 .. C-1; a tensor or an array.
        classes: C.

    Returns:
        (n,) float32, above 0.

    Raises:
        ValueError: a code is none of the classes.

    Source:
        King, Zeng, "Logistic Regression in Rare Events Data", Political Analysis 9 (2001), section 4.2;
        scikit-learn's `class_weight="balanced"`.
    """
    import numpy as np

    found = np.asarray(codes, dtype=np.int64)
    counts = np.bincount(found, minlength=classes)
    if len(counts) > classes:
        raise ValueError(f"classes must be 0 to {classes - 1}; got {int(found.max())}")
    return (len(found) / (classes * counts[found].astype(np.float64))).astype(np.float32)


def weighed(values: Values, kind: TargetKind, classes: int) -> Values:
    """Targets of training rows with the weights by which the classes of a kind count alike."""
    return {**values, WEIGHT: class_weights(values[kind], classes)}
