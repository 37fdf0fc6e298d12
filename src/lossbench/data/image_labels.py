"""The classes of images, those of a second folder among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossbench.data import column_refusals as refusals
from lossbench.data.labels import Labels, read_labels
from lossbench.errors import InputError

if TYPE_CHECKING:
    from lossbench.data.image_files import Listing


def labels_of(
    own: tuple[Listing, str], tested: tuple[Listing, str] | None = None, *, said: str, auto: bool
) -> Labels:
    """The class of each image, those that test at the end.

    Args:
        own, tested: the images and what they are called.
        said: what the class is called.
        auto: whether it may be a number instead.

    Raises:
        InputError: they are no classes, or rather numbers, or a class is among those that test alone.
    """
    import numpy as np
    import pandas as pd

    listing, name = own
    owner = f"the {said} of {name}"
    try:
        labels = read_labels(listing.said[0], owner)
    except InputError:
        if auto:
            refusals.rather_numbers(pd.Series(listing.said[0], dtype=object), None, owner)
        raise
    if tested is None:
        return labels
    test, test_name = tested
    texts, code = test.said[0], {name: number for number, name in enumerate(labels.names)}
    unknown = [row for row, text in enumerate(texts) if text not in code]
    if unknown:
        more = f", and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise InputError(
            f"The {said} of {test_name} has {texts[unknown[0]]!r} in {test.names[unknown[0]]}{more}, which "
            f"is no class of the other, {name}; correct it, or remove such images from {test_name}."
        )
    codes = np.array([code[text] for text in texts], dtype=np.int64)
    return Labels(labels.names, np.concatenate([labels.codes, codes]))
