"""Images of people: who is on each, and how people are dealt to the parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import TYPE_CHECKING

from lossbench.counting import counted
from lossbench.data.labels import Labels, in_order
from lossbench.data.people import FEWEST, sizes_of
from lossbench.data.people import dealt as people_dealt
from lossbench.errors import InputError

if TYPE_CHECKING:
    from lossbench.data.image_files import Listing
    from lossbench.data.pixels import Survey
    from lossbench.data.source import Split
    from lossbench.data.splits import Ids

_SHOWN = 3  # names in a sentence


def check_asked(target: Sequence[str], group: str | None) -> None:
    """Refuse what says nothing of people."""
    if len(target) > 1:
        raise InputError(
            f"data.task=identity needs one column, of the person on each image; data.target names "
            f"{len(target)}."
        )
    if group is not None:
        raise InputError(
            f"data.group={group} cannot be kept: with data.task=identity the images of a person stay in one "
            "part; leave it out."
        )


def people_of(listing: Listing, test: Ids | None, owner: str) -> tuple[Listing, Labels, Ids | None]:
    """The person on each image, without those of whom there is one image alone, which forms no pair.

    Args:
        listing: says the person of each.
        test: the numbers of the images that test, where these are given.

    Returns:
        what is left, and the numbers in it of those that test.

    Raises:
        InputError: nobody has two images, or somebody is in the test and in the other images, too.
    """
    import numpy as np

    texts = listing.said[0]
    names, codes, counts = np.unique(np.array(texts), return_inverse=True, return_counts=True)
    tested = np.isin(np.arange(len(codes)), [] if test is None else test)
    both = names[np.intersect1d(codes[tested], codes[~tested])].tolist()
    if both:
        raise InputError(
            f"data.test_path holds {counted(len(both), 'person')} of data.path, too ({_some(both)}): who is "
            "verified must be a stranger to training; take them out of one of the two, or name others so."
        )
    alone, kept = names[counts == 1], counts[codes] > 1
    if not kept.any():
        raise InputError(
            f"{owner} holds one image of each of {counted(len(names), 'person')}: two or more are needed, so "
            "that a person can be verified; its folders are the people, or data.target names their column."
        )
    if len(alone):
        told = f"{counted(len(alone), 'person')} with one image left out: {_some(alone.tolist())}"
        texts = tuple(compress(texts, kept))
        paths, shown = tuple(compress(listing.paths, kept)), tuple(compress(listing.names, kept))
        listing = replace(listing, paths=paths, names=shown, said=(texts,), notes=(*listing.notes, told))
    people = in_order(set(texts))
    place = {name: number for number, name in enumerate(people)}
    labels = Labels(people, np.array([place[name] for name in texts], dtype=np.int64))
    return listing, labels, None if test is None else np.flatnonzero(tested[kept])


@dataclass(frozen=True, eq=False)
class Dealt:
    """Images of people with one seed.

    training: how many people train, the same with every seed.
    rows: of each part its images, person by person.
    identity: (N,) the number of the person on each image: 0 .. training-1 in training.
    """

    training: int
    rows: Mapping[Split, Ids]
    identity: Ids


def dealt(people: Labels, test: Ids | None, shares: Sequence[float], seed: int, owner: str) -> Dealt:
    """Deal people, with all images of each, to the parts.

    Args:
        people: on each image.
        test: the numbers of the images that test, where these are given.
        shares: of the people, that validate and, where no test is given, that test.

    Raises:
        InputError: there are too few.
    """
    import numpy as np

    tested = None if test is None else np.unique(people.codes[test])
    if tested is not None and len(tested) < FEWEST:
        raise InputError(
            f"data.test_path holds {counted(len(tested), 'person')} with two images or more: at least "
            f"{FEWEST} are needed, for pairs of two people; add some."
        )
    count, given = len(people.names), 0 if tested is None else len(tested)
    sizes = sizes_of(count - given, shares if tested is None else shares[:1], owner)
    found = people_dealt(count, sizes, seed, tested)
    images = np.split(people.codes.argsort(kind="stable"), np.cumsum(people.counts)[:-1])
    rows = {part: np.concatenate([images[person] for person in own]) for part, own in found.people.items()}
    return Dealt(sizes[0], rows, found.numbers[people.codes])


def told(people: Labels) -> str:
    """How many people there are, and how many images of each."""
    low, high = min(people.counts), max(people.counts)
    each = f"{low} to {high}" if low < high else f"{low}"
    return f"{counted(len(people.names), 'person')}, {each} images each"


def repeats(people: Labels, survey: Survey) -> list[str]:
    """Of equal images, which tell nothing of a person."""
    import numpy as np

    _, which, counts = np.unique(np.array(survey.digests), return_inverse=True, return_counts=True)
    several = int((counts[which] > 1).sum())
    alike = len({*zip(which.tolist(), people.codes.tolist(), strict=True)}) - len(counts)
    notes = []
    if several:
        notes.append(
            f"{several} of {len(which)} images occur several times, pairs that anything tells: keep each once"
        )
    if alike:
        notes.append(f"the same image is of several people, {alike} times: keep each with one")
    return notes


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
