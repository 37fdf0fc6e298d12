"""Photographs of tree crowns and of what lies between them, cut out of two aerial tiles."""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbench.config.choice import knob
from lossbench.data.archive import Archive, cache_folder, fetch
from lossbench.data.images import Images
from lossbench.data.kept_files import filled
from lossbench.data.labels import class_targets
from lossbench.seeds import numpy_generator
from lossbench.task import Target

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lossbench.data.album import Album

DEEPFOREST = Archive(
    project="deepforest",
    version="2.1.0",
    file="deepforest-2.1.0-py3-none-any.whl",
    sha256="8c2798d8e9be7f0004b194fe207b76c1d9fff6e711b3db67b9508dcd5d00ae54",
)
# 574 hand-drawn boxes train and validate, 279 of another place test.
TILES = {
    "train": "2019_YELL_2_528000_4978000_image_crop2",
    "test": "2019_YELL_2_541000_4977000_image_crop",
}
VERSION = 2  # of the cuts: those of another lie in another folder
STRIPS = 8  # of the first tile, side by side: validation gets whole ones, and no square crosses their borders
MARGIN = 1.2  # of a cut, over the longer side of the box
SMALLEST, LARGEST = 16, 128  # pixels of a cut's side
FREE = 0.1  # of a background, at most so much may lie in boxes
PROPOSED = (
    200  # times as many backgrounds are drawn as there are crowns, of which the first that fit are taken
)


@dataclass(frozen=True, kw_only=True)
class Crowns(Images):
    """Crown or background, from above: an instance of `Images`, whose folders are cut from an archive.

    The labels are derived: a crown is a square around a box that people drew, background is a square of a
    crown's size of which at most a tenth lies in boxes. Trees that nobody boxed are background here. As many
    backgrounds as crowns; train and validation are strips of one tile, the test is another tile.
    """

    path: str | None = knob(None, optional=True, place=True)
    test_path: str | None = knob(None, optional=True, place=True)
    group: str | None = knob("^[a-z]+_[0-9]+", optional=True)
    size: tuple[int, ...] = knob((32, 32), at_least=1)

    def __post_init__(self) -> None:
        folder = cache_folder() / f"crowns-{VERSION}-{DEEPFOREST.sha256[:12]}"
        for name, part in (("path", "train"), ("test_path", "test")):
            if getattr(self, name) is None:
                object.__setattr__(self, name, str(folder / part))
        super().__post_init__()

    # Known without the archive, which is fetched when it is trained on.
    judged_by = ("classes",)
    select = "accuracy"

    def targets(self) -> tuple[Target, ...]:
        return class_targets(("background", "crown"))

    def account(self) -> list[str]:
        return [line.replace("train:", f"{self.name}:", 1) for line in super().account()]

    @cached_property
    def album(self) -> Album:
        _cut_out(Path(str(self.path)).parent)
        return super().album


@functools.cache
def _cut_out(folder: Path) -> None:
    """Write all cuts below a folder, once."""
    if folder.exists():
        return
    with filled(folder) as aside, zipfile.ZipFile(fetch(DEEPFOREST)) as wheel:
        for part, tile in TILES.items():
            for name, image in cuts(*tile_of(wheel, tile), part):
                place = aside / part / name
                place.parent.mkdir(parents=True, exist_ok=True)
                image.save(place)


def tile_of(wheel: zipfile.ZipFile, tile: str) -> tuple[Any, npt.NDArray[np.int64]]:
    """A tile as a Pillow image, and its boxes (B, 4): x1, y1, x2, y2 in pixels."""
    from xml.etree import ElementTree  # the sha256 vouches for what it reads

    import numpy as np
    from PIL import Image

    root = ElementTree.fromstring(wheel.read(f"deepforest/data/{tile}.xml"))
    corners = ("xmin", "ymin", "xmax", "ymax")
    boxes = [[int(str(one.findtext(f"bndbox/{name}"))) for name in corners] for one in root.iter("object")]
    return Image.open(io.BytesIO(wheel.read(f"deepforest/data/{tile}.png"))).convert("RGB"), np.array(boxes)


def cuts(image: Any, boxes: npt.NDArray[np.int64], part: str) -> Iterator[tuple[str, Any]]:
    """The cuts of a tile, each with the name of its file: `crown/strip_3-17.png`, `crown/elsewhere_0-1.png`.

    Args:
        image: a Pillow image.
        boxes: (B, 4) x1, y1, x2, y2 in pixels.
        part: whose stream of random numbers places the backgrounds.
    """
    import numpy as np

    generator = numpy_generator(0, "crowns", part)
    width, height = image.size
    longer = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    sides = np.clip(np.round(MARGIN * longer), SMALLEST, LARGEST).astype(np.int64)
    middle = (boxes[:, :2] + boxes[:, 2:]) // 2
    crowns = np.column_stack([middle - sides[:, None] // 2, sides])
    own = np.resize(generator.permutation(sides), PROPOSED * len(boxes))
    room = np.array([width, height]) - own[:, None]
    proposed = np.column_stack([(generator.random(room.shape) * room).astype(np.int64), own])
    backgrounds = proposed[covered(proposed, boxes, (height, width)) <= FREE]
    strips, place = (STRIPS, "strip") if part == "train" else (1, "elsewhere")  # no place is in both
    kept = [[one for one in found if _fits(one, image, strips)] for found in (crowns, backgrounds)]
    count = min(map(len, kept))  # as many of both
    for label, squares in zip(("crown", "background"), kept, strict=True):
        for number, (x, y, side) in enumerate(np.array(squares[:count]).tolist()):
            name = f"{label}/{place}_{strips * x // width}-{number}.png"
            yield name, image.crop((x, y, x + side, y + side))


def covered(
    squares: npt.NDArray[np.int64], boxes: npt.NDArray[np.int64], shape: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """(S,) the share of each square (x, y, side) that lies in boxes, of a tile of this height and width."""
    import numpy as np

    inside = np.zeros(shape, dtype=np.int64)
    for left, top, right, bottom in boxes.clip(min=0):
        inside[top:bottom, left:right] = 1
    sums = np.pad(inside.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    x, y, side = squares.T
    area = sums[y + side, x + side] - sums[y, x + side] - sums[y + side, x] + sums[y, x]
    return np.asarray(area / side**2)


def _fits(square: Any, image: Any, strips: int) -> bool:
    """Whether a square (x, y, side) lies in an image, and in one of so many strips side by side."""
    x, y, side = square
    width, height = image.size
    inside = min(x, y) >= 0 and x + side <= width and y + side <= height
    return bool(inside and strips * x // width == strips * (x + side - 1) // width)
