"""Numbers whose decimal sign may stand between thousands are told wherever a user's file is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lossbench.data.clicks import Ratings
from lossbench.data.conventions import Convention
from lossbench.data.images import Images
from lossbench.data.other_conventions import convention_note
from lossbench.data.pairs import Pairs
from lossbench.data.series import Series
from lossbench.data.source import DataSource
from lossbench.data.text import Text

COUNT = 120
GERMAN = [f"{number:,}".replace(",", ".") for number in range(940, 940 + COUNT)]  # 999, 1.000, 1.001
KNOBS = "set data.decimal=comma data.thousands=point"


def source(kind: str, place: Path, numbers: list[str]) -> DataSource:
    """Data of a kind whose target are these numbers."""
    texts = [f"the text {row} of w{row % 7}" for row in range(COUNT)]
    table = pd.DataFrame({"m2": numbers, "one": texts, "two": texts[::-1]})
    table["when"] = pd.date_range("2024-01-01", periods=COUNT, freq="h").strftime("%Y-%m-%d %H:%M")
    table["who"], table["what"] = [row % 12 for row in range(COUNT)], [row // 12 for row in range(COUNT)]
    table["image"] = [f"{row}.png" for row in range(COUNT)]
    table.to_csv(place / "own.csv", index=False)
    path = str(place / "own.csv")
    if kind == "series":
        return Series(name=kind, path=path, time="when", target="m2", past=6)
    if kind == "text":
        return Text(name=kind, path=path, text="one", target="m2")
    if kind == "ratings":
        return Ratings(name=kind, path=path, user="who", item="what", rating="m2", min_item=1)
    if kind == "pairs":
        return Pairs(name=kind, path=path, left="one", right="two", target="m2")
    for row in range(COUNT):
        Image.fromarray(np.full((4, 4), row, dtype=np.uint8)).save(place / f"{row}.png")
    return Images(name=kind, path=path, file="image", target="m2")


@pytest.mark.parametrize("kind", ["series", "text", "ratings", "pairs", "images"])
def test_thousands_that_are_read_as_decimals_are_told(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path / "cache"))
    remedy = "write it without the point in all rows" if kind == "images" else KNOBS
    told = f"  ! m2 has 1.000, read as 1; if it is 1000, {remedy}"
    assert told in source(kind, tmp_path, GERMAN).account()
    plain = source(kind, tmp_path, [f"{number / 100}" for number in range(COUNT)])
    assert "if it is" not in "\n".join(plain.account())


def test_a_comma_may_stand_between_thousands_as_well() -> None:
    cells = pd.Series([number.replace(".", ",") for number in GERMAN], dtype=str)
    told = convention_note(cells, Convention("comma"), "m2")
    assert told == "m2 has 1,000, read as 1; if it is 1000, set data.decimal=point data.thousands=comma"
    assert convention_note(cells, Convention("point", "comma"), "m2") == ""
