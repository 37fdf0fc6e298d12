"""Which rows of a table belong together, or are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossbench.data.column_reading import Reading
from lossbench.data.parts import repeated_note
from lossbench.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from lossbench.data.splits import Ids


def groups_of(rows: pd.DataFrame, options: Reading, file: str) -> Ids | None:
    """The number of each row's group; equal texts are one group."""
    import pandas as pd

    if options.group is None:
        return None
    cells = rows[options.group]
    empty = (cells == "").to_numpy().nonzero()[0]
    if len(empty):
        raise InputError(
            f"The group {options.group} of {file} is missing in row {empty[0] + 1} below the names; "
            "each row needs one."
        )
    return pd.factorize(cells)[0].astype("int64")


def repeated(
    frame: pd.DataFrame, target: npt.NDArray[np.generic], groups: Ids | None, test: Ids | None
) -> tuple[str, ...]:
    """Said of rows that occur several times where a copy may be, or is, in the test.

    Args:
        frame: the features (N, ...).
        groups: (N,) rows of one group are in one part.
        test: the rows of a given test, whose copies among the others are told.
    """
    import numpy as np

    rows = frame.assign(**{"\n": target})  # no column has such a name
    several = rows.duplicated(keep=False).to_numpy()
    keys = np.arange(len(rows))
    keys[several] = len(rows) + rows[several].groupby(list(rows), dropna=False).ngroup().to_numpy()
    return repeated_note(
        keys, groups if test is None else np.isin(np.arange(len(rows)), test).astype(np.int64)
    )
