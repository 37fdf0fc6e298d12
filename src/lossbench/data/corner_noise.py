"""Wrong corners of training boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossbench.seeds import numpy_generator

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Boxes = npt.NDArray[np.float64]


def wrong_corners(boxes: Boxes, share: float, seed: int) -> Boxes:
    """Boxes (N, 4) of x1, y1, x2, y2 whose corners are off: a copy.

    Each of the four numbers is moved by an error of its own, from a normal distribution around 0 whose
    standard deviation is that share of the box's width (of x) or height (of y). Where a side turns inside
    out, its two ends change places, so that each box has an inside; some leave their image.

    For one seed, the errors of a greater share are those of a smaller one, times the quotient.
    """
    import numpy as np

    sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    errors = numpy_generator(seed, "corner_noise").standard_normal(boxes.shape)
    low, high = np.split(boxes + share * sides * errors, 2, axis=1)
    return np.concatenate([np.minimum(low, high), np.maximum(low, high)], axis=1)
