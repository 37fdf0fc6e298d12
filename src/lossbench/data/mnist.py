"""MNIST with its official test set, fetched by torchvision or read from a folder."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data.archive import cache_folder
from lossbench.data.digits import SIDE, Digits, DigitSource, check_labels, standardised
from lossbench.data.idx import read_idx
from lossbench.data.source import Split
from lossbench.data.splits import stratified
from lossbench.errors import InputError

if TYPE_CHECKING:
    from lossbench.data.digits import Labels

_PARTS = ("train", "t10k")
_NAMES = tuple(f"{part}-{what}" for part in _PARTS for what in ("images-idx3-ubyte", "labels-idx1-ubyte"))

# sha256 of the pixels and labels of the four official files, as `_read` takes it.
_OFFICIAL = "1e35582d42a90940c55b956deb61875c020b567ed20e3c5b174f52bf7809ed9b"


@dataclass(frozen=True, kw_only=True)
class MNIST(DigitSource):
    """60,000 training and 10,000 test images; validation is cut off the training images.

    root: folder of the four files (train- and t10k-, images-idx3-ubyte and labels-idx1-ubyte), raw or .gz,
        in the folder itself, in raw/ or in MNIST/raw/; null: torchvision fetches them into the cache once.
    train_size: training images, at random with equal shares of the classes; null takes all that are left.
    val_size: validation images, which do not depend on `train_size`.
    test_size: images of the official test set, at random with equal shares of the classes; null takes all.
    """

    root: str | None = knob(None, optional=True, place=True)
    train_size: int | None = knob(None, at_least=10, optional=True)
    val_size: int = knob(5000, at_least=10)
    test_size: int | None = knob(None, at_least=10, optional=True, later=True)

    @property
    def credit(self) -> str:
        """The authors, where the files hold their digits; of others, where the files lie."""
        if self.read().fingerprint == _OFFICIAL:
            return "MNIST (LeCun, Cortes and Burges), official test set"
        return f"digits in MNIST's format from {self.root or cache_folder() / 'mnist'}"

    def read(self) -> Digits:
        paths = find_files(Path(self.root).expanduser()) if self.root else _fetched()
        return _read(paths, tuple((path.stat().st_size, path.stat().st_mtime_ns) for path in paths))

    def split(self, digits: Digits, seed: int) -> dict[Split, Labels]:
        import numpy as np

        available = digits.official_training
        left = available - self.val_size
        size = left if self.train_size is None else self.train_size
        if not 10 <= size <= left:
            raise InputError(
                f"data.val_size={self.val_size} and data.train_size={self.train_size or 10} do not fit into "
                f"the {available:,} training images of {self.name}: make them smaller."
            )
        labels = digits.labels[:available]
        val, train = stratified(labels, (self.val_size, size), seed, "split")
        test, official = np.arange(available, len(digits.labels)), digits.labels[available:]
        if self.test_size is not None:
            if self.test_size > len(test):
                raise InputError(
                    f"data.test_size={self.test_size} is more than the {len(test):,} test images of "
                    f"{self.name}: make it smaller, or leave it out to take all."
                )
            test = test[stratified(official, (self.test_size,), seed, "test")[0]]
        return {"train": train, "val": val, "test": test}


def find_files(root: Path) -> tuple[Path, ...]:
    """The four files, in the order of `_NAMES`.

    Raises:
        InputError: there is no such folder, or a file is not there.
    """
    if not root.is_dir():
        raise InputError(f"data.root={root} is not a folder: name the one that holds MNIST's four files.")
    for folder in (root, root / "raw", root / "MNIST" / "raw"):
        choices = [(folder / name, folder / f"{name}.gz") for name in _NAMES]
        found = [next((path for path in pair if path.is_file()), None) for pair in choices]
        if all(found):
            return tuple(path for path in found if path)
        if any(found):
            missing = ", ".join(name for name, path in zip(_NAMES, found, strict=True) if path is None)
            raise InputError(f"{folder} lacks MNIST's {missing} (raw or .gz): put it there.")
    raise InputError(
        f"{root} holds no MNIST files: put {', '.join(_NAMES)} (raw or .gz) into it, into raw/ or "
        "into MNIST/raw/."
    )


def _fetched() -> tuple[Path, ...]:
    """The files in the cache; torchvision downloads them into a folder of its own, which is then renamed."""
    place = cache_folder() / "mnist"
    if place.is_dir():
        return find_files(place)
    from torchvision.datasets import MNIST as Official  # noqa: N811

    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix="mnist-") as temporary:
            Official(temporary, download=True)  # checks the md5 of each file
            try:
                Path(temporary, "MNIST", "raw").rename(place)
            except OSError:
                if not place.is_dir():  # else another process was first
                    raise
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"MNIST could not be downloaded: put {', '.join(f'{name}.gz' for name in _NAMES)} into {place}, "
            "or set data.root to a folder that holds them."
        ) from error
    return find_files(place)


@lru_cache(maxsize=2)
def _read(paths: tuple[Path, ...], _stamps: tuple[tuple[int, int], ...]) -> Digits:
    """All training images, then all test images; `_stamps` notice a file that was exchanged."""
    import numpy as np

    digest = hashlib.sha256()
    pixels, labels = [], []
    for images_path, labels_path in (paths[:2], paths[2:]):
        pixels.append(read_idx(images_path, 3))
        labels.append(check_labels(read_idx(labels_path, 1), labels_path))
        if pixels[-1].shape[1:] != (SIDE, SIDE):
            height, width = pixels[-1].shape[1:]
            raise InputError(
                f"{images_path} holds images of {height} x {width} pixels: they must have {SIDE} x {SIDE}."
            )
        if not len(pixels[-1]) or len(pixels[-1]) != len(labels[-1]):
            raise InputError(
                f"{images_path} holds {len(pixels[-1]):,} images and {labels_path.name} "
                f"{len(labels[-1]):,} labels: fetch both again."
            )
        digest.update(pixels[-1].tobytes() + labels[-1].tobytes())
    images = standardised(np.concatenate(pixels))
    return Digits(images, np.concatenate(labels), digest.hexdigest(), official_training=len(pixels[0]))
