"""Which rows of users and items train, validate and test; the same for every seed."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from lossbench.counting import counted
from lossbench.data.own_file import tell
from lossbench.data.source import Split
from lossbench.errors import InputError

if TYPE_CHECKING:
    from lossbench.data.click_reading import Clicks
    from lossbench.data.splits import Ids

_FEWEST = 5


@lru_cache(maxsize=8)
def last_of_each(clicks: Clicks, held_out: int) -> dict[Split, Ids]:
    """Of each user the last rows are the test, as many before them validation. What was made is said once.

    Raises:
        InputError: as `latest`.
    """
    import numpy as np

    counts = np.bincount(clicks.user)
    from_end = np.cumsum(counts)[clicks.user] - 1 - np.arange(len(clicks.user))
    part = from_end // held_out
    found: dict[Split, Ids] = {
        "train": np.flatnonzero(part >= 2),
        "val": np.flatnonzero(part == 1),
        "test": np.flatnonzero(part == 0),
    }
    return _checked(clicks, found)


@lru_cache(maxsize=8)
def drawn_of_each(clicks: Clicks, held_out: int, val_share: float) -> dict[Split, Ids]:
    """Of each user as many rows at random, and of the others, but for one of each, a share of all rows.

    The same for every seed, as the other splits are.

    Raises:
        InputError: as `latest`.
    """
    import numpy as np

    from lossbench.seeds import numpy_generator

    generator, count = numpy_generator(0, "split"), len(clicks.user)
    order = np.lexsort((generator.random(count), clicks.user))
    counts = np.bincount(clicks.user)
    place = np.arange(count) - (np.cumsum(counts) - counts)[clicks.user[order]]
    test, free = order[place < held_out], order[place > held_out]
    val = generator.permutation(free)[: round(val_share * count)]
    train = np.setdiff1d(np.arange(count), np.concatenate([test, val]))
    return _checked(clicks, {"train": train, "val": np.sort(val), "test": np.sort(test)})


@lru_cache(maxsize=8)
def latest(clicks: Clicks, val_share: float, test_share: float) -> dict[Split, Ids]:
    """The latest rows of all; whoever has none before has no place in a table of users and is left out.

    Raises:
        InputError: a part would hold too few, or a user has every item.
    """
    import numpy as np

    from lossbench.data.parts import parts

    count = len(clicks.user)
    found = parts(count, 0, val_share=val_share, test_share=test_share, times=clicks.time, owner=clicks.file)
    known = np.zeros(clicks.users, dtype=bool)
    known[clicks.user[found["train"]]] = True
    return _checked(clicks, {split: np.sort(own[known[clicks.user[own]]]) for split, own in found.items()})


def check_popular(clicks: Clicks, parts: dict[Split, Ids]) -> None:
    """Refuse where nothing can be drawn for a user, who has all items that anybody has in training."""
    import numpy as np

    train = parts["train"]
    items = len(np.unique(clicks.item[train]))
    if np.bincount(clicks.user[train]).max() == items:
        raise InputError(
            f"A user of {clicks.file} has all {counted(items, 'item')} that anybody has in training, so "
            "data.draws=popularity finds none that is not his: leave such users out, or take "
            "data.draws=uniform."
        )


def _checked(clicks: Clicks, found: dict[Split, Ids]) -> dict[Split, Ids]:
    import numpy as np

    sizes = {split: len(rows) for split, rows in found.items()}
    if min(sizes.values()) < _FEWEST:
        raise InputError(
            f"{clicks.file} gives {sizes['train']} rows for training, {sizes['val']} for validation and "
            f"{sizes['test']} for the test, of users that train; {_FEWEST} each are needed: change "
            "data.split, data.val_share or data.test_share."
        )
    if np.bincount(clicks.user[found["train"]]).max() == clicks.items:
        raise InputError(
            f"A user of {clicks.file} has all of its {counted(clicks.items, 'item')} in training, so none is "
            "left that is not his: leave such users out, or look whether data.item is right."
        )
    tell(account(clicks, found))
    return found


def account(clicks: Clicks, parts: dict[Split, Ids]) -> list[str]:
    """What was made of the file, in lines."""
    import numpy as np

    told = ", ".join(f"{split} {len(rows)}" for split, rows in parts.items())
    notes = list(clicks.notes)
    if left := len(clicks.user) - sum(map(len, parts.values())):
        notes.append(f"{counted(left, 'row')} of users who have none in training are left out")
    trained = clicks.item[parts["train"]]
    if new := len(np.setdiff1d(clicks.item[parts["test"]], trained)):
        notes.append(f"no row of training has {counted(new, 'item')} of the test")
    return [*clicks.account, f"  rows: {told}", *(f"  ! {note}" for note in notes)]
