"""A path is a table, texts or images, by what lies there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lossbench.ask.file import IMAGES, data_of
from lossbench.errors import InputError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, header: str, rows: list[str]) -> str:
    Path(name).write_text("\n".join([header, *rows]) + "\n")
    return name


SENTENCES = [
    f"the film number {number} was {word} and long" for number, word in enumerate(["good", "bad"] * 40)
]


def test_numbers_and_categories_are_a_table() -> None:
    path = write("houses.csv", "size,town,price", [f"{n},{'ab'[n % 2]},{n * 2}" for n in range(60)])
    assert data_of(path, "price") == ("data=table", "data.path=houses.csv", "data.target=price")


@pytest.mark.parametrize("beside", ["", "7,"])
def test_a_column_of_sentences_with_hardly_anything_beside_it_is_text(beside: str) -> None:
    header = f"{'id,' if beside else ''}review,label"
    path = write(
        "films.csv", header, [f"{beside}{text},{number % 2}" for number, text in enumerate(SENTENCES)]
    )
    assert data_of(path, "label") == (
        "data=text",
        "data.path=films.csv",
        "data.text=[review]",
        "data.target=[label]",
    )


def test_sentences_among_many_columns_are_left_to_the_table() -> None:
    rows = [f"{n},{n % 5},{text},{n % 2}" for n, text in enumerate(SENTENCES)]
    assert data_of(write("ads.csv", "size,rooms,words,sold", rows), "sold")[0] == "data=table"


def test_another_separator_is_understood() -> None:
    path = write("films.csv", "review;label", [f"{text};{n % 2}" for n, text in enumerate(SENTENCES)])
    assert data_of(path, "label", separator="semicolon")[0] == "data=text"


def test_folders_of_images_and_of_texts_are_told_apart() -> None:
    for name in ("pos", "neg"):
        Path("photos", name).mkdir(parents=True)
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(f"photos/{name}/1.png")
        Path("letters", name).mkdir(parents=True)
        Path(f"letters/{name}/1.txt").write_text("dear all")
    assert data_of("photos") == ("data=images", "data.path=photos", *IMAGES)
    assert data_of("letters") == ("data=text", "data.path=letters")
    with pytest.raises(InputError, match="photos is a folder, whose own folders are the classes"):
        data_of("photos", "label")
