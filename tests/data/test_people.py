"""People are dealt to the parts as a whole, by the seed; a folder of them is verified on strangers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from lossbench.data.faces import PEOPLE, Faces
from lossbench.data.images import Images
from lossbench.data.people import dealt, sizes_of
from lossbench.data.source import SPLITS, DataSet
from lossbench.errors import InputError
from lossbench.seeds import torch_generator

Folder = Callable[..., Path]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def people(tmp_path: Path) -> Folder:
    """Makes a folder of writers, each with some of scikit-learn's digits as PNG: no two images are alike."""

    def make(*counts: int, name: str = "people", first: int = 0) -> Path:
        images, row = load_digits().images, 40 * first
        for person, count in enumerate(counts, first):
            for number in range(count):
                place = tmp_path / name / f"writer{person}" / f"{number}.png"
                place.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray((images[row] * 15.9).astype(np.uint8)).save(place)
                row += 1
        return tmp_path / name

    return make


def source(path: Path, **knobs: Any) -> Images:
    return Images(name="images", path=str(path), task="identity", **knobs)


def held(path: Path, seed: int = 0, **knobs: Any) -> DataSet:
    found = source(path, **knobs).load(seed, "image")
    assert isinstance(found, DataSet)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_nobody_is_in_two_parts_and_nobody_is_left(people: Folder, seed: int) -> None:
    counts = (2, 3, 4, 5, 2, 3, 4, 5, 6, 7)
    data = held(people(*counts), seed, test_share=0.3)
    parts = [data.train, data.val, data.test]
    assert all(part.groups is not None for part in parts)
    groups = [set(part.groups.tolist()) for part in parts if part.groups is not None]
    assert [len(own) for own in groups] == [5, 2, 3]
    assert set.union(*groups) == set(range(10))
    assert sum(map(len, parts)) == sum(counts)
    for part in parts:
        assert part.groups is not None
        for person in part.groups.unique().tolist():
            of = part.groups == person
            assert int(of.sum()) == counts[person]
            assert len(part.targets["identity"][of].unique()) == 1


def test_identities_are_counted_from_training_on(people: Folder) -> None:
    data = held(people(*[3] * 8))
    (target,) = data.description.targets
    assert (target.kind, target.size) == ("identity", 4)
    numbers = [set(getattr(data, part).targets["identity"].tolist()) for part in SPLITS]
    assert numbers == [{0, 1, 2, 3}, {4, 5}, {6, 7}]


def test_a_group_is_the_same_person_with_every_seed(people: Folder) -> None:
    place = people(*[3] * 9)
    first, second = held(place), held(place, 1)
    assert first.inputs is second.inputs
    seen: dict[int, int] = {}
    for data in (first, second):
        for part in SPLITS:
            examples = getattr(data, part)
            for row, group in zip(examples.rows.tolist(), examples.groups.tolist(), strict=True):
                assert seen.setdefault(row, group) == group
    assert first.train.groups is not None
    assert second.train.groups is not None
    assert set(first.train.groups.tolist()) != set(second.train.groups.tolist())


def test_faces_are_dealt_by_the_same_rule() -> None:
    """The order of people is that of the seed's stream; faces has been recorded with it."""
    order = torch.randperm(PEOPLE, generator=torch_generator(3, "split"))
    found = dealt(PEOPLE, (24, 6, 10), 3)
    assert found.people["train"].tolist() == order[:24].tolist()
    assert found.people["test"].tolist() == order[30:].tolist()
    data = Faces(name="faces").load(3, "image")
    assert isinstance(data, DataSet)
    assert data.test.groups is not None
    assert set(data.test.groups.tolist()) == set(order[30:].tolist())


def test_a_person_with_one_image_is_left_out_and_told(people: Folder) -> None:
    place = people(1, *[3] * 6, 1)
    found = source(place)
    told = "\n".join(found.account())
    assert "people: 6 people, 3 images each" in told
    assert "! 2 people with one image left out: writer0, writer7" in told
    data = held(place)
    assert len(data.train) + len(data.val) + len(data.test) == 18


