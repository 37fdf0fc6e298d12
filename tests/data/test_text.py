"""A user's own texts in each form that they may come in: what is read, split, weighed and said of them."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lossbench.data.repeated_texts import joined, wordings
from lossbench.data.text import Text
from lossbench.errors import InputError
from lossbench.task import Target

NAMES = ["text", "mood", "stars", "tags", "rude", "long", "who", "day"]


def row(number: int) -> list[str]:
    """Sixty different texts; with commas, quotes and line breaks, as people write them."""
    good, rude, long = number % 2, number % 3 == 0, number % 5 == 0
    text = f'He said: "{"fine" if good else "awful"} thing, number w{number}w"\nand went'
    tags = ";".join(name for name, there in (("rude", rude), ("long", long)) if there)
    mood, stars = ("good" if good else "bad"), f"{1 + number / 10:.1f}"
    return [
        text,
        mood,
        stars,
        tags,
        str(int(rude)),
        str(int(long)),
        f"w{number % 7}",
        f"2024-02-{1 + number % 28}",
    ]


ROWS = [row(number) for number in range(60)]


def table(path: Path, rows: Iterable[Sequence[str]] = ROWS, separator: str = ",") -> str:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=separator).writerows([NAMES, *rows])
    return str(path)


def source(path: str, **knobs: Any) -> Text:
    return Text(**{"name": "text", "path": path, "text": "text", "target": "mood", **knobs})


def folder(place: Path, classes: dict[str, list[str]]) -> str:
    for name, texts in classes.items():
        (place / name).mkdir(parents=True)
        for number, text in enumerate(texts):
            (place / name / f"{number}.txt").write_text(text, encoding="utf-8")
    return str(place)


def test_a_class_is_read_with_its_names(tmp_path: Path) -> None:
    own = source(table(tmp_path / "mail.csv"))
    assert own.targets() == (
        Target("binary", 2, names=("bad", "good")),
        Target("identity", 2, names=("bad", "good")),
    )
    data = own.load(0, "tokens")
    assert data.description.sizes == {"train": 42, "val": 6, "test": 12}
    for part in (data.train, data.val, data.test):
        assert torch.equal(part.targets["binary"], part.rows % 2)
        assert torch.equal(part.targets["identity"], part.targets["binary"])
    assert own.select == "accuracy"
    assert own.account()[0] == (
        "mail.csv: 60 texts, to predict the class mood: bad (30), good (30); good is the positive one"
    )


@pytest.mark.parametrize(
    ("ending", "separator", "packed"),
    [("csv", "comma", False), ("tsv", "tab", False), ("csv.gz", "semicolon", True)],
)
def test_the_form_of_a_file_changes_nothing(
    tmp_path: Path, ending: str, separator: str, packed: bool
) -> None:
    signs = {"comma": ",", "tab": "\t", "semicolon": ";"}
    plain = Path(table(tmp_path / "plain", separator=signs[separator]))
    path = tmp_path / f"mail.{ending}"
    path.write_bytes(gzip.compress(plain.read_bytes()) if packed else plain.read_bytes())
    data = source(str(path), separator=separator).load(3, "tfidf")
    expected = source(table(tmp_path / "mail.csv")).load(3, "tfidf")
    assert torch.equal(data.inputs, expected.inputs)
    assert torch.equal(data.test.rows, expected.test.rows)


def test_a_folder_of_folders_is_classes(tmp_path: Path) -> None:
    classes = {name: [text for text, mood, *_ in ROWS if mood == name] for name in ("bad", "good")}
    path = folder(tmp_path / "mail", classes)
    (tmp_path / "mail" / "empty").mkdir()
    (tmp_path / "mail" / "readme.md").write_text("not read")
    own = Text(name="text", path=path)
    assert own.targets()[0] == Target("binary", 2, names=("bad", "good"))
    assert own.account()[-1] == "  ! left out, for want of .txt files: empty"
    data = own.load(0, "tokens")
    assert sum(data.description.sizes.values()) == 60
    before = own.fingerprint(0)
    (tmp_path / "mail" / "good" / "0.txt").write_text("another text")
    assert own.fingerprint(0) != before


@pytest.mark.parametrize("test_share", [0.2, 0.5])
def test_a_test_file_is_the_test(tmp_path: Path, test_share: float) -> None:
    path, test = table(tmp_path / "mail.csv"), table(tmp_path / "new.csv", [row(n) for n in range(60, 81)])
    data = source(path, test_path=test, test_share=test_share).load(0, "tokens")
    assert data.test.rows.tolist() == list(range(60, 81))
    assert data.test.targets["binary"].tolist() == [number % 2 for number in range(60, 81)]
    assert len(data.train) + len(data.val) == 60


def test_a_number_is_told_from_a_class(tmp_path: Path) -> None:
    path = table(tmp_path / "mail.csv")
    own = source(path, target="stars")
    assert own.targets() == (Target("continuous"),)
    assert own.select == "mae"
    data = own.load(0, "tfidf")
    torch.testing.assert_close(data.train.targets["continuous"], 1 + data.train.rows.double() / 10)
    assert data.units["continuous"].scale > 0
    few = source(path, target="rude")
    assert few.targets()[0].names == ("0", "1")
    assert source(path, target="rude", task="number").targets() == (Target("continuous"),)


@pytest.mark.parametrize("knobs", [{"target": ["rude", "long"]}, {"target": "tags", "label_separator": ";"}])
def test_several_labels_are_places_of_a_binary_target(tmp_path: Path, knobs: dict[str, Any]) -> None:
    own = source(table(tmp_path / "mail.csv"), **knobs)
    assert own.targets() == (Target("binary", 2, shape=(2,)),)
    data = own.load(0, "tokens")
    rows = data.train.rows
    columns = {"rude": rows % 3 == 0, "long": rows % 5 == 0}
    order = ["rude", "long"] if isinstance(knobs["target"], list) else ["long", "rude"]
    assert torch.equal(data.train.targets["binary"], torch.stack([columns[n] for n in order], 1).long())
    assert all(name in own.account()[0] for name in ("2 labels, each yes or no", "rude (20)", "long (12)"))


def test_labels_that_are_rare_are_left_out_and_said(tmp_path: Path) -> None:
    rows = [list(own) for own in ROWS]
    rows[0][3] = "rude;seldom"
    own = source(table(tmp_path / "mail.csv", rows), target="tags", label_separator=";")
    assert own.targets()[0].shape == (2,)
    assert own.account()[-1] == "  ! 1 label of fewer than 5 rows left out: seldom"


def test_classes_count_alike_in_training_alone(tmp_path: Path) -> None:
    rows = [own for number, own in enumerate(ROWS * 3) if number % 2 == 0 or number % 3 == 0]
    data = source(table(tmp_path / "mail.csv", rows), balance=True).load(0, "tokens")
    weight, codes = data.train.targets["weight"], data.train.targets["binary"]
    assert weight[codes == 0].sum() == pytest.approx(float(weight[codes == 1].sum()), rel=1e-5)
    assert weight.mean() == pytest.approx(1, rel=1e-5)
    assert data.test.targets["weight"].unique().tolist() == [1.0]
    labels = (
        source(table(tmp_path / "mail.csv"), target=["rude", "long"], balance=True).load(0, "tokens").train
    )
    for place in range(2):
        there = labels.targets["binary"][:, place] == 1
        own = labels.targets["weight"][:, place]
        assert own[there].sum() == pytest.approx(float(own[~there].sum()), rel=1e-5)


def test_rows_of_a_group_stay_in_one_part(tmp_path: Path) -> None:
    data = source(table(tmp_path / "mail.csv"), group="who", test_share=0.3).load(0, "tokens")
    groups = [set((part.rows % 7).tolist()) for part in (data.train, data.val, data.test)]
    assert sorted(one for own in groups for one in own) == list(range(7))
    assert torch.equal(data.test.groups, data.test.rows % 7)


def test_the_last_texts_are_the_test(tmp_path: Path) -> None:
    own = source(table(tmp_path / "mail.csv"), time="day")
    for seed in (0, 1):
        data = own.load(seed, "tokens")
        day = {part: (getattr(data, part).rows % 28).tolist() for part in ("train", "val", "test")}
        assert max(day["train"]) < min(day["val"])
        assert max(day["val"]) < min(day["test"])


def test_several_columns_of_text_are_joined(tmp_path: Path) -> None:
    own = source(table(tmp_path / "mail.csv"), text=["who", "text"])
    assert own.read().texts[8].startswith("w1 He said")


@pytest.mark.parametrize("mask_digits", [False, True])
def test_equal_texts_are_told_or_kept_together_or_once(tmp_path: Path, mask_digits: bool) -> None:
    rows = [
        [own[0].replace("w", "v" * (n + 2)) if mask_digits else own[0], *own[1:]]
        for n, own in enumerate(ROWS)
    ]
    twice = [[text.upper() + "!", *more] for text, *more in rows[:10]]
    masked = [[text + " 5", *more] for text, *more in rows[10:20]] + [
        [text + " 77", *more] for text, *more in rows[10:20]
    ]
    path = table(tmp_path / "mail.csv", [*rows, *twice, *masked])
    knobs = {"mask_digits": mask_digits}
    told = source(path, **knobs).account()[-1]
    count = 40 if mask_digits else 20
    assert told.startswith(
        f"  ! {count} of 90 texts occur several times, so some may be in training and in the test"
    )
    assert "data.repeats=together" in told
    once = source(path, repeats="once", **knobs)
    assert len(once.read()) == (70 if mask_digits else 80)
    together = source(path, repeats="together", **knobs)
    assert len(together.read()) == 90
    numbers = wordings(together.read().texts, mask_digits=mask_digits)
    for seed in range(3):
        parts = [set(numbers[rows].tolist()) for rows in together.split(seed).values()]
        assert sum(map(len, parts)) == len(set(numbers.tolist()))
    assert len(together.part_sizes(0)) == 3


def test_copies_beside_a_test_file_may_be_in_validation_alone(tmp_path: Path) -> None:
    path, test = table(tmp_path / "mail.csv", [*ROWS, *ROWS[:4]]), table(tmp_path / "new.csv", ROWS[20:32])
    told = "\n".join(source(path, test_path=test).account())
    assert (
        "  ! 8 of 64 texts occur several times, so some may be in training and in validation, equal" in told
    )


def test_a_text_of_the_test_file_is_kept_there(tmp_path: Path) -> None:
    path, test = table(tmp_path / "mail.csv"), table(tmp_path / "new.csv", ROWS[:12])
    assert source(path, test_path=test).account()[-1] == (
        "  ! 12 texts are in the test file, too: data.repeats=once leaves them out here"
    )
    data = source(path, test_path=test, repeats="once").load(0, "tokens")
    assert data.description.sizes["test"] == 12
    assert len(data.train) + len(data.val) == 48


def test_groups_and_times_that_a_test_file_shares_are_told(tmp_path: Path) -> None:
    path, test = table(tmp_path / "mail.csv", ROWS[:50]), table(tmp_path / "new.csv", ROWS[50:])
    told = source(path, test_path=test, group="who").account()[-1]
    assert told.startswith("  ! 7 of 7 groups of who are in data.test_path, too, so what is learned of them")
    told = source(path, test_path=test, time="day").account()[-1]
    assert told.startswith("  ! 10 of 10 rows of data.test_path are by day not after all of data.path, so ")
    later = [[*own[:-1], "2024-03-01"] for own in ROWS[50:]]
    assert "!" not in "\n".join(
        source(path, test_path=table(tmp_path / "l.csv", later), time="day").account()
    )


def test_a_test_file_that_holds_all_texts_leaves_none_to_train_on(tmp_path: Path) -> None:
    path, test = table(tmp_path / "mail.csv"), table(tmp_path / "new.csv", ROWS)
    for target in ("mood", "stars"):
        with pytest.raises(
            InputError, match=r"^data\.repeats=once leaves 0 of 60 texts of mail\.csv, the othe"
        ):
            source(path, test_path=test, repeats="once", target=target).targets()


def test_texts_with_two_targets_are_told(tmp_path: Path) -> None:
    rows = [*ROWS, [ROWS[0][0], "good", *ROWS[0][2:]]]
    told = source(table(tmp_path / "mail.csv", rows), repeats="once").account()[-1]
    assert told == (
        "  ! 1 text left out that but for case and punctuation is another one, 1 of them with another target"
    )


def test_groups_that_share_a_row_become_one() -> None:
    assert joined(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])).tolist() == [0, 0, 0, 1]


def test_what_changes_targets_alone_shares_its_inputs(tmp_path: Path) -> None:
    path = table(tmp_path / "mail.csv")
    plain, balanced = (source(path, balance=balance).load(0, "tfidf") for balance in (False, True))
    assert plain.inputs is balanced.inputs


def test_words_are_known_from_training_alone(tmp_path: Path) -> None:
    data = source(table(tmp_path / "mail.csv"), min_count=1).load(0, "tokens")
    assert not (data.inputs[data.train.rows] == 1).any()
    assert (data.inputs[data.test.rows] == 1).any(1).all()  # each text has a word of its own
