"""What a model reads of a table: numbers as a seed's training rows say, and one column for each category.

Of a large table the categories stay codes, a byte each, which all seeds share; a batch makes columns of those
that it reads. So ten seeds hold little more than their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lossbench.data.shared import while_used

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor, device

    from lossbench.data.columns import Columns
    from lossbench.data.splits import Ids
    from lossbench.trees import Tree

NUMBERS, CODES = "numbers", "codes"
_AT_ONCE = 8192  # rows made inputs: of all of a large table, in double precision, memory would have a peak
# Bytes of a seed's inputs up to which they are kept as they are read: codes would save nothing worth the time
# in which a batch makes columns of them (measured, 128 rows of 10 columns of text: 0.01 ms on one core).
_SMALL = 8_000_000


class Kept(dict[str, "Tensor"]):
    """`NUMBERS` (M, n) float32 and `CODES` (M, c): a dict that is forgotten once nobody holds it."""


@dataclass(frozen=True)
class OneHot:
    """`DataSet.as_read` of `Kept`: float32 (..., n + widths), the numbers first.

    widths: how many categories each column knows. Their codes count from 0; one that is not known has the
        width as its code, and is a row of zeros.
    """

    widths: tuple[int, ...]

    def __call__(self, kept: Tree) -> Tensor:
        from torch.nn.functional import pad

        numbers, codes = kept[NUMBERS], kept[CODES]
        starts, widths = _places(self.widths, codes.device)
        known = codes < widths
        # An unknown category writes its zero where the first of its column stands.
        places = codes * known + (starts + numbers.shape[-1])
        return pad(numbers, (0, sum(self.widths))).scatter_(-1, places, known.to(numbers.dtype))


@lru_cache(maxsize=16)
def _places(widths: tuple[int, ...], where: device) -> tuple[Tensor, Tensor]:
    """Where the columns of each category begin among all, int64, and how many there are."""
    import torch

    many = torch.tensor(widths, dtype=_code_type(widths))
    return (many.long().cumsum(0) - many).to(where), many.to(where)


def _code_type(widths: tuple[int, ...]) -> Any:
    import torch

    return next(
        kind
        for kind in (torch.uint8, torch.int16, torch.int32)
        if max(widths, default=0) <= torch.iinfo(kind).max
    )


def width(table: Columns) -> int:
    """How many numbers a model reads of a row."""
    return len(table.numbers) + sum(_one_hot(table).widths)


def as_read(table: Columns, inputs: Tree) -> OneHot | None:
    """Of `DataSet`, for `inputs` of this table; None where they are kept as they are read."""
    return _one_hot(table) if isinstance(inputs, Kept) else None


def _one_hot(table: Columns) -> OneHot:
    return OneHot(tuple(len(known) for known in table.categories.values()))


def inputs(table: Columns, training: Ids) -> Tree:
    """Every row, by what the training rows say: float32 (M, features), or where that is large `Kept`.

    The width is fixed by the file, for members of a pack have one shape: which columns exist and which
    categories are known is read from all inputs. That tells nothing about targets: a category that by chance
    is absent from training has zeros there. Every number that is computed comes from training rows alone.
    """
    numbers = _numbers(table.frame, table, training)
    if not table.categories:
        return numbers
    kept = Kept({NUMBERS: numbers, CODES: _codes_of(table)})
    return kept if len(numbers) * width(table) * numbers.itemsize > _SMALL else _one_hot(table)(kept)


def new_inputs(table: Columns, rows: pd.DataFrame, training: Ids) -> Tensor:
    """Rows that are no part of the table, in its columns: float32 (N, features)."""
    numbers = _numbers(rows, table, training)
    return _one_hot(table)({NUMBERS: numbers, CODES: _codes(rows, table)}) if table.categories else numbers


def _numbers(frame: pd.DataFrame, table: Columns, training: Ids) -> Tensor:
    import numpy as np
    import torch

    found = np.empty((len(frame), len(table.numbers)), np.float32)
    if table.numbers:
        transformer = _transformer(table).fit(table.frame.iloc[training])
        for at in range(0, len(frame), _AT_ONCE):
            found[at : at + _AT_ONCE] = transformer.transform(frame.iloc[at : at + _AT_ONCE])
    return torch.from_numpy(found)


def _transformer(table: Columns) -> Any:
    """scikit-learn's, of the numbers in `table.frame`, not yet fitted.

    Numbers are centred before their deviation is measured: of a column of 9007199254740993 and what follows,
    a deviation of all digits would be rounding, and the column would pass for a constant.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import RobustScaler, StandardScaler

    numbers = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        RobustScaler(with_scaling=False),  # minus the median
        StandardScaler(),
    )
    return ColumnTransformer([("numbers", numbers, list(table.numbers))])


@while_used
def _codes_of(table: Columns) -> Tensor:
    """Of all rows: categories are known by the file, so that seeds share them."""
    return _codes(table.frame, table)


def _codes(frame: pd.DataFrame, table: Columns) -> Tensor:
    import numpy as np
    import pandas as pd
    import torch

    kind = _code_type(_one_hot(table).widths)
    found = torch.empty(len(frame), len(table.categories), dtype=kind)
    for place, (name, known) in enumerate(table.categories.items()):
        codes = pd.Index(known).get_indexer(pd.Index(frame[name]))  # -1 of one that is not known
        found[:, place] = torch.from_numpy(np.where(codes < 0, len(known), codes))
    return found
