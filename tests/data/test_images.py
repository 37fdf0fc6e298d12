"""Images of folders and tables: what is read of a file, which are left out, and how they are split."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images

from lossbench.data.images import Images
from lossbench.data.pixels import pixels_of
from lossbench.data.source import SPLITS, DataSet
from lossbench.data.stream import Stream
from lossbench.errors import InputError
from lossbench.task import Target

Digits = Callable[..., Path]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def digits(tmp_path: Path) -> Digits:
    """Makes a folder of scikit-learn's digits as PNG, one folder for each class."""

    def make(count: int = 60, name: str = "digits", classes: tuple[int, ...] = (0, 1, 2)) -> Path:
        found = load_digits()
        chosen = [row for row, digit in enumerate(found.target) if digit in classes][:count]
        for row in chosen:
            place = tmp_path / name / f"{found.target[row]}" / f"writer{row % 12}_{row}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((found.images[row] * 15.9).astype(np.uint8)).save(place)
        return tmp_path / name

    return make


def source(path: Path, **knobs: Any) -> Images:
    return Images(name="images", path=str(path), **knobs)


def held(path: Path, seed: int = 0, **knobs: Any) -> DataSet:
    found = source(path, **knobs).load(seed, "image")
    assert isinstance(found, DataSet)
    return found


def shown(of: np.ndarray[Any, Any] | Image.Image, place: Path, channels: int = 3, **save: Any) -> Any:
    """What is read of an image that is written in some form, (height, width, channels)."""
    image = of if isinstance(of, Image.Image) else Image.fromarray(of)
    image.save(place, **save)
    return pixels_of(place, (channels, image.height, image.width)).transpose(1, 2, 0)


def test_a_photograph_is_what_pillow_shows(tmp_path: Path) -> None:
    for photograph, name in zip(load_sample_images().images, ("china.jpg", "flower.jpg"), strict=True):
        whole = Image.fromarray(photograph)
        whole.save(tmp_path / name, quality=95)
        read = pixels_of(tmp_path / name, (3, 48, 64)).transpose(1, 2, 0)
        wanted = np.asarray(whole.resize((64, 48), Image.Resampling.BILINEAR))
        assert np.abs(read.astype(int) - wanted).mean() < 3


