"""Texts that cannot be used are refused with one sentence that names the place and the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lossbench.data.text import Text
from lossbench.errors import InputError

NAMES = ["id", "text", "mood", "who"]
ROWS = [[f"m{n}", f"text number {n} of all", "good" if n % 2 else "bad", f"p{n % 9}"] for n in range(60)]


def text(names: list[str] = NAMES, **cells: str) -> str:
    """The table as a file; `text_3="x"` sets the text of row 3, `mood="x"` that of all."""
    rows = [list(row) for row in ROWS]
    for place, value in cells.items():
        name, _, row = place.partition("_")
        for own in [rows[int(row) - 1]] if row else rows:
            own[NAMES.index(name)] = value
    return "\n".join(",".join(row) for row in [names, *rows]) + "\n"


REFUSED: list[tuple[str | bytes, dict[str, Any], str]] = [
    (text(), {"path": None}, "data=text needs your table, its column of text and the one to predict, as in"),
    (text(), {"path": "nowhere.csv"}, "data.path=nowhere.csv does not exist, seen from"),
    (text(), {"test_path": "nowhere.csv"}, "data.test_path=nowhere.csv does not exist, seen from"),
    (
        text(),
        {"text": []},
        "needs the column of text and the one to predict: data.text=message data.target=mood",
    ),
    (text(), {"target": []}, "needs the column of text and the one to predict"),
    (text(), {"text": "txt"}, "data.text=txt is no column of mail.csv (did you mean 'text'?"),
    (text(), {"target": "text"}, "data.target=text is named twice, in data.text first"),
    (text(), {"group": "whom"}, "data.group=whom is no column of mail.csv (did you mean 'who'?"),
    (
        text(),
        {"text": "id"},
        "has one word at most in each row, such as 'm0', like an id: name the column of",
    ),
    (text(), {"text": "who"}, "has one word at most in each row, such as 'p0', like a category or a number"),
    (text(text="the same"), {}, "The text text of mail.csv is 'the same' in every row: nothing to read"),
    (text(text_7=""), {}, "mail.csv has no text in row 7 below the names: remove such rows, or write one"),
    (text(text_7="", text_9=" "), {}, "mail.csv has no text in row 7 below the names, and 1 more"),
    (text(mood_7=""), {}, "The target mood of mail.csv is missing in row 7"),
    (text(mood="good"), {}, "The target mood of mail.csv is 'good' in every row: nothing to learn"),
    (text(mood_7="fine"), {}, "has the class 'fine' in 1 row alone, at least 5 are needed"),
    (text(), {"target": "id"}, "has 60 different labels in 60 rows"),
    (
        text(),
        {"target": "mood", "task": "number"},
        "The target mood of mail.csv has 'bad' in row 1 below the names",
    ),
    (text(mood="3"), {"task": "number"}, "is 3 in every row: nothing to learn"),
    (text(mood="3", mood_8=""), {"task": "number"}, "The target mood of mail.csv is missing in row 8"),
    (
        text(),
        {"target": ["mood", "who"]},
        "has 'bad' in row 1 below the names, and 59 more, which is not 0 or 1",
    ),
    (
        text(mood="0", who="1"),
        {"target": ["mood", "who"]},
        "The label mood of mail.csv is 1 in 0 rows, at least 5",
    ),
    (text(), {"label_separator": ";"}, "gives no several labels (each row has one label at most)"),
    (text(), {"label_separator": ""}, "data.label_separator is empty: name the sign"),
    (text(), {"target": ["mood", "who"], "label_separator": ";"}, "data.label_separator parts one column"),
    (
        text(),
        {"target": "mood", "label_separator": ";", "task": "class"},
        "data.task=class reads one class or",
    ),
    (text(mood="a;b"), {"label_separator": ";"}, "has the label 'a' in nearly every row: remove it"),
    (text(who_4=""), {"group": "who"}, "The group who of mail.csv is missing in row 4 below the names"),
    (text(), {"time": "who"}, "The time who of mail.csv has 'p0' in row 1"),
    (text(), {"time": "who", "group": "id"}, "data.time splits by time alone"),
    (text(), {"time": "who", "repeats": "together"}, "data.time splits by time alone"),
    (text(), {"repeats": "one"}, "data.repeats=one is not allowed"),
    (text(), {"target": "mood", "min_count": 99}, "data.min_count=99 leaves no word"),
    (text(), {"test_share": 0.01}, "60 rows, which gives"),
    (text(), {"val_share": 0.5, "test_share": 0.5}, "together they must stay below 1"),
    (text(), {"decimal": "comma", "thousands": "comma"}, "are both comma: they must differ"),
    (
        "\n".join(text().splitlines()[:11]),
        {},
        "mail.csv has 10 texts, too few to compare losses on: at least 50",
    ),
    ("", {}, "is empty: it needs a line of column names"),
    (text().replace(",", ";"), {}, "its first line asks for data.separator=semicolon"),
    (text(text_5="größer ist es").encode("latin-1"), {}, "is not in UTF-8"),
]


def refused(**knobs: Any) -> str:
    with pytest.raises(InputError) as caught:
        Text(**{"name": "text", "path": "mail.csv", "text": "text", "target": "mood", **knobs}).load(
            0, "tokens"
        )
    told = str(caught.value)
    assert told.endswith(".")
    assert "\n" not in told
    assert len(told) < 400
    return told


@pytest.mark.parametrize(("content", "knobs", "words"), REFUSED, ids=lambda value: str(value)[-40:])
def test_a_table_that_cannot_be_used_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | bytes, knobs: dict[str, Any], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mail.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    assert words in refused(**knobs)


MANY = {
    f"{side}/{n}.txt": f"text number {n} of {side}".encode() for side in ("pro", "con") for n in range(30)
}
FOLDERS: dict[str, tuple[dict[str, bytes], dict[str, Any], str]] = {
    "nothing": ({}, {}, "holds no folder with .txt files: each class needs one, as in pos/1.txt"),
    "no texts": ({"pro/1.csv": b"x", "con/1.csv": b"y"}, {}, "holds no folder with .txt files"),
    "no folders": ({f"{n}.txt": b"x" for n in range(60)}, {}, "holds texts, but no folders: put those of"),
    "folders of folders": (
        {f"train/{name}": content for name, content in MANY.items()},
        {},
        "holds folders of folders: name one of them, as in data.path=mail/train, and another in",
    ),
    "one class": ({f"pro/{n}.txt": f"number {n}".encode() for n in range(60)}, {}, "is 'pro' in every row"),
    "a class of few": ({**MANY, "new/1.txt": b"a new one"}, {}, "has the class 'new' in 1 row alone"),
    "an empty text": ({**MANY, "con/7.txt": b" \n"}, {}, "mail has no text in con/7.txt"),
    "not UTF-8": ({**MANY, "con/7.txt": "für".encode("latin-1")}, {}, "con/7.txt in mail is not in UTF-8"),
    "a column": (MANY, {"text": "text"}, "data.text names a column, and data.path=mail is a folder"),
    "a group": (MANY, {"group": "who"}, "data.group names a column, and data.path=mail is a folder"),
    "a target": (MANY, {"target": "class"}, "data.target names a column"),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_a_folder_that_cannot_be_used_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.chdir(tmp_path)
    files, knobs, words = FOLDERS[case]
    Path("mail").mkdir()
    for name, content in files.items():
        Path("mail", name).parent.mkdir(parents=True, exist_ok=True)
        Path("mail", name).write_bytes(content)
    assert words in refused(**{"path": "mail", "text": [], "target": [], **knobs})


def test_a_number_has_no_classes_to_balance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mail.csv").write_text(text().replace("good", "1.5").replace("bad", "2.5"))
    assert "data.balance weighs classes, and the target is a number" in refused(balance=True)


def test_a_class_of_the_test_file_alone_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mail.csv").write_text(text())
    Path("new.csv").write_text(text(mood_3="odd"))
    assert (
        "The target mood of new.csv has 'odd' in row 3 below the names, which is no class of the other"
        in refused(test_path="new.csv")
    )


@pytest.mark.parametrize(
    ("form", "odd", "words"),
    [
        (
            "{}.5",
            "n/a",
            "has 'n/a' in row 8 below the names, which is no number, unlike nearly all others; corr",
        ),
        (
            "{}.5",
            "bad",
            "has 'bad' in row 8 below the names, which is no number, unlike nearly all others; corr",
        ),
        (
            "{},5",
            "7,5",
            "has '0,5' in row 1 below the names, which looks like a number in another convention: ",
        ),
        ("{}.5%", "7%", "has numbers with %, such as '0.5%', too many to be classes: set data.task=number."),
        ("{}.5%", "7", "has '0.5%' and '7': write all of its numbers with one sign or without"),
        ("a{}", "a7", "has 60 different labels in 60 rows"),
    ],
)
def test_numbers_in_another_form_are_no_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, odd: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    moods = [f'"{odd if row == 7 else form.format(row)}"' for row in range(60)]
    rows = [f"text number {row} of all,{mood}" for row, mood in enumerate(moods)]
    Path("mail.csv").write_text("\n".join(["text,mood", *rows]) + "\n")
    assert f"The target mood of mail.csv {words}" in refused()
