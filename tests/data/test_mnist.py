"""MNIST from a folder: the official split, both forms of the files, and files that are refused."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import struct
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch

from lossbench.data.mnist import MNIST
from lossbench.errors import InputError

TRAIN, TEST = 300, 90
STEMS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def _idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def _contents() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    parts: dict[str, np.ndarray] = {}
    for part, size in (("train", TRAIN), ("t10k", TEST)):
        parts[f"{part}-images-idx3-ubyte"] = generator.integers(0, 256, (size, 28, 28))
        parts[f"{part}-labels-idx1-ubyte"] = generator.permutation(np.arange(size) % 10)
    return parts


def _write(folder: Path, contents: dict[str, np.ndarray], *, packed: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in contents.items():
        data = _idx(array)
        (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(data) if packed else data)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return _write(tmp_path / "digits", _contents())


def _mnist(root: Path, **knobs: Any) -> MNIST:
    return MNIST(name="mnist", **{"root": str(root), "val_size": 50, **knobs})


def test_the_official_test_set_is_the_test(root: Path) -> None:
    data = _mnist(root).load(0, "image")
    contents = _contents()
    assert data.description.sizes == {"train": TRAIN - 50, "val": 50, "test": TEST}
    assert data.inputs.shape == (TRAIN + TEST, 1, 28, 28)
    assert data.test.rows.tolist() == list(range(TRAIN, TRAIN + TEST))
    assert data.test.targets["multiclass"].tolist() == contents["t10k-labels-idx1-ubyte"].tolist()
    assert max(data.train.rows.max(), data.val.rows.max()) < TRAIN
    grey = (data.inputs[TRAIN:, 0] * 0.3081 + 0.1307) * 255
    torch.testing.assert_close(
        grey, torch.from_numpy(contents["t10k-images-idx3-ubyte"]).float(), atol=1e-3, rtol=0
    )
    for part in (data.train, data.val):
        assert part.targets["multiclass"].bincount().unique().tolist() == [len(part) // 10]
        assert torch.equal(part.targets["multiclass"], part.targets["identity"])


def test_raw_and_gz_in_any_of_three_folders_are_the_same_data(tmp_path: Path) -> None:
    contents = _contents()
    prints = set()
    for number, below in enumerate(("", "raw", "MNIST/raw")):
        root = tmp_path / str(number)
        _write(root / below, contents, packed=number != 1)
        prints.add(_mnist(root).fingerprint(0))
    assert len(prints) == 1


def test_a_changed_file_changes_the_fingerprint(root: Path) -> None:
    before = _mnist(root).fingerprint(0)
    contents = _contents()
    contents["train-images-idx3-ubyte"][0, 0, 0] ^= 1
    _write(root, contents)
    os.utime(root / "train-images-idx3-ubyte", ns=(1, 1))  # a coarse clock may give both writes one time
    assert _mnist(root).fingerprint(0) != before


def test_a_training_size_takes_fewer_and_leaves_the_rest_alone(root: Path) -> None:
    few, many = (_mnist(root, train_size=size).load(1, "image") for size in (100, 200))
    assert few.inputs is many.inputs
    assert torch.equal(few.train.rows, many.train.rows[:100])
    assert torch.equal(few.val.rows, many.val.rows)
    with pytest.raises(InputError, match=r"data\.train_size=251 do not fit into the 300 training images"):
        _mnist(root, train_size=251).load(0, "image")
    with pytest.raises(InputError, match=r"data\.val_size=300"):
        _mnist(root, val_size=300).load(0, "image")


def test_a_part_of_the_official_test_set_has_all_classes_alike(root: Path) -> None:
    whole, part = (_mnist(root, test_size=size) for size in (None, 20))
    data, rest = part.load(1, "image"), whole.load(1, "image")
    assert torch.bincount(data.test.targets["multiclass"]).tolist() == [2] * 10
    assert set(data.test.rows.tolist()) < set(rest.test.rows.tolist())
    assert torch.equal(data.train.rows, rest.train.rows)
    assert not torch.equal(data.test.rows, part.load(2, "image").test.rows)
    with pytest.raises(InputError, match=f"test_size={TEST + 1} is more than the {TEST} test images"):
        _mnist(root, test_size=TEST + 1).load(0, "image")


def _truncate(root: Path) -> None:
    path = root / STEMS[0]
    path.write_bytes(path.read_bytes()[:-1000])


def _truncate_gz(root: Path) -> None:
    path = root / STEMS[0]
    (root / f"{STEMS[0]}.gz").write_bytes(gzip.compress(path.read_bytes())[:-500])
    path.unlink()


def _no_gz(root: Path) -> None:
    (root / STEMS[0]).rename(root / f"{STEMS[0]}.gz")


def _flip_gz(root: Path) -> None:
    packed = bytearray(gzip.compress((root / STEMS[2]).read_bytes()))
    packed[5000] ^= 0xFF
    (root / f"{STEMS[2]}.gz").write_bytes(packed)
    (root / STEMS[2]).unlink()


def _swap(root: Path) -> None:
    shutil.copy(root / STEMS[1], root / STEMS[0])


def _empty(root: Path) -> None:
    (root / STEMS[1]).write_bytes(b"")


def _longer(root: Path) -> None:
    path = root / STEMS[3]
    path.write_bytes(path.read_bytes() + b"\0")


def _label_ten(root: Path) -> None:
    contents = _contents()[STEMS[1]]
    contents[7] = 10
    (root / STEMS[1]).write_bytes(_idx(contents))


def _small_images(root: Path) -> None:
    (root / STEMS[0]).write_bytes(_idx(np.zeros((TRAIN, 28, 27))))


def _fewer_labels(root: Path) -> None:
    (root / STEMS[3]).write_bytes(_idx(np.zeros(TEST - 1)))


def _no_images(root: Path) -> None:
    (root / STEMS[2]).write_bytes(_idx(np.zeros((0, 28, 28))))
    (root / STEMS[3]).write_bytes(_idx(np.zeros(0)))


def _missing(root: Path) -> None:
    (root / STEMS[3]).unlink()


def _all_missing(root: Path) -> None:
    for name in STEMS:
        (root / name).unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            _truncate,
            "train-images-idx3-ubyte is cut off: its header promises 235,216 bytes and it holds 234,216",
        ),
        (_truncate_gz, "is damaged"),
        (_no_gz, "is damaged"),
        (_flip_gz, "is damaged|is cut off|is too long"),
        (_swap, "is no IDX file of images"),
        (_empty, "is no IDX file of labels"),
        (_longer, "is too long"),
        (_label_ten, r"train-labels-idx1-ubyte holds the label 10: labels must lie in 0\.\.9"),
        (_small_images, "holds images of 28 x 27 pixels: they must have 28 x 28"),
        (_fewer_labels, "holds 90 images and t10k-labels-idx1-ubyte 89 labels"),
        (_no_images, "holds 0 images"),
        (_missing, "lacks MNIST's t10k-labels-idx1-ubyte"),
        (_all_missing, "holds no MNIST files: put train-images-idx3-ubyte"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(root: Path, damage: Any, words: str) -> None:
    damage(root)
    for call in (lambda: _mnist(root).fingerprint(0), lambda: _mnist(root).load(0, "image")):
        with pytest.raises(InputError, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_root_that_is_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.root=.*nowhere is not a folder"):
        _mnist(tmp_path / "nowhere").fingerprint(0)


def test_files_put_into_the_cache_by_hand_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path))
    _write(tmp_path / "mnist", _contents(), packed=True)
    assert MNIST(name="mnist", val_size=50).load(0, "image").description.sizes["test"] == TEST


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that torchvision takes for MNIST's home on the web, and an empty cache."""
    import torchvision

    folder = _write(tmp_path / "mirror", _contents(), packed=True)
    handler = partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    files = [(f"{name}.gz", hashlib.md5((folder / f"{name}.gz").read_bytes()).hexdigest()) for name in STEMS]
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", files)
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path / "cache"))
    yield folder
    server.shutdown()
    server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def test_other_digits_are_not_credited_to_the_authors_of_mnist(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _mnist(root)
    assert source.load(0, "image").description.source == f"digits in MNIST's format from {root}"
    monkeypatch.setattr("lossbench.data.mnist._OFFICIAL", source.fingerprint(0))
    assert source.credit == "MNIST (LeCun, Cortes and Burges), official test set"


def test_torchvision_downloads_once(mirror: Path, tmp_path: Path) -> None:
    first = MNIST(name="mnist").fingerprint(0)
    shutil.rmtree(mirror)
    assert MNIST(name="mnist").fingerprint(0) == first
    assert first == _mnist(_write(tmp_path / "digits", _contents())).fingerprint(0)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["mnist"]


@pytest.mark.parametrize("fault", ["half", "gone"])
def test_a_download_that_fails_says_what_to_put_where(mirror: Path, tmp_path: Path, fault: str) -> None:
    last = mirror / f"{STEMS[3]}.gz"
    last.write_bytes(last.read_bytes()[:60]) if fault == "half" else last.unlink()
    with pytest.raises(
        InputError, match=r"put train-images-idx3-ubyte\.gz, .* into .*mnist, or set data\.root"
    ):
        MNIST(name="mnist").fingerprint(0)
    assert list((tmp_path / "cache").iterdir()) == []  # the three good files are no MNIST


OFFICIAL = os.environ.get("LOSSBENCH_MNIST_ROOT")


@pytest.mark.skipif(not OFFICIAL, reason="LOSSBENCH_MNIST_ROOT names no folder with the real MNIST")
def test_the_real_files_are_split_officially() -> None:
    data = MNIST(name="mnist", root=OFFICIAL).load(0, "image")
    assert data.description.sizes == {"train": 55_000, "val": 5_000, "test": 10_000}
    assert abs(data.inputs[:60_000].mean()) < 1e-3
    assert abs(data.inputs[:60_000].std() - 1) < 1e-3
    assert data.description.source == "MNIST (LeCun, Cortes and Burges), official test set"
    assert data.test.targets["multiclass"][:5].tolist() == [7, 2, 1, 0, 4]
