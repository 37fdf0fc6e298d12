"""Images, understood: what is to be predicted of each, which belong together, and what may be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lossbench.counting import counted
from lossbench.data import image_people
from lossbench.data import labels as classes
from lossbench.data.image_files import Listing, folder_of_classes, table_of_files
from lossbench.data.image_labels import labels_of
from lossbench.data.image_numbers import check_boxes, doubts, numbers_said, rather_numbers
from lossbench.data.labels import Labels
from lossbench.data.parts import repeated_note, shared_note
from lossbench.errors import InputError
from lossbench.significant import between
from lossbench.task import Target

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lossbench.data.part_examples import Values
    from lossbench.data.pixels import Survey
    from lossbench.data.splits import Ids

_SHOWN = 12  # classes


@dataclass(frozen=True, eq=False)
class Album:
    """All images, those that `test_path` names at the end.

    owner: what they are called in a sentence.
    labels: their classes; None: `values` are to be predicted.
    people: whether the labels are people, to whom training shall be a stranger.
    values: (N,) float64, or (N, 4) of boxes, in pixels of the files; empty where there are labels.
    groups: (N,) the number of each one's group.
    test: the numbers of those that test, where that is given.
    by: what the groups are called.
    """

    owner: str
    listing: Listing
    labels: Labels | None
    values: npt.NDArray[np.float64]
    groups: Ids | None
    test: Ids | None
    target: str
    by: str = ""
    people: bool = False

    @property
    def boxed(self) -> bool:
        """Whether boxes are to be predicted."""
        return self.labels is None and self.values.ndim > 1

    @property
    def targets(self) -> tuple[Target, ...]:
        """What is to be predicted, by kind."""
        number = Target("box", 4) if self.boxed else Target("continuous")
        return (number,) if self.labels is None else classes.class_targets(self.labels.names)

    @property
    def judged(self) -> tuple[str, str]:
        """The family of measures that judges, and the metric that chooses: outliers must not lead it."""
        number = ("boxes", "mean_iou") if self.boxed else ("continuous", "mae")
        return number if self.labels is None else ("classes", "accuracy")

    def content(self) -> bytes:
        """What tells it from others, beside what is in the files."""
        test = None if self.test is None else self.test.tolist()
        return repr((self.listing.said, self.listing.groups, test)).encode()

    def survey(self) -> Survey:
        """Sizes and contents of the files.

        Raises:
            InputError: some are no images, or a box is not of its image.
        """
        from lossbench.data.pixels import surveyed

        found = surveyed(self.listing, self.owner)
        if self.boxed:
            own = len(self.values) - (0 if self.test is None else len(self.test))
            check_boxes(self.values, found.sizes, self.listing, own, self.owner)
        return found

    def truth(self, targets: Sequence[Target], survey: Survey, size: tuple[int, int]) -> Values:
        """What is to be predicted, by kind of target (N, ...); boxes in pixels of images of this size."""
        if self.labels is not None:
            return classes.class_values(self.labels.codes, targets)
        if not self.boxed:
            return {"continuous": self.values}
        factors = size / survey.sizes  # (N, 2) of height and width
        return {"box": self.values * factors[:, [1, 0, 1, 0]]}

    def common_size(self, survey: Survey) -> tuple[int, int]:
        """Height and width of all images.

        Raises:
            InputError: they differ.
        """
        low, high = survey.sizes.min(0).tolist(), survey.sizes.max(0).tolist()
        if low != high:
            raise InputError(
                f"{self.owner} holds images of {low[0]} x {low[1]} to {high[0]} x {high[1]} pixels: set the "
                "height and width that they are brought to, as in data.size=64 or data.size=[48,64]."
            )
        return low[0], low[1]

    def account(self, survey: Survey, shape: tuple[int, int, int]) -> list[str]:
        """What was made of the files, in lines."""
        channels, height, width = shape
        low, high = survey.sizes.min(0).tolist(), survey.sizes.max(0).tolist()
        sizes = f"{low[0]} x {low[1]}" if low == high else f"{low[0]} x {low[1]} to {high[0]} x {high[1]}"
        colour = "gray" if channels == 1 else "in colour"
        test = "" if self.test is None else f", {len(self.test)} of them to test"
        lines = [
            f"{self.owner}: {len(self.listing.names)} images{test}, {sizes} pixels, read {colour} with "
            f"{height} x {width}",
            f"  {self.target}: {self._told()}",
        ]
        if self.groups is not None and not self.people:
            lines.append(f"  groups: {self.groups.max() + 1}")
        if self.people and self.labels is not None:
            notes = [*self.listing.notes, *image_people.repeats(self.labels, survey)]
        else:
            notes = [*self.listing.notes, *(() if self.labels is None else classes.notes(self.labels))]
            notes += [*self._repeats(survey), *self._contradictions(survey)]
            notes += shared_note(self.groups, self.test, self.by)
        return [*lines, *(f"  ! {note}" for note in notes)]

    def _told(self) -> str:
        if self.labels is None:
            if self.boxed:
                return "a box, x1, y1, x2, y2 in pixels"
            return f"a number, from {between(float(self.values.min()), float(self.values.max()))}"
        if self.people:
            return image_people.told(self.labels)
        names, counts = self.labels.names, self.labels.counts
        shown = [f"{name} ({count})" for name, count in zip(names, counts, strict=True)][:_SHOWN]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        positive = f"; {names[1]} is the positive one" if len(names) == 2 else ""
        return f"{len(names)} classes, {', '.join(shown)}{more}{positive}"

    def _repeats(self, survey: Survey) -> list[str]:
        """Of equal images, where one may be, or is, in the test."""
        if self.test is None:
            return list(repeated_note(survey.digests, self.groups))
        own, groups = len(survey.digests) - len(self.test), self.groups
        told = repeated_note(
            survey.digests[:own], None if groups is None else groups[:own], held_out="validation"
        )
        tested = set(survey.digests[own:])
        both = sum(digest in tested for digest in survey.digests[:own])
        of = f"{both} of {counted(own, 'image')} {'is' if both == 1 else 'are'} in data.test_path, too"
        return [*told, *([f"{of}: take such images out of one of the two"] if both else [])]

    def _contradictions(self, survey: Survey) -> list[str]:
        """Of equal images of which different things are said."""
        if self.labels is None:
            return []
        kinds: dict[str, set[int]] = {}
        for digest, code in zip(survey.digests, self.labels.codes.tolist(), strict=True):
            kinds.setdefault(digest, set()).add(code)
        count = sum(len(of) > 1 for of in kinds.values())
        what = "image is" if count == 1 else "images are"
        return [f"{count} {what} the same in several classes: keep each in one"] if count else []


@dataclass(frozen=True)
class Asked:
    """The knobs of `data=images` that say what is to be read; `separator` is the sign."""

    path: str
    test_path: str | None
    file: str | None
    target: tuple[str, ...]
    task: str
    group: str | None
    separator: str

    def listing(self, knob: str, where: str) -> Listing:
        """What a folder or a table names.

        Raises:
            InputError: it is not there, or cannot be used.
        """
        place = Path(where).expanduser()
        if place.is_dir():
            if self.file or self.target or self.task == "number":
                named = "data.file" if self.file else "data.target" if self.target else "data.task"
                raise InputError(
                    f"data.{knob}={where} is a folder, whose folders are the classes: leave {named} out, or "
                    "name a table of file names."
                )
            return folder_of_classes(place, self.group)
        if not place.is_file():
            raise InputError(
                f"data.{knob}={where} does not exist, seen from {Path.cwd()}: name a folder with one folder "
                "for each class, or a table of file names."
            )
        return table_of_files(place, self.file, self.target, self.group, self.separator)


def read_album(asked: Asked) -> Album:
    """Read folders or tables.

    Raises:
        InputError: they cannot be used.
    """
    import numpy as np
    import pandas as pd

    if asked.task == "identity":
        image_people.check_asked(asked.target, asked.group)
    own, test, target = asked.listing("path", asked.path), None, asked.target
    tested: list[tuple[Listing, str]] = []
    listing, owner = own, _called(asked.path)
    if asked.test_path is not None:
        tested = [(asked.listing("test_path", asked.test_path), _called(asked.test_path))]
        listing = own.and_then(tested[0][0])
        test = np.arange(len(own.names), len(listing.names))
    if asked.task == "identity":
        return _people(asked, listing, test, owner)
    groups = None if listing.groups is None else pd.factorize(np.array(listing.groups))[0].astype("int64")
    said = target[0] if len(target) == 1 else "box" if target else "class"
    album = Album(owner, listing, None, np.empty(0), groups, test, said, asked.group or "")
    auto = bool(target) and asked.task == "auto"
    numeric = auto and any(rather_numbers(part.said[0]) for part in (own, listing))
    if numeric or len(target) == 4 or asked.task == "number":
        values = numbers_said(listing, target, owner)
        told = replace(listing, notes=(*listing.notes, *doubts(listing, target)))
        return replace(album, listing=told, values=values)
    return replace(album, labels=labels_of((own, owner), *tested, said=said, auto=auto))


def _people(asked: Asked, listing: Listing, test: Ids | None, owner: str) -> Album:
    import numpy as np

    kept, people, tested = image_people.people_of(listing, test, owner)
    return Album(owner, kept, people, np.empty(0), people.codes, tested, "people", people=True)


def _called(path: str) -> str:
    return Path(path).expanduser().absolute().name
