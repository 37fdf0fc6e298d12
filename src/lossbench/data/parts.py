"""Which examples train, validate and test: at random, by class, by group, by time, or as a file says."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from lossbench.counting import counted
from lossbench.data.splits import one_after_another, stratified, whole_groups
from lossbench.errors import InputError
from lossbench.seeds import numpy_generator

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lossbench.data.labels import Labels
    from lossbench.data.source import Split
    from lossbench.data.splits import Ids

FEWEST = 5  # examples of a part


def parts(
    count: int,
    seed: int,
    *,
    val_share: float,
    test_share: float,
    labels: Labels | None = None,
    groups: Ids | None = None,
    times: npt.ArrayLike | None = None,
    test: Ids | None = None,
    owner: str,
    by: str = "",
) -> dict[Split, Ids]:
    """The numbers of the examples in each part.

    Drawn at random by the seed; with labels, so that each part has the class shares of the whole; with
    groups, as whole groups. By time, the latest test and those before them validate, the same for every seed;
    examples of one time stay together. Without groups the sizes are the same for every seed.

    Args:
        count: how many examples there are.
        val_share, test_share: shares of them, met as nearly as groups and times allow.
        labels: classes, each of which training needs.
        groups: (N,) the group of each, from 0 without a gap.
        times: (N,) finite numbers, the later the larger; groups are then no part of the split.
        test: the numbers of those that test, where it is given; the others are cut in two, and `val_share` is
            a share of them.
        owner: whose examples they are, as `houses.csv`, for a sentence.
        by: what the groups are called.

    Raises:
        InputError: a part would be too small to be judged, or a class lacks in training.
    """
    import numpy as np

    rest = np.arange(count) if test is None else np.setdiff1d(np.arange(count), test)
    shares = (val_share,) if test is not None else (test_share, val_share)
    sizes = [max(1, round(share * len(rest))) for share in shares]
    own = None if groups is None else np.unique(np.asarray(groups)[rest], return_inverse=True)[1]
    if times is not None:
        cut = _latest(np.asarray(times)[rest], sizes)
    elif own is not None:
        cut = whole_groups(own, sizes, seed, "split")
    elif labels is not None:
        left = max(0, len(rest) - sum(sizes))
        cut = stratified(labels.codes[rest], [*sizes, left], seed, "split")
    else:
        order = numpy_generator(seed, "split").permutation(len(rest))
        ends = np.cumsum([0, *sizes])
        cut = [*(order[start:end] for start, end in pairwise(ends)), order[ends[-1] :]]
    dealt = [rest[part] for part in cut]
    found = dict(zip(("test", "val", "train"), dealt if test is None else [test, *dealt], strict=True))
    several = None if own is None or times is not None else len(set(own.tolist()))
    _check_sizes(count, {name: len(part) for name, part in found.items()}, owner, several, len(dealt), by)
    if labels is not None:
        _check_classes(labels, found["train"], owner)
    return {"train": found["train"], "val": found["val"], "test": found["test"]}


def check_shares(val_share: float, test_share: float) -> None:
    """Refuse shares that leave nothing to train on."""
    held_out = val_share + test_share
    if held_out >= 1:
        raise InputError(
            f"data.val_share and data.test_share add up to {held_out:g}: together they must stay below 1."
        )


def repeated_note(
    keys: Sequence[Hashable] | npt.NDArray[np.generic],
    groups: Ids | None = None,
    *,
    held_out: str = "the test",
) -> tuple[str, ...]:
    """What is said of examples that occur several times, so that some may be in training and in the test.

    Args:
        keys: (N,) equal for equal examples.
        groups: (N,) the group of each; what repeats within one group alone is not told.
        held_out: the part, beside training, that copies may be in.
    """
    import numpy as np
    import pandas as pd

    codes, _ = pd.factorize(keys if isinstance(keys, np.ndarray) else pd.Series(list(keys), dtype=object))
    kinds, counts = np.unique(codes, return_counts=True)
    repeated = np.isin(codes, kinds[counts > 1])
    if groups is not None and repeated.any():
        apart = pd.Series(groups).groupby(codes).nunique()
        repeated = np.isin(codes, apart.index[apart > 1])
    if not repeated.any():
        return ()
    remedy = "remove them" if groups is not None else "remove them, or name what they share in data.group"
    risk = f"so some may be in training and in {held_out}"
    return (f"{int(repeated.sum())} of {len(codes)} rows occur several times, {risk}: {remedy}",)


def shared_note(groups: Ids | None, test: Ids | None, by: str) -> tuple[str, ...]:
    """What is said of groups that a given test shares with the other examples.

    Args:
        groups: (N,) the group of each.
        test: the numbers of those that test.
        by: what the groups are called.
    """
    import numpy as np

    if groups is None or test is None:
        return ()
    own = np.unique(np.delete(groups, test))
    both = len(np.intersect1d(groups[test], own))
    if not both:
        return ()
    be, them = ("is", "it") if both == 1 else ("are", "them")
    return (
        f"{both} of {counted(len(own), 'group')} of {by} {be} in data.test_path, too, so what is learned of "
        f"{them} may help there: take {them} out of one of the two",
    )


def early_note(times: npt.NDArray[np.float64] | None, test: Ids | None, by: str) -> tuple[str, ...]:
    """What is said of a given test that does not come after all others, as a test by time does.

    Args:
        times: (N,) numbers, the later the larger.
        test: the numbers of those that test.
        by: what the times are called.
    """
    import numpy as np

    if times is None or test is None:
        return ()
    early = int((times[test] <= np.delete(times, test).max()).sum())
    if not early:
        return ()
    return (
        f"{early} of {counted(len(test), 'row')} of data.test_path {'is' if early == 1 else 'are'} by {by} "
        "not after all of data.path, so what is learned may know what came later: take such rows out of "
        f"data.test_path, or put both into one file, which data.time={by} splits",
    )


def _latest(times: npt.NDArray[np.generic], sizes: Sequence[int]) -> list[Ids]:
    """The latest for each size in turn, and what is before them; each in the order of time."""
    import numpy as np

    _, moment, counts = np.unique(times, return_inverse=True, return_counts=True)
    ranges = one_after_another(counts[::-1], sizes)
    back = len(counts) - 1 - moment
    order = np.argsort(moment, kind="stable")
    return [order[(back[order] >= start) & (back[order] < stop)] for start, stop in ranges]


def _check_sizes(
    count: int, sizes: dict[str, int], owner: str, groups: int | None, needed: int, by: str
) -> None:
    """Refuse parts that are too small; `needed` of them are dealt, from whole groups where there are any.

    Two are where the test is given, which no share makes larger.
    """
    if min(sizes.values()) < FEWEST:
        of = f" of {by}" if by else ""
        named = "" if groups is None else f" in {counted(groups, 'group')}{of}"
        remedy = "change data.val_share" + (" or data.test_share" if needed > 2 else "")
        if needed == 2 and sizes["test"] < FEWEST:
            remedy = "give a longer test"
        if groups is not None and groups < needed:
            remedy = f"no share can help, for groups stay whole: take at least {needed} groups, or none"
        raise InputError(
            f"{owner} has {count} rows{named}, which gives {sizes['train']} for training, "
            f"{sizes['val']} for validation and {sizes['test']} for the test, at least {FEWEST} "
            f"each are needed: {remedy}."
        )


def _check_classes(labels: Labels, training: Ids, owner: str) -> None:
    import numpy as np

    there = np.bincount(labels.codes[training], minlength=len(labels.names))
    lacking = [name for name, rows in zip(labels.names, there, strict=True) if not rows]
    if lacking:
        more = f" (and {len(lacking) - 1} more)" if len(lacking) > 1 else ""
        raise InputError(
            f"{owner} has no row of the class {lacking[0]!r}{more} left for training: split it in another "
            "way, or merge or remove the class."
        )
