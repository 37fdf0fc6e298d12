"""Numbers that a table says of images: one of each, or the four of a box; and what may be wrong in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lossbench.data.conventions import Convention
from lossbench.data.image_files import Listing
from lossbench.data.other_conventions import convention_note
from lossbench.data.pixels import is_turned
from lossbench.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_MOST_WHOLE = 20  # whole numbers that are rather classes, where there are no more of them


def numbers_said(listing: Listing, target: Sequence[str], owner: str) -> npt.NDArray[np.float64]:
    """(N,), or (N, 4) of a box.

    Raises:
        InputError: a cell is no number, or a box is none.
    """
    import numpy as np

    columns = [_as_numbers(texts) for texts in listing.said]
    for name, texts, numbers in zip(target, listing.said, columns, strict=True):
        bad = (~np.isfinite(numbers)).nonzero()[0]
        if len(bad):
            raise InputError(
                f"{name} of {owner} is {texts[bad[0]]!r} in row {bad[0] + 1}, finite numbers are needed: "
                f"correct it{', or set data.task=class' if len(columns) == 1 else ''}."
            )
    if len(columns) == 1:
        return columns[0]
    left, top, right, bottom = columns
    bad = ((left >= right) | (top >= bottom)).nonzero()[0]
    if len(bad):
        x1, y1, x2, y2 = target
        raise InputError(
            f"The box in row {bad[0] + 1} of {owner} has no inside: {x1} must be less than {x2}, and {y1} "
            f"less than {y2}."
        )
    return np.stack(columns, axis=-1)


def check_boxes(
    boxes: npt.NDArray[np.float64], sizes: npt.NDArray[np.int64], listing: Listing, own: int, owner: str
) -> None:
    """Refuse boxes that are not of their images.

    Args:
        boxes: (N, 4) of left, top, right and bottom, in pixels.
        sizes: (N, 2) height and width of the images as they are shown.
        own: how many are of `owner`; those behind them are of `data.test_path`.

    Raises:
        InputError: a box is not inside its image, or all are smaller than a pixel.
    """
    if (boxes <= 1).all():
        raise InputError(
            f"No number of the boxes of {owner} is more than 1: write them in pixels, not as shares of width "
            "and height."
        )
    left, top, right, bottom = boxes.T
    height, width = sizes.T
    outside = ((left < 0) | (top < 0) | (right > width) | (bottom > height)).nonzero()[0]
    if not len(outside):
        return
    row = int(outside[0])
    place = f"row {row + 1} of {owner}" if row < own else f"row {row - own + 1} of data.test_path"
    box = ", ".join(f"{number:g}" for number in boxes[row])
    remedy = "correct it, or end it at the edge"
    if is_turned(listing.paths[row]):
        remedy = "write boxes of the image as it is shown, which its file says is turned (EXIF)"
    more = f", as {len(outside) - 1} more do" if len(outside) > 1 else ""
    raise InputError(
        f"The box in {place}, [{box}], leaves its image {listing.names[row]}, which is {width[row]} wide and "
        f"{height[row]} high{more}: {remedy}."
    )


def doubts(listing: Listing, target: Sequence[str]) -> tuple[str, ...]:
    """What is said of numbers that may be others."""
    import pandas as pd

    remedy = "write it without the point in all rows"
    notes = (
        convention_note(pd.Series(texts, dtype=str), Convention(), name, remedy)
        for name, texts in zip(target, listing.said, strict=True)
    )
    return tuple(filter(None, notes))


def rather_numbers(texts: Sequence[str]) -> bool:
    """Whether texts are numbers of which there are too many, or with decimals, to be classes."""
    import numpy as np

    numbers = _as_numbers(texts)
    if not np.isfinite(numbers).all():
        return False
    distinct = np.unique(numbers)
    return bool(len(distinct) > _MOST_WHOLE or (distinct % 1 != 0).any())


def _as_numbers(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """Texts as numbers; nan where one is none."""
    import pandas as pd

    return pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(dtype="float64")
