"""MNIST's own file format, checked: big-endian header, then one byte per pixel or label.

Format: Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits", file formats.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from lossbench.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_UNSIGNED_BYTE = 0x08


def read_idx(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """The array of one IDX file, raw or ending in .gz.

    Args:
        path: the file.
        dimensions: 3 for images (N, height, width), 1 for labels (N,).

    Raises:
        InputError: the file cannot be read, is damaged or cut off, or holds something else.
    """
    import numpy as np

    data = _bytes(path)
    start = 4 + 4 * dimensions
    if len(data) < start or data[:4] != bytes((0, 0, _UNSIGNED_BYTE, dimensions)):
        what = "images" if dimensions == 3 else "labels"
        raise InputError(
            f"{path} is no IDX file of {what} (its header is {data[:4].hex()!r}): fetch it again."
        )
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", dimensions, offset=4))
    expected = start + int(np.prod(shape, dtype=np.int64))
    if len(data) != expected:
        raise InputError(
            f"{path} is {'cut off' if len(data) < expected else 'too long'}: its header promises "
            f"{expected:,} bytes and it holds {len(data):,}; fetch it again."
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix == ".gz" else data
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path} is damaged ({str(error).rstrip('.')}): fetch it again.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check its permissions.") from error