def test_images_that_occur_twice_are_told(people: Folder) -> None:
    place = people(*[3] * 6)
    (place / "writer0" / "9.png").write_bytes((place / "writer0" / "0.png").read_bytes())
    assert "! 2 of 19 images occur several times" in "\n".join(source(place).account())
    (place / "writer5" / "9.png").write_bytes((place / "writer1" / "0.png").read_bytes())
    told = "\n".join(source(place).account())
    assert "! 4 of 20 images occur several times, pairs that anything tells: keep each once" in told
    assert "! the same image is of several people, 1 times" in told


def test_a_second_folder_holds_the_strangers(people: Folder) -> None:
    place, other = people(*[3] * 6), people(*[4] * 5, name="strangers", first=20)
    data = held(place, test_path=str(other), val_share=0.3)
    assert data.description.targets[0].size == 4
    assert [len(getattr(data, part)) for part in SPLITS] == [12, 6, 20]
    assert sorted(data.test.rows.tolist()) == list(range(18, 38))
    assert len(data.test.targets["identity"].unique()) == 5
    assert int(data.test.targets["identity"].min()) >= 6
    again = held(place, 1, test_path=str(other), val_share=0.3)
    assert again.test.groups is not None
    assert data.test.groups is not None
    assert sorted(again.test.groups.tolist()) == sorted(data.test.groups.tolist())


def test_a_column_names_the_person(people: Folder, tmp_path: Path) -> None:
    place = people(*[2] * 7)
    lines = [f"{one.relative_to(tmp_path)},{one.parent.name[6:]}" for one in sorted(place.glob("*/*.png"))]
    (tmp_path / "list.csv").write_text("\n".join(["image,person", *lines]) + "\n")
    by_table = held(tmp_path / "list.csv", file="image", target="person")
    by_folder = held(place)
    for part in SPLITS:
        mine, theirs = getattr(by_table, part), getattr(by_folder, part)
        assert torch.equal(mine.rows, theirs.rows)
        assert torch.equal(mine.targets["identity"], theirs.targets["identity"])


def test_people_weigh_alike_in_training(people: Folder) -> None:
    data = held(people(*range(2, 12)), balance=True)
    weight, identity = data.train.targets["weight"].double(), data.train.targets["identity"]
    each = [float(weight[identity == person].sum()) for person in identity.unique()]
    np.testing.assert_allclose(each, each[0], rtol=1e-6)


def test_training_images_are_made_anew(people: Folder) -> None:
    data = held(people(*[2] * 6), flip=True, shift=1)
    assert data.fresh is not None
    images = data.read(data.inputs[data.train.rows])
    new, targets = data.fresh(images, dict(data.train.targets), torch_generator(0, "test"))
    assert torch.equal(targets["identity"], data.train.targets["identity"])
    assert not torch.equal(new, images)


REFUSED: Mapping[str, tuple[tuple[int, ...], dict[str, Any], str]] = {
    "five people": ((3,) * 5, {}, "people holds 5 people with two images or more, which leaves 1 to train; "),
    "no strangers left": ((3,) * 9, {"val_share": 0.5, "test_share": 0.4}, "make data.val_share or data."),
    "one each": ((1,) * 9, {}, "people holds one image of each of 9 people: two or more are needed"),
    "a group": ((3,) * 6, {"group": "^[^_]+"}, "the images of a person stay in one part; leave it out"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_too_few_people_are_refused_in_one_sentence(case: str, people: Folder) -> None:
    counts, knobs, words = REFUSED[case]
    with pytest.raises(InputError) as caught:
        source(people(*counts), **knobs).targets()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_test_of_known_people_or_of_one_is_refused(people: Folder) -> None:
    place, known = people(*[3] * 6), people(*[3] * 3, name="known", first=4)
    with pytest.raises(InputError, match=r"holds 2 people of data\.path, too \(writer4, writer5\): who is"):
        source(place, test_path=str(known)).targets()
    with pytest.raises(InputError, match=r"data\.test_path holds 1 person with two images or more"):
        source(place, test_path=str(people(2, 1, name="one", first=30))).targets()
    with pytest.raises(InputError, match="needs one column, of the person on each image"):
        source(place, file="image", target=["a", "b", "c", "d"]).targets()


def test_at_least_two_people_are_held_out() -> None:
    assert sizes_of(40, (0.15, 0.25), "photos") == (24, 6, 10)
    assert sizes_of(6, (0.01, 0.01), "photos") == (2, 2, 2)
    assert sizes_of(5, (0.5,), "photos") == (3, 2)
