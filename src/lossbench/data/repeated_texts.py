"""Texts that are equal but for case, punctuation and, if one likes, digits: put together, or kept once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lossbench.data.words import spoken

if TYPE_CHECKING:
    from lossbench.data.splits import Ids

_DIGITS = re.compile(r"\d+")


def wordings(texts: Sequence[str], *, mask_digits: bool) -> Ids:
    """(N,) a number for each wording, from 0 in the order in which they come: equal for equal texts.

    Args:
        mask_digits: texts that differ in numbers alone (a telephone number, a price) are equal, too.
    """
    import numpy as np

    found: dict[str, int] = {}
    said = (spoken(text) for text in texts)
    masked = (_DIGITS.sub("0", one) for one in said) if mask_digits else said
    return np.array([found.setdefault(one, len(found)) for one in masked], dtype=np.int64)


def joined(one: Ids, other: Ids) -> Ids:
    """(N,) groups such that rows which share either are in one group: numbers from 0 without a gap."""
    import numpy as np
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    size = int(one.max()) + 1
    count = size + int(other.max()) + 1
    edges = coo_matrix((np.ones(len(one), dtype=np.int8), (one, other + size)), shape=(count, count))
    _, component = connected_components(edges, directed=False)
    return np.unique(component[one], return_inverse=True)[1].astype(np.int64)
