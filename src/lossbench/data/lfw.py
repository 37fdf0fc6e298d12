"""Labeled Faces in the Wild: photographs of people in the news, which scikit-learn fetches."""

from __future__ import annotations

import functools
import tarfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbench.config.choice import knob
from lossbench.counting import counted
from lossbench.data.archive import cache_folder
from lossbench.data.images import Images
from lossbench.data.kept_files import filled
from lossbench.data.people import FEWEST, sizes_of
from lossbench.errors import InputError, first_line
from lossbench.task import Target

if TYPE_CHECKING:
    from lossbench.data.album import Album

VERSION = 1  # of the files that are written: those of another lie in another folder


@dataclass(frozen=True, kw_only=True)
class LFW(Images):
    """People of whom newspapers print most, gray: an instance of `Images`, a folder for each person.

    scikit-learn brings them once, 200 MB, into its own folder (SCIKIT_LEARN_DATA), cuts the middle out of
    each photograph, where the face is, and halves it: 62 x 47 pixels.

    people: so many, of whom there are most photographs; of equal numbers in order of the alphabet.
    photographs: of each at most, the first in the order of scikit-learn: of one man there are 530.
    """

    path: str | None = knob(None, optional=True, place=True)
    task: str = knob("identity", choices=("identity",))
    people: int = knob(150, at_least=3 * FEWEST)
    photographs: int = knob(20, at_least=2)

    def __post_init__(self) -> None:
        if self.path is None:
            folder = cache_folder() / f"lfw-{VERSION}-{self.people}-{self.photographs}"
            object.__setattr__(self, "path", str(folder))
        super().__post_init__()

    # Known without the photographs, which are fetched when they are trained on.
    def targets(self) -> tuple[Target, ...]:
        return (Target("identity", sizes_of(self.people, (self.val_share, self.test_share), self.name)[0]),)

    def training_size(self) -> int:
        return self.targets()[0].size * self.photographs

    @property
    def credit(self) -> str:
        """The authors."""
        return (
            "Labeled Faces in the Wild, University of Massachusetts, Amherst (Huang, Ramesh, Berg and "
            "Learned-Miller, 2007), by scikit-learn"
        )

    def account(self) -> list[str]:
        _, *lines = super().account()
        return [f"{self.name}: {counted(len(self.album.listing.names), 'photograph')}", *lines]

    @cached_property
    def album(self) -> Album:
        _write(Path(str(self.path)), self.people, self.photographs)
        return super().album


@functools.cache
def _write(folder: Path, people: int, photographs: int) -> None:
    """Write the photographs of each person below a folder, once."""
    if folder.exists():
        return
    import numpy as np
    from PIL import Image

    found = _fetched()
    counts = np.bincount(found.target)
    chosen = sorted(range(len(counts)), key=lambda person: (-counts[person], found.target_names[person]))
    if len(chosen) < people:
        raise InputError(
            f"data.people={people} is more than the {counted(len(chosen), 'person')} with two photographs or "
            "more that scikit-learn has: make it smaller."
        )
    pixels = np.round(255 * found.images).astype(np.uint8)
    with filled(folder) as aside:
        for person in chosen[:people]:
            place = aside / str(found.target_names[person]).replace(" ", "_")
            place.mkdir(parents=True)
            for number, row in enumerate(np.flatnonzero(found.target == person)[:photographs]):
                Image.fromarray(pixels[row]).save(place / f"{number:02d}.png")


def _fetched() -> Any:
    """What scikit-learn has of people with two photographs or more.

    Raises:
        InputError: it cannot have them.
    """
    from sklearn.datasets import fetch_lfw_people, get_data_home

    try:
        return fetch_lfw_people(min_faces_per_person=2)
    except (OSError, EOFError, ValueError, RuntimeError, tarfile.TarError) as error:
        raise InputError(
            f"data=lfw is fetched by scikit-learn, which could not ({first_line(error).rstrip('.')}): try it "
            "where there is a network, or bring lfw_home of another machine's scikit_learn_data into "
            f"{get_data_home()}."
        ) from error
