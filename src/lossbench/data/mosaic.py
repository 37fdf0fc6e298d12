"""A picture that examples are cut out of, for figures that put them together again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lossbench.data.splits import Ids


@dataclass(frozen=True, eq=False)
class Mosaic:
    """A picture and its parts.

    image: (height, width, 3) in 0..1, or (height, width) in gray.
    corners: (M, 2) top and left of each part in pixels, at the number that `Examples.ids` gives it.
    """

    image: npt.NDArray[np.floating]
    corners: Ids