def test_every_form_of_an_image_is_read_in_8_bits(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    gray = colours[..., 0]
    np.testing.assert_array_equal(shown(colours, tmp_path / "rgb.png"), colours)
    np.testing.assert_array_equal(shown(gray, tmp_path / "gray.png")[..., 2], gray)
    np.testing.assert_array_equal(shown(gray, tmp_path / "one.png", channels=1)[..., 0], gray)
    deep = gray.astype(np.uint16) * 257
    np.testing.assert_array_equal(shown(deep, tmp_path / "16.png", channels=1)[..., 0], gray)
    np.testing.assert_array_equal(shown(deep, tmp_path / "16.tif", channels=1)[..., 0], gray)
    few = Image.fromarray(colours).quantize(8)
    np.testing.assert_array_equal(shown(few, tmp_path / "palette.png"), np.asarray(few.convert("RGB")))
    alpha = np.dstack([colours, np.full((6, 5), 255, dtype=np.uint8)])
    alpha[0, 0] = 0, 0, 0, 0
    clear = shown(alpha, tmp_path / "alpha.png")
    assert clear[0, 0].tolist() == [255, 255, 255]
    np.testing.assert_array_equal(clear[1:], colours[1:])
    bits = Image.fromarray(gray > 127)
    np.testing.assert_array_equal(shown(bits, tmp_path / "bits.png", channels=1)[..., 0], (gray > 127) * 255)


def test_a_photograph_that_was_turned_is_shown_upright(tmp_path: Path) -> None:
    colours = np.zeros((8, 16, 3), dtype=np.uint8)
    colours[:, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by 90 degrees to the right
    for name in ("a", "b"):
        (tmp_path / "turned" / name).mkdir(parents=True)
        for number in range(15):
            Image.fromarray(colours // 2 + np.uint8(number)).save(
                tmp_path / "turned" / name / f"{number}.png", exif=exif
            )
    data = held(tmp_path / "turned")
    assert data.description.inputs.shape == (3, 16, 8)
    first = data.inputs[0].float().mean((0, 2))  # by height
    assert first[:8].min() > 120 > 20 > first[8:].max()


def test_a_folder_for_each_class_is_split_by_class(digits: Digits) -> None:
    data = held(digits())
    assert data.description.inputs.shape == (1, 8, 8)
    assert {target.kind for target in data.description.targets} == {"multiclass", "identity"}
    assert all(target.names == ("0", "1", "2") for target in data.description.targets)
    assert data.description.sizes == {"train": 36, "val": 12, "test": 12}
    for split in SPLITS:
        counts = torch.bincount(getattr(data, split).targets["multiclass"]).tolist()
        assert max(counts) - min(counts) <= 2
    assert data.inputs.dtype == torch.uint8
    read = data.read(data.inputs[:7])
    assert read.dtype == torch.float32
    torch.testing.assert_close(read, (data.inputs[:7] / 255 - 0.449) / 0.226)


def test_seeds_share_their_images_and_split_them_anew(digits: Digits) -> None:
    of = source(digits())
    one, other = of.load(0, "image"), of.load(1, "image")
    assert isinstance(one, DataSet)
    assert isinstance(other, DataSet)
    assert one.inputs is other.inputs
    assert not torch.equal(one.train.rows, other.train.rows)
    assert of.fingerprint(0) == of.fingerprint(1)


def test_the_content_is_what_images_are_known_by(digits: Digits) -> None:
    folder = digits()
    before = source(folder).fingerprint(0)
    moved = folder.rename(folder.parent / "elsewhere")
    assert source(moved).fingerprint(0) == before
    place = next(moved.glob("0/*.png"))
    Image.fromarray(255 - np.asarray(Image.open(place))).save(place)
    after = source(moved)
    assert after.fingerprint(0) != before
    data = held(moved)
    row = after.album.listing.paths.index(place)
    np.testing.assert_array_equal(data.inputs[row, 0], np.asarray(Image.open(place)))


def test_what_is_no_image_is_left_out_and_told(digits: Digits) -> None:
    folder = digits()
    whole = len(source(folder).album.listing.names)
    (folder / "notes.txt").write_text("x")
    (folder / ".hidden").mkdir()
    (folder / "0" / ".DS_Store").write_text("x")
    (folder / "empty").mkdir()
    (folder / "loose.png").write_bytes(next(folder.glob("0/*.png")).read_bytes())
    of = source(folder)
    assert len(of.album.listing.names) == whole
    told = "\n".join(of.account())
    assert "notes.txt is no image and is left out" in told
    assert "loose.png lies in no folder of a class and is left out" in told
    assert "empty is a folder without images and is left out" in told
    assert "DS_Store" not in told
    assert "hidden" not in told


def test_folders_within_those_of_classes_are_read(digits: Digits) -> None:
    folder = digits()
    for place in sorted(folder.glob("*/*.png")):  # each class has the same ones, and another
        inner = place.parent / f"session{'ab'[place.stat().st_size % 2]}"
        inner.mkdir(exist_ok=True)
        place.rename(inner / place.name)
    (folder / "0" / "loose.png").write_bytes(next(folder.glob("0/*/*.png")).read_bytes())
    own = source(folder)
    assert own.targets()[0].size == 3
    assert len(own.album.listing.names) == 61


def test_equal_images_are_told(digits: Digits) -> None:
    folder = digits()
    first = next(folder.glob("0/*.png"))
    (folder / "0" / "again.png").write_bytes(first.read_bytes())
    (folder / "1" / "again.png").write_bytes(first.read_bytes())
    told = "\n".join(source(folder).account())
    assert "3 of 62 rows occur several times" in told
    assert "1 image is the same in several classes" in told


def test_groups_of_a_folder_stay_in_one_part(digits: Digits) -> None:
    of = source(digits(180), group="^[^_]+")
    data = of.load(3, "image")
    assert isinstance(data, DataSet)
    groups = [set(getattr(data, split).groups.tolist()) for split in SPLITS]
    assert len(set.union(*groups)) == 12
    assert sum(map(len, groups)) == 12
    assert of.part_sizes(3) == tuple(data.description.sizes[split] for split in SPLITS)


def test_a_second_folder_tests(digits: Digits) -> None:
    data = held(digits(60), test_path=str(digits(90, name="tested")))
    assert data.description.sizes == {"train": 48, "val": 12, "test": 90}
    assert data.test.rows.tolist() == list(range(60, 150))


def test_groups_that_a_second_folder_shares_are_told(digits: Digits) -> None:
    of = source(digits(60), test_path=str(digits(90, name="tested")), group="^[^_]+")
    assert "  ! 12 of 12 groups of ^[^_]+ are in data.test_path, too, so " in "\n".join(of.account())


def test_images_that_a_second_folder_repeats_are_counted(digits: Digits) -> None:
    folder, other = digits(60), digits(30, name="tested")
    told = "\n".join(source(folder, test_path=str(other)).account())
    assert "  ! 30 of 60 images are in data.test_path, too: take such images out of one of the two" in told
    assert "occur several times" not in told
    first = next(folder.glob("0/*.png"))
    (folder / "0" / "again.png").write_bytes(first.read_bytes())
    told = "\n".join(source(folder, test_path=str(other)).account())
    assert "2 of 61 rows occur several times, so some may be in training and in validation" in told


def test_a_class_of_the_second_folder_alone_is_refused_with_its_place(digits: Digits) -> None:
    folder, other = digits(60), digits(60, name="tested")
    (other / "2").rename(other / "maybe")
    with pytest.raises(
        InputError, match=r"^The class of tested has 'maybe' in maybe/\w+\.png, and \d+ more, wh"
    ):
        source(folder, test_path=str(other)).targets()


def test_images_of_the_second_folder_do_not_fill_a_class(digits: Digits) -> None:
    with pytest.raises(InputError, match=r"^The class of digits has the class '2' in 3 rows alone"):
        source(fewer(digits(60)), test_path=str(digits(60, name="tested"))).targets()


def test_one_group_beside_a_second_folder_is_refused_with_what_helps(digits: Digits) -> None:
    of = source(digits(60), test_path=str(digits(60, name="tested")), group="^writer")
    with pytest.raises(
        InputError, match=r"in 1 group of \^writer, .*no share can help.* at least 2 groups, or n"
    ):
        of.load(0, "image")


@pytest.mark.parametrize("odd", ["3,14", "12%", "n/a", "bad"])
def test_a_number_that_cannot_be_read_is_no_class(digits: Digits, odd: str) -> None:
    folder = digits(60)
    names = sorted(place.relative_to(folder).as_posix() for place in folder.glob("*/*.png"))
    said = [odd if row == 7 else f"{row}.5" for row in range(60)]
    place = table(folder, "image;size\n" + "".join(f"{n};{s}\n" for n, s in zip(names, said, strict=True)))
    words = rf"^The size of table\.csv has '{odd}' in row 8 below the names, which is no (plain )?number"
    with pytest.raises(InputError, match=words):
        source(place, file="image", target="size", separator="semicolon").targets()


def test_classes_weigh_alike_in_training(digits: Digits) -> None:
    folder = digits()
    for place in sorted(folder.glob("2/*.png"))[10:]:
        place.unlink()
    data = held(folder, balance=True)
    weight, classes = data.train.targets["weight"], data.train.targets["multiclass"]
    sums = torch.zeros(3).index_add(0, classes, weight)
    torch.testing.assert_close(sums, torch.full((3,), len(classes) / 3))
    assert data.val.targets["weight"].unique().tolist() == [1.0]


def boxed(folder: Path, rows: int = 30) -> Path:
    """Images 20 high and 40 wide with a bright box, and a table of what is in them."""
    generator = np.random.default_rng(0)
    lines = ["image,kind,brightness,x1,y1,x2,y2"]
    folder.mkdir()
    for row in range(rows):
        x, y, bright = generator.integers(0, 20), generator.integers(0, 10), generator.integers(200, 255)
        image = np.zeros((20, 40), dtype=np.uint8)
        image[y : y + 8, x : x + 16] = bright
        Image.fromarray(image).save(folder / f"{row}.png")
        lines.append(f"{row}.png,{'left' if x < 10 else 'right'},{bright},{x},{y},{x + 16},{y + 8}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    return folder / "table.csv"


def test_a_table_names_a_class_a_number_or_a_box(tmp_path: Path) -> None:
    table = boxed(tmp_path / "boxes")
    assert [target.kind for target in source(table, file="image", target="kind").targets()] == [
        "binary",
        "identity",
    ]
    number = source(table, file="image", target="brightness")
    assert (number.judged_by, number.select) == (("continuous",), "mae")
    assert [target.words for target in number.targets()] == ["continuous"]
    boxes = held(table, file="image", target=["x1", "y1", "x2", "y2"], size=[10, 80])
    assert boxes.description.targets == (Target("box", size=4),)
    four = source(table, file="image", target=["x1", "y1", "x2", "y2"])
    assert (four.judged_by, four.select) == (("boxes",), "mean_iou")
    for example in range(5):  # the box goes with the image to its new size
        row, box = int(boxes.train.rows[example]), boxes.train.targets["box"][example]
        left, top, right, bottom = box.long().tolist()
        inside = boxes.inputs[row, 0, top + 1 : bottom - 1, left + 2 : right - 2].float()
        assert inside.min() > 90
        assert boxes.inputs[row].float().sum() < 300 * inside.mean() * 1.5
    whole = torch.tensor([[0.0, 0.0, 80.0, 10.0]], dtype=torch.float64)  # with one scale for both sides
    assert boxes.units["box"].scaled(whole).tolist() == [[-1, -0.125, 1, 0.125]]


def test_augmented_boxes_stay_on_what_they_show(tmp_path: Path) -> None:
    table = boxed(tmp_path / "boxes")
    box = ["x1", "y1", "x2", "y2"]
    data = held(table, file="image", target=box, flip=True, shift=3, crop=0.2)
    assert data.fresh is not None
    rows = data.train.rows
    images, targets = data.read(data.inputs[rows]), data.train.targets
    drawn = [data.fresh(images, dict(targets), torch.Generator().manual_seed(n)) for n in (0, 0, 1)]
    (new, given), again, other = drawn
    assert torch.equal(new, again[0])
    assert torch.equal(given["box"], again[1]["box"])
    assert not torch.equal(new, other[0])
    assert torch.equal(targets["box"], data.train.targets["box"])  # as they were
    for image, (left, top, right, bottom) in zip(new[:, 0], given["box"].tolist(), strict=True):
        bright = (image * 0.226 + 0.449 > 0.6).nonzero().float()  # what moves in is 0.449
        assert abs(float(bright[:, 0].min()) - top) <= 1.5
        assert abs(float(bright[:, 0].max()) + 1 - bottom) <= 1.5
        assert abs(float(bright[:, 1].min()) - left) <= 1.5
        assert abs(float(bright[:, 1].max()) + 1 - right) <= 1.5


def test_what_moves_in_is_zero(digits: Digits) -> None:
    data = held(digits(), shift=2)
    assert data.fresh is not None
    ones = torch.ones(50, 1, 8, 8)
    moved, _ = data.fresh(ones, {}, torch.Generator().manual_seed(0))
    assert set(moved.unique().tolist()) == {0.0, 1.0}
    assert {int(image.sum()) for image in moved} <= {8 * 8, 8 * 7, 8 * 6, 7 * 7, 7 * 6, 6 * 6}
    assert len({int(image.sum()) for image in moved}) > 3


@pytest.mark.parametrize(("workers", "ahead"), [(0, False), (0, True), (1, False)])
def test_a_stream_gives_what_is_held_to_the_bit(digits: Digits, workers: int, ahead: bool) -> None:
    from lossbench.data.batches import order
    from lossbench.data.by_batch import by_batch
    from lossbench.seeds import torch_generator

    folder = digits()
    data = held(folder, flip=True, shift=1)
    assert isinstance(source(folder, flip=True, stream=True).load(0, "image"), Stream)
    stream = by_batch(data, workers, ahead=ahead)
    assert data.fresh is not None
    batches = list(stream.train(0, 1, 16))
    places = torch.split(order(36, 0, 1), 16)
    assert [len(batch.inputs) for batch in batches] == [16, 16, 4]
    for number, (batch, own) in enumerate(zip(batches, places, strict=True)):
        inputs = data.read(data.inputs[data.train.rows[own]])
        targets = {kind: values[own] for kind, values in data.train.targets.items()}
        wanted, _ = data.fresh(inputs, targets, torch_generator(0, "fresh", 3 + number))
        assert torch.equal(batch.inputs, wanted)
        assert torch.equal(batch.targets["multiclass"], targets["multiclass"])
    (tested,) = stream.evaluate("test", 64)
    assert torch.equal(tested.inputs, data.read(data.inputs[data.test.rows]))
    assert torch.equal(torch.as_tensor(tested.ids), data.test.rows)


def test_a_stream_makes_the_next_batch_while_one_trains_and_tells_what_went_wrong_there(
    digits: Digits,
) -> None:
    import threading

    from lossbench.data.by_batch import by_batch

    data, made, second = held(digits(), flip=True), [], threading.Event()
    assert data.fresh is not None
    mirror = data.fresh

    def fresh(*given: Any) -> Any:
        made.append(threading.current_thread())
        if len(made) == 2:
            second.set()
        if len(made) == 3:
            raise ValueError("no third batch")
        return mirror(*given)

    batches = by_batch(replace(data, fresh=fresh), ahead=True).train(0, 0, 16)
    reader = iter(batches)
    next(reader)
    assert second.wait(timeout=60)  # nobody has asked for it yet
    assert threading.main_thread() not in made
    next(reader)
    with pytest.raises(ValueError, match="no third batch"):
        next(reader)


def table(folder: Path, text: str) -> Path:
    (folder / "table.csv").write_text(text)
    return folder / "table.csv"


def broken(folder: Path) -> Path:
    place = next(folder.glob("0/*.png"))
    place.write_bytes(place.read_bytes()[:60])
    (folder / "1" / "no.jpg").write_text("no image")
    return folder


def only(folder: Path, *classes: str) -> Path:
    for place in folder.glob("*/*.png"):
        if place.parent.name not in classes:
            place.unlink()
    return folder


def parted(folder: Path) -> Path:
    (folder / "0").rename(folder / "train")
    (folder / "1").rename(folder / "test")
    return only(folder, "train", "test")


def nested(folder: Path, *parts: str) -> Path:
    """Parts with a folder of each class in them."""
    outer = folder.parent / "nested"
    for part in parts:
        shutil.copytree(folder, outer / part)
    return outer


def loose(folder: Path) -> Path:
    for place in list(folder.glob("*/*.png")):
        place.rename(folder / place.name)
    return folder


def larger(folder: Path) -> Path:
    place = next(folder.glob("0/*.png"))
    Image.open(place).resize((12, 10)).save(place)
    return folder


def fewer(folder: Path) -> Path:
    for place in sorted(folder.glob("2/*.png"))[3:]:
        place.unlink()
    return folder


REFUSED: Mapping[str, tuple[Callable[[Path], Path], dict[str, Any], str]] = {
    "no place": (lambda of: of / "nowhere", {}, "does not exist, seen from "),
    "no images": (
        lambda of: only(of),
        {},
        "holds no images: data.path is a folder with one folder for ",
    ),
    "one class": (lambda of: only(of, "1"), {}, "nothing to learn"),
    "few images": (fewer, {}, "has the class '2' in 3 rows alone"),
    "no folders": (loose, {}, "holds 60 images and no folder with any: "),
    "parts": (parted, {}, "which are parts and no classes: set data.path="),
    "short parts": (
        lambda of: nested(of, "te", "tr"),
        {},
        "holds folders of folders (tr/0, tr/1): if the inner ones are the classes, set data.path=",
    ),
    "one part": (lambda of: nested(of, "photos"), {}, "nested/photos, else name the files"),
    "sizes": (larger, {}, "holds images of 8 x 8 to 10 x 12 pixels: set the height and width"),
    "broken": (broken, {"size": 8}, "1/no.jpg (it is no image); replace or remove what is broken"),
    "a group": (lambda of: of, {"group": "nobody"}, "data.group=nobody finds no group in the name of 0/"),
    "a pattern": (lambda of: of, {"group": "("}, "data.group=( is no regular expression"),
    "a target": (lambda of: of, {"target": "x"}, "whose folders are the classes: leave data.target out"),
    "a number": (lambda of: of, {"task": "number"}, "whose folders are the classes: leave data.task out"),
    "columns": (
        lambda of: table(of, "a,b\n1,2\n"),
        {},
        "data.file=image data.target=label (its columns: a, ",
    ),
    "a column": (
        lambda of: table(of, "image,kind\nx,y\n"),
        {"file": "imag", "target": "kind"},
        "data.file=imag is no column of table.csv (did you mean 'image'?",
    ),
    "a file": (
        lambda of: table(of, "image,kind\nx.png,y\n"),
        {"file": "image", "target": "kind"},
        "names 1 file of 1 that does not exist, the first in row 1, x.png, seen from ",
    ),
    "a backslash": (
        lambda of: table(of, "image,kind\n" + f".\\0\\{next(of.glob('0/*')).name},y\n"),
        {"file": "image", "target": "kind"},
        ": write ./0/writer",
    ),
    "no suffix": (
        lambda of: table(of, f"image,kind\n0/{min(of.glob('0/*')).stem},y\n"),
        {"file": "image", "target": "kind"},
        ".png there, and others alike.",
    ),
    "no suffix, a backslash": (
        lambda of: table(of, f"image,kind\n0\\{min(of.glob('0/*')).stem},y\n"),
        {"file": "image", "target": "kind"},
        ": write 0/writer",
    ),
    "no such file": (
        lambda of: table(of, "image,kind\n0\\none,y\n"),
        {"file": "image", "target": "kind"},
        "put the table where its file names begin, or correct them.",
    ),
    "a cell": (
        lambda of: table(of, "image,kind\nx.png,\n"),
        {"file": "image", "target": "kind"},
        "kind of table.csv is missing in row 1 below the names",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_told_with_its_remedy(case: str, digits: Digits) -> None:
    change, knobs, words = REFUSED[case]
    with pytest.raises(InputError) as caught:
        source(change(digits()), **knobs).load(0, "image")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_box_is_checked(tmp_path: Path) -> None:
    place = boxed(tmp_path / "boxes")
    box = {"file": "image", "target": ["x1", "y1", "x2", "y2"]}
    with pytest.raises(InputError, match="has no inside: x2 must be less than x1"):
        source(place, file="image", target=["x2", "y1", "x1", "y2"]).targets()
    with pytest.raises(InputError, match=r"kind of table.csv is '\w+' in row 1, finite numbers are"):
        source(place, file="image", target=["kind", "y1", "x2", "y2"]).targets()
    lines = place.read_text().splitlines()
    for row, numbers, words in [
        (7, "4,4,4,8", "The box in row 7 of table.csv has no inside: x1 must be less than x2, and y1 less"),
        (2, "4,8,9,3", "The box in row 2 of table.csv has no inside"),
        (3, "4,,9,8", "y1 of table.csv is missing in row 3 below the names: fill it in, or remove the row"),
        (9, "4,4,?,8", "x2 of table.csv is '?' in row 9, finite numbers are needed"),
    ]:
        wrong = [*lines[:row], f"{row - 1}.png,left,200,{numbers}", *lines[row + 1 :]]
        place.write_text("\n".join(wrong) + "\n")
        with pytest.raises(InputError) as caught:
            source(place, **box).targets()
        assert str(caught.value).startswith(words)
        assert "data.task" not in str(caught.value)
    place.write_text("\n".join(lines) + "\n")
    assert held(place, **box).description.targets[0].size == 4


def test_a_box_that_leaves_its_image_is_refused_with_its_file_and_row(tmp_path: Path) -> None:
    box: dict[str, Any] = {"file": "image", "target": ["x1", "y1", "x2", "y2"]}
    place = boxed(tmp_path / "boxes")
    lines = place.read_text().splitlines()

    def row_3(*numbers: float) -> None:
        changed = ",".join(["2.png", "left", "1", *map(str, numbers)])
        place.write_text("\n".join([*lines[:3], changed, *lines[4:]]) + "\n")

    row_3(0, 0, 40, 20)  # the whole image
    assert held(place, **box).description.targets[0].size == 4
    for wrong in ((-1, 0, 9, 9), (0, -0.5, 9, 9), (0, 0, 41, 9), (0, 0, 9, 20.5)):
        row_3(*wrong)
        told = (
            f"The box in row 3 of table.csv, [{', '.join(map(str, wrong))}], leaves its image 2.png, which is"
        )
        with pytest.raises(InputError) as caught:
            source(place, **box).fingerprint(0)
        assert str(caught.value) == f"{told} 40 wide and 20 high: correct it, or end it at the edge."
    tested = boxed(tmp_path / "tested")
    tested.write_text(tested.read_text() + "0.png,left,1,0,0,50,9\n0.png,left,1,0,0,50,9\n")
    place.write_text("\n".join(lines) + "\n")
    with pytest.raises(
        InputError, match=r"The box in row 31 of data.test_path, .*, as 1 more do: correct it"
    ):
        source(place, test_path=str(tested), **box).fingerprint(0)


def test_boxes_of_a_photograph_before_it_was_turned_are_refused_with_a_hint(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    lines = ["image,x1,y1,x2,y2"]
    for row in range(30):
        image = Image.fromarray(np.full((20, 40), row, dtype=np.uint8))
        image.save(tmp_path / f"{row}.jpg", exif=turned)
        lines.append(f"{row}.jpg,22,2,38,18")
    place = table(tmp_path, "\n".join(lines) + "\n")
    box: dict[str, Any] = {"file": "image", "target": ["x1", "y1", "x2", "y2"]}
    with pytest.raises(
        InputError, match=r"0.jpg, which is 20 wide and 40 high, as 29 more do: write boxes of the"
    ):
        held(place, **box)
    shown_upright = [line.replace("22,2,38,18", "2,22,18,38") for line in lines]
    place.write_text("\n".join(shown_upright) + "\n")
    assert held(place, **box).description.targets[0].size == 4


def test_boxes_in_shares_are_refused(tmp_path: Path) -> None:
    place = boxed(tmp_path / "boxes")
    rows = [f"{row}.png,{0.05 + row / 1000},0.1,0.2,0.3" for row in range(30)]
    place.write_text("\n".join(["image,x1,y1,x2,y2", *rows]) + "\n")
    with pytest.raises(
        InputError, match=r"of table.csv is more than 1: write them in pixels, not as shares of"
    ):
        held(place, file="image", target=["x1", "y1", "x2", "y2"])


def test_knobs_are_checked() -> None:
    for knobs, words in [
        ({"size": [1, 2, 3]}, "data.size must be one number or"),
        ({"size": 0}, "each item of data.size must be at least 1"),
        ({"target": ["a", "b"]}, "data.target must be one column, or the four of a box"),
        ({"val_share": 0.5, "test_share": 0.5}, "add up to 1: together they must stay below 1"),
        ({"channels": 4}, "data.channels=4 is not allowed"),
        ({"crop": 1.0}, "data.crop"),
    ]:
        with pytest.raises(InputError, match=words):
            Images(name="images", **knobs)
    assert Images(name="images", size=64) == Images(name="images", size=[64, 64])
    assert Images(name="images", size=None, target=None) == Images(name="images")
    with pytest.raises(InputError, match=r"data=images needs your images: data\.path=photos"):
        Images(name="images").fingerprint(0)
