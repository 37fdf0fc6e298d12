"""The scene of `data=depth`: a photograph, the depth of its pixels, and both in patches."""

from __future__ import annotations

import io
import math
import zipfile
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lossbench.data.archive import Archive, fetch

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from lossbench.data.splits import Ids

    Floats = npt.NDArray[np.floating]

SCIKIT_IMAGE = Archive(
    project="scikit-image",
    version="0.26.0",
    file="scikit_image-0.26.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
    sha256="74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
)
# As scikit-image states them for its copy of the scene: pixels, pixels, and metres.
FOCAL, OFFSET, BASELINE = 994.978, 31.086, 0.193001
WIDTH, NEAREST = 741, 60  # pixels of the photographs, and the largest disparity between them
ROW = 3  # the channel that says how far down a pixel lies


@lru_cache(maxsize=8)
def places(size: tuple[int, ...], patch: int, step: int) -> tuple[Ids, Ids]:
    """Top and left (M,) of all patches on the grid, from top left to bottom right."""
    import numpy as np

    tops, lefts = (np.arange(0, side - patch + 1, step) for side in size)
    found = np.stack(np.meshgrid(tops, lefts, indexing="ij")).reshape(2, -1)
    return found[0], found[1]


@lru_cache(maxsize=8)
def patches(
    size: tuple[int, ...], patch: int, step: int, stereo: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """What is read (M, C, patch, patch), the depths (M, patch, patch), and 1 where they are known, else 0."""
    import numpy as np
    import torch

    read, depth = scene(size, stereo)
    known = np.isfinite(depth)
    # A number is needed where none is known; it weighs nothing.
    filled = np.where(known, depth, np.median(depth[known]))
    tops, lefts = places(size, patch, step)
    corners = list(zip(tops.tolist(), lefts.tolist(), strict=True))

    def cut(of: Floats) -> Tensor:
        rows = [of[..., top : top + patch, left : left + patch] for top, left in corners]
        return torch.from_numpy(np.stack(rows))

    return cut(read), cut(filled), cut(known.astype(np.float32))


@lru_cache(maxsize=4)
def scene(size: tuple[int, ...], stereo: bool = True) -> tuple[Floats, Floats]:
    """What is read (C, height, width) float32, and the depth (height, width) in metres, nan where not known.

    Depth is focal length * baseline / (disparity to the right photograph + offset). Photographs are brought
    to the size by means of their pixels; a depth is that of the pixel in the middle.

    Args:
        size: height and width.
        stereo: behind red, green, blue and how far down a pixel lies, all in -1 to 1, there are `shifts`
            further channels: how unlike the right photograph is at each shift, 0 to 2, the mean over colours.

    Raises:
        InputError: the archive cannot be fetched.
    """
    import numpy as np

    left, right, disparity = _read()
    height, width = size
    left, right = (_resized(photograph, size) for photograph in (left, right))
    far_down = np.broadcast_to(np.linspace(-1, 1, height, dtype=np.float32)[:, None], (1, height, width))
    moved = range(1, shifts(width) + 1) if stereo else ()
    unlike = [np.abs(left - _shifted(right, by)).mean(0, keepdims=True) for by in moved]
    read = np.concatenate([left, far_down, *unlike])
    middle = [
        ((np.arange(n) + 0.5) * own / n).astype(int) for n, own in zip(size, disparity.shape, strict=True)
    ]
    own = disparity[np.ix_(*middle)]
    depth = np.where(np.isfinite(own), FOCAL * BASELINE / (own + OFFSET), np.nan)
    return read, depth


def shifts(width: int) -> int:
    """How many columns, of so many, what is nearest stands further left in the right photograph."""
    return math.ceil(NEAREST * width / WIDTH)


@lru_cache(maxsize=1)
def _read() -> tuple[Any, Any, Floats]:
    """Both photographs, and the disparity (500, 741) of the left one; infinite where not known."""
    import numpy as np
    from PIL import Image

    with zipfile.ZipFile(fetch(SCIKIT_IMAGE)) as wheel:
        left, right = (
            Image.open(io.BytesIO(wheel.read(f"skimage/data/motorcycle_{side}.png"))).convert("RGB")
            for side in ("left", "right")
        )
        with np.load(io.BytesIO(wheel.read("skimage/data/motorcycle_disp.npz"))) as arrays:
            return left, right, arrays["arr_0"].astype(np.float64)


def _resized(photograph: Any, size: tuple[int, ...]) -> Floats:
    """(3, height, width) float32 in -1 to 1."""
    import numpy as np
    from PIL import Image

    pixels = np.asarray(photograph.resize(size[::-1], Image.Resampling.BOX), dtype=np.float32)
    return pixels.transpose(2, 0, 1) / np.float32(127.5) - 1


def _shifted(photograph: Floats, by: int) -> Floats:
    """Moved to the right by so many columns, the first of which is repeated."""
    import numpy as np

    width = photograph.shape[-1]
    return photograph[..., (np.arange(width) - by).clip(0)]
