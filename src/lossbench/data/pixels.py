"""Image files as bytes of one size, decoded once and kept in the cache."""

from __future__ import annotations

import hashlib
import io
import logging
import math
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

from lossbench.counting import counted
from lossbench.data.kept_files import place_of, written
from lossbench.errors import InputError, first_line

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image as Picture
    from torch import Tensor

    from lossbench.data.image_files import Listing

    Bytes = npt.NDArray[np.uint8]

log = logging.getLogger(__name__)
T = TypeVar("T")

_SHOWN = 3  # names in a sentence
_VERSION = "1"  # of how a file becomes bytes
_TOLD_AFTER = 3.0  # seconds
_GRAY = ("1", "L", "LA", "La", "I")  # and I;16 in all its forms
_ORIENTATION, _ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)  # a tag of EXIF, and those of its values


class Moments(NamedTuple):
    """Of pixels 0..1, by channel."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


# Of the photographs of ImageNet, in gray and in colour: what pretrained networks were trained on.
IMAGENET = {
    1: Moments((0.449,), (0.226,)),
    3: Moments((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


@dataclass(frozen=True, eq=False)
class Survey:
    """What image files are before they are decoded.

    digests: sha256 of the content of each.
    sizes: (N, 2) height and width, as they are shown (a camera may note that a photograph is turned).
    gray: (N,) bool.
    """

    digests: tuple[str, ...]
    sizes: npt.NDArray[np.int64]
    gray: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Standardised:
    """Bytes (..., C, H, W) as a model reads them, float32: of mean 0 and deviation 1 on ImageNet.

    The numbers are the same for all data and seeds: pretrained networks expect them, and seeds share images.
    """

    channels: int

    def __call__(self, pixels: Tensor) -> Tensor:
        import torch

        mean, deviation = (
            255 * torch.tensor(of, device=pixels.device).view(-1, 1, 1) for of in IMAGENET[self.channels]
        )
        return (pixels - mean).div_(deviation)


def surveyed(listing: Listing, owner: str) -> Survey:
    """Read each file once; remembered in the cache while no file has another size or time.

    Raises:
        InputError: some are no images.
    """
    import numpy as np

    stats = [(path.absolute(), path.stat()) for path in listing.paths]
    seen = [f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats]
    place = place_of("images", [_VERSION, *seen], "npz")
    if not place.is_file():
        found = _each(_looked_at, listing, owner, "looked at")
        with written(place) as temporary, temporary.open("wb") as file:
            digests, sizes, gray = zip(*found, strict=True)
            np.savez(file, digests=np.array(digests), sizes=np.array(sizes), gray=np.array(gray))
    with np.load(place) as kept:
        return Survey(tuple(kept["digests"].tolist()), kept["sizes"], kept["gray"])


def decoded(listing: Listing, survey: Survey, shape: tuple[int, int, int], owner: str) -> Tensor:
    """All images as bytes (N, channels, height, width), in a file that processes share.

    Args:
        shape: channels, height and width.

    Raises:
        InputError: some are broken, or the cache has no room.
    """
    import numpy as np
    import torch

    place = place_of("images", [_VERSION, repr(shape), *survey.digests], "bytes")
    whole = (len(survey.digests), *shape)
    count = math.prod(whole)
    if not (place.is_file() and place.stat().st_size == count):
        if count > (free := shutil.disk_usage(place.parent).free):
            raise InputError(
                f"{owner} takes {count / 1e9:.2g} GB when decoded, and {place.parent} has {free / 1e9:.2g} "
                "GB left: let LOSSBENCH_CACHE name a folder with more room, or make data.size smaller."
            )
        with written(place) as temporary:
            pixels = np.memmap(temporary, dtype=np.uint8, mode="w+", shape=whole)
            rows = {path: row for row, path in enumerate(listing.paths)}

            def fill(path: Path) -> None:
                pixels[rows[path]] = pixels_of(path, shape)

            _each(fill, listing, owner, "decoded")
            pixels.flush()
    held: Tensor = torch.from_file(str(place), shared=False, size=count, dtype=torch.uint8)
    return held.view(whole)


def pixels_of(path: Path, shape: tuple[int, int, int]) -> Bytes:
    """One image file as bytes (channels, height, width); what is transparent is white.

    Raises:
        OSError, ValueError: it is no image, or a broken one; and whatever else Pillow raises.
    """
    import numpy as np
    from PIL import Image, ImageOps

    channels, height, width = shape
    with Image.open(path) as image:
        side = 2 * max(height, width)
        image.draft(None, (side, side))  # a JPEG can be decoded smaller in less time
        picture = _coloured(ImageOps.exif_transpose(image), channels)
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture, dtype=np.uint8).reshape(height, width, channels).transpose(2, 0, 1)


def _coloured(image: Picture, channels: int) -> Picture:
    """In 8 bits, gray or red, green and blue."""
    import numpy as np
    from PIL import Image

    if image.mode == "F":
        raise ValueError("its numbers have no range that is known: save it in 8 or 16 bits")
    if image.mode.startswith("I"):  # 16 bits
        image = Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype(np.uint8))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        opaque = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", opaque.size, "white"), opaque)
    return image.convert("L" if channels == 1 else "RGB")


def _looked_at(path: Path) -> tuple[str, tuple[int, int], bool]:
    """The sha256 of a file, its height and width, and whether it is gray."""
    from PIL import Image

    content = path.read_bytes()
    with Image.open(io.BytesIO(content)) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION) in _ON_ITS_SIDE:
            width, height = height, width
        gray = image.mode in _GRAY or image.mode.startswith("I;16")
    return hashlib.sha256(content).hexdigest(), (height, width), gray


def is_turned(path: Path) -> bool:
    """Whether a photograph is shown in another way than its pixels lie in the file."""
    from PIL import Image

    with Image.open(path) as image:
        return bool(image.getexif().get(_ORIENTATION, 1) != 1)


def _each(work: Callable[[Path], T], listing: Listing, owner: str, done: str) -> list[T]:
    """The work on each file, by all cores: Pillow lets go of Python's lock.

    Raises:
        InputError: of some files it cannot be done.
    """
    from PIL import Image, UnidentifiedImageError

    broken: list[str] = []

    def one(path: Path, name: str) -> T | None:
        try:
            return work(path)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            why = "it is no image" if isinstance(error, UnidentifiedImageError) else first_line(error)
            broken.append(f"{name} ({why.rstrip('.')})")
            return None

    found: list[T | None] = []
    begun = told = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for number, result in enumerate(threads.map(one, listing.paths, listing.names), 1):
            found.append(result)
            if (now := time.monotonic()) - told > _TOLD_AFTER and number > len(listing.names) // 20:
                told = now
                left = (now - begun) * (len(listing.names) / number - 1)
                log.info("%s: %d of %d images %s, %.0f s left", owner, number, len(listing.names), done, left)
    if broken:
        some, more = sorted(broken)[:_SHOWN], ", ..." if len(broken) > _SHOWN else ""
        raise InputError(
            f"{counted(len(broken), 'image')} of {owner} cannot be read: {', '.join(some)}{more}; replace or "
            "remove what is broken."
        )
    return cast("list[T]", found)
