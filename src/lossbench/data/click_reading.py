"""From a user's file to who took what and when: what occurs twice or too seldom is told."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lossbench.counting import counted
from lossbench.data.conventions import Convention
from lossbench.data.own_file import OwnFile, numbers_of
from lossbench.data.timestamps import read_times
from lossbench.errors import InputError
from lossbench.significant import between

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from lossbench.data.splits import Ids

    Numbers = npt.NDArray[np.float64]

_FEWEST_USERS = 10


@dataclass(frozen=True)
class Reading:
    """How a file is to be read; the fields are knobs of `data=ratings`."""

    user: str
    item: str
    time: str | None
    rating: str | None
    time_format: str | None
    convention: Convention
    min_user: int
    min_item: int


@dataclass(frozen=True, eq=False)
class Clicks:
    """A file, understood: N rows by user, each user's in the order of time.

    file, fingerprint: its name; sha256 of its content and of how it was read.
    users, items: how many there are; they are numbered from 0 without a gap.
    user, item: int64 (N,), each pair once.
    time: float64 (N,), the later the larger: a time, or where no column says it, the row of the file.
    rating: float64 (N,), or None.
    account, notes: what was made of the file, in lines; what may be wrong in it.
    """

    file: str
    fingerprint: str
    users: int
    items: int
    user: Ids
    item: Ids
    time: Numbers
    rating: Numbers | None
    account: tuple[str, ...]
    notes: tuple[str, ...]


@lru_cache(maxsize=4)
def understood(file: OwnFile, options: Reading) -> Clicks:
    """The rows of a file; read once.

    Raises:
        InputError: a column cannot be used, or too little is left.
    """
    import pandas as pd

    named = {"user": options.user, "item": options.item, "time": options.time, "rating": options.rating}
    columns = file.columns({knob: [name] for knob, name in named.items() if name is not None})
    table = pd.DataFrame({knob: _numbered(columns[knob][0], knob, file.file) for knob in ("user", "item")})
    account, notes = [], list(file.notes)
    if options.time is not None:
        (cells,) = columns["time"]
        times = read_times(cells, options.time_format, f"the time {cells.name} of {file.file}")
        table["time"] = times.stamps
        first, last = (times.shown(float(edge)) for edge in (table["time"].min(), table["time"].max()))
        account.append(f"  time: {cells.name}, {first} to {last}")
    else:
        table["time"] = pd.Series(range(len(table)), dtype="float64")
        notes.append("no data.time is named, so the rows are taken for ordered: the last ones are the latest")
    if options.rating is not None:
        (cells,) = columns["rating"]
        table["rating"], told = _ratings(cells, options.convention, file.file, notes)
        account.append(told)
    kept = table.sort_values("time", kind="stable").drop_duplicates(["user", "item"], keep="last")
    if twice := len(table) - len(kept):
        notes.append(f"{counted(twice, 'row')} of a user and an item that come again later are left out")
    kept = _often_enough(kept, options, file.file, notes)
    kept = kept.sort_values(["user", "time"], kind="stable")
    user, item = (pd.factorize(kept[knob], sort=True)[0].astype("int64") for knob in ("user", "item"))
    users, items = int(user.max()) + 1, int(item.max()) + 1
    rating = kept["rating"].to_numpy(dtype="float64", copy=True) if "rating" in kept else None
    return Clicks(
        file=file.file,
        fingerprint=hashlib.sha256(f"{file.digest} {astuple(options)}".encode()).hexdigest(),
        users=users,
        items=items,
        user=user,
        item=item,
        time=kept["time"].to_numpy(dtype="float64", copy=True),
        rating=rating,
        account=(f"{file.file}: {len(kept)} rows of {users} users and {items} items", *account),
        notes=tuple(notes),
    )


def _numbered(cells: pd.Series[str], knob: str, file: str) -> Ids:
    """The number of each text of a column."""
    import pandas as pd

    from lossbench.data import column_refusals as refusals

    refusals.first(cells == "", cells, f"the {knob} {cells.name} of {file}", "", "remove such rows")
    return pd.factorize(cells)[0].astype("int64")


def _ratings(
    cells: pd.Series[str], convention: Convention, file: str, notes: list[str]
) -> tuple[Numbers, str]:
    from lossbench.data import column_refusals as refusals
    from lossbench.data.conventions import present

    owner = f"the rating {cells.name} of {file}"
    refusals.first(~present(cells), cells, owner, "", "remove such rows, or leave data.rating out")
    ratings, unit, doubts = numbers_of(cells, convention, owner)
    low, high = float(ratings.min()), float(ratings.max())
    if low == high:
        raise InputError(
            f"The rating {cells.name} of {file} is {low:.12g} in every row, which says no more than the row "
            "itself: leave data.rating out."
        )
    said = f"  rating: {cells.name}{f' (in {unit})' if unit else ''}, from {between(low, high)}"
    notes += doubts
    return ratings, said


def _often_enough(table: pd.DataFrame, options: Reading, file: str, notes: list[str]) -> pd.DataFrame:
    """The rows of users and items that have as many as are asked for among those that stay."""
    kept = table
    while True:
        of_user = kept.groupby("user")["item"].transform("size")
        of_item = kept.groupby("item")["user"].transform("size")
        enough = (of_user >= options.min_user) & (of_item >= options.min_item)
        if bool(enough.all()):
            break
        kept = kept[enough]
    users = kept["user"].nunique()
    if users < _FEWEST_USERS or kept["item"].nunique() < 2:
        raise InputError(
            f"{file} has {counted(table['user'].nunique(), 'user')}, of whom {users} have {options.min_user} "
            f"items or more that as many as {options.min_item} users have; at least {_FEWEST_USERS} are "
            "needed: lower data.min_user or data.min_item, or look whether data.user and data.item are right."
        )
    lost = {kind: table[kind].nunique() - kept[kind].nunique() for kind in ("user", "item")}
    if len(kept) < len(table):
        notes.append(
            f"left out: {counted(lost['user'], 'user')} with fewer than {options.min_user} items "
            f"(data.min_user) and {counted(lost['item'], 'item')} with fewer than {options.min_item} users "
            f"(data.min_item), with {counted(len(table) - len(kept), 'row')}"
        )
    return kept
