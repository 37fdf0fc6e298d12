"""What an example of each class weighs where all classes shall count alike: learned from training rows alone.

The knob is `balance: bool = knob(False)` of data with classes. Where it is true, `weight` among the targets
holds these weights for training rows, and 1 for those of validation and test: what judges and what chooses
stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt
    from torch import Tensor


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


def balanced(codes: Tensor, classes: int, training: Tensor | Sequence[int] | npt.ArrayLike) -> Tensor:
    """The `weight` of all rows (M,) float32: `class_weights` of the training rows, 1 of all others.

    Args:
        codes: (M,) int64, the classes of all rows.
        classes: C.
        training: positions of the training rows.
    """
    import torch

    rows = torch.as_tensor(training)
    weight = torch.ones(len(codes))
    weight[rows] = torch.from_numpy(class_weights(codes[rows], classes))
    return weight
