"""Where is the tree? Crops of two aerial photographs, each with the box of the tree over its middle."""

from __future__ import annotations

import functools
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbench.config.choice import knob
from lossbench.data.archive import cache_folder, fetch
from lossbench.data.corner_noise import wrong_corners
from lossbench.data.crowns import DEEPFOREST, STRIPS, TILES, tile_of
from lossbench.data.images import Images
from lossbench.data.kept_files import filled
from lossbench.seeds import numpy_generator
from lossbench.task import Target

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lossbench.data.album import Album
    from lossbench.data.image_source import Pictures
    from lossbench.data.part_examples import Values

VERSION = 1  # of the crops: those of another lie in another folder
SIDES = (96, 128)  # pixels of a crop
JITTER = 0.3  # of a box's side, at most so far the middle of a crop lies from that of the box
TIMES = {"train": 3, "test": 1}  # crops of each tree
_TABLE, _CORNERS = "boxes.csv", ("x1", "y1", "x2", "y2")


@dataclass(frozen=True, kw_only=True)
class Boxes(Images):
    """The box that people drew around the tree over the middle of a crop: an instance of `Images`.

    A crop is a square of 96 to 128 pixels whose middle lies in the box, up to three tenths of its sides from
    its centre, so that the middle of the picture alone tells little. A box ends at the edge of its crop, and
    neighbours touch it. Three crops of each tree train and validate, by whole strips of one tile; one of each
    tests, on another tile.

    corner_noise: how wrong the corners of training boxes are, as a share of the box
        (`data.corner_noise.wrong_corners`); those of validation and test are right.
    """

    noise_knobs = ("corner_noise",)

    path: str | None = knob(None, optional=True, place=True)
    test_path: str | None = knob(None, optional=True, place=True)
    file: str | None = knob("file", optional=True)
    target: tuple[str, ...] = knob(_CORNERS)
    group: str | None = knob("place", optional=True)
    size: tuple[int, ...] = knob((48, 48), at_least=1)
    corner_noise: float = knob(0.0, at_least=0, at_most=1)

    def __post_init__(self) -> None:
        folder = cache_folder() / f"boxes-{VERSION}-{DEEPFOREST.sha256[:12]}"
        for name, part in (("path", "train"), ("test_path", "test")):
            if getattr(self, name) is None:
                object.__setattr__(self, name, str(folder / part / _TABLE))
        super().__post_init__()

    # Known without the archive, which is fetched when it is trained on.
    judged_by = ("boxes",)
    select = "mean_iou"
    credit = "NEON photographs with the boxes of Weinstein and others, deepforest 2.1.0"

    def targets(self) -> tuple[Target, ...]:
        return (Target("box", size=4),)

    def account(self) -> list[str]:
        return [line.replace(f"{_TABLE}:", f"{self.name}:", 1) for line in super().account()]

    @cached_property
    def album(self) -> Album:
        _cut_out(Path(str(self.path)).parents[1])
        return super().album

    @cached_property
    def _right(self) -> Boxes:
        """The same with right corners, of which the pixels are the same."""
        return replace(self, corner_noise=0.0)

    def pictures(self, seed: int) -> Pictures:
        return self._right.pictures(seed) if self.corner_noise else super().pictures(seed)

    def trained_on(self, truth: Values, seed: int) -> Values:
        return {"box": wrong_corners(truth["box"], self.corner_noise, seed)}


@functools.cache
def _cut_out(folder: Path) -> None:
    """Write all crops below a folder, once, with a table of each part."""
    if folder.exists():
        return
    with filled(folder) as aside, zipfile.ZipFile(fetch(DEEPFOREST)) as wheel:
        for part, tile in TILES.items():
            (aside / part).mkdir()
            lines = [",".join(("file", "place", *_CORNERS))]
            for number, (place, box, image) in enumerate(crops(*tile_of(wheel, tile), part)):
                image.save(aside / part / f"{number}.png")
                lines.append(",".join(map(str, (f"{number}.png", place, *box))))
            (aside / part / _TABLE).write_text("\n".join(lines) + "\n")


def crops(
    image: Any, boxes: npt.NDArray[np.int64], part: str
) -> Iterator[tuple[str, tuple[int, int, int, int], Any]]:
    """The crops of a tile: the place of each (of training its strip, of the test its tree), its box, itself.

    Without those in whose middle another tree stands as well, and those that leave their strip or the tile.

    Args:
        image: a Pillow image.
        boxes: (B, 4) x1, y1, x2, y2 in pixels.
        part: train or test; whose stream of random numbers moves the crops.
    """
    import numpy as np

    generator = numpy_generator(0, "boxes", part)
    strips = STRIPS if part == "train" else 1
    edges = np.linspace(0, image.size[0], strips + 1).astype(int).tolist()
    for tree, box in enumerate(np.repeat(boxes, TIMES[part], axis=0)):
        side = int(generator.integers(SIDES[0], SIDES[1] + 1))
        away = generator.uniform(-JITTER, JITTER, 2) * (box[2:] - box[:2])
        middle = np.rint((box[:2] + box[2:]) / 2 + away).astype(int)
        left, top = (middle - side // 2).tolist()
        strip = int(np.searchsorted(edges, middle[0], side="right")) - 1
        over = ((boxes[:, :2] <= middle) & (middle < boxes[:, 2:])).all(axis=1)
        inside = edges[strip] <= left and left + side <= edges[strip + 1]
        if over.sum() > 1 or not inside or top < 0 or top + side > image.size[1]:
            continue
        own = np.clip(box - np.tile([left, top], 2), 0, side).tolist()
        place = f"strip_{strip}" if part == "train" else f"tree_{tree}"
        yield place, tuple(own), image.crop((left, top, left + side, top + side))
