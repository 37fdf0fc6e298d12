"""A table that cannot be used is refused with one sentence that names the place and the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lossbench.data.table import Table
from lossbench.errors import InputError

ROWS = [[str(row), f"{row % 7}.5", "red" if row % 2 else "blue", str(row * 10)] for row in range(60)]
NAMES = ["a", "b", "colour", "price"]


def text(names: list[str] = NAMES, **cells: str) -> str:
    """The table as a file; `b_3="x"` sets column b of row 3."""
    rows = [list(row) for row in ROWS]
    for place, value in cells.items():
        name, _, row = place.rpartition("_")
        rows[int(row) - 1][NAMES.index(name)] = value
    return "\n".join(",".join(row) for row in [names, *rows]) + "\n"


REFUSED: list[tuple[str | bytes, dict[str, Any], list[str]]] = [
    (text(), {"target": "prise"}, ["data.target=prise", "did you mean 'price'"]),
    (",".join(f"c{i}" for i in range(99)) + "\n", {"target": "c977"}, ["did you mean 'c97'", "and 87 more)"]),
    (text(), {"drop": ["colr"]}, ["data.drop=colr", "did you mean 'colour'"]),
    (text(), {"categories": ["z"]}, ["data.categories=z is no column"]),
    (text(), {"drop": ["price"]}, ["data.target=price is also in data.drop"]),
    (
        text(),
        {"target": "colour", "task": "number"},
        ["has 'blue' in row 1 below the names, and 59 more, which is no number"],
    ),
    (text(price_7=""), {}, ["The target price of houses.csv is missing in row 7 below the names; remove"]),
    (text(price_7="NaN", price_9="NA"), {}, ["is missing in row 7 below the names, and 1 more; remove"]),
    (text(price_8="12 EUR"), {}, ["has '12 EUR' in row 8 below the names, which is no number"]),
    (text(price_8="-inf"), {}, ["target price", "'-inf' in row 8", "is not finite or too large"]),
    (
        text(b_12="unknown"),
        {},
        ["column b", "'unknown' in row 12", "no number, unlike most", "data.categories=[b]"],
    ),
    (text(b_12="3,5"), {}, ["is no table", "each line needs as many cells"]),
    (text(b_12='"3,5"'), {}, ["column b", "'3,5' in row 12", "mixes two conventions"]),
    (text(b_12="inf"), {}, ["column b", "'inf' in row 12", "is not finite"]),
    (text(b_12="1e300"), {}, ["column b", "'1e300' in row 12", "is not finite or too large"]),
    (text(["a", "b", "a", "price"]), {}, ["several columns named a: rename"]),
    ("", {}, ["is empty: it needs a line of column names"]),
    ("a,b,colour,price\n", {}, ["has 0 rows", "at least 50"]),
    ("\n".join(text().splitlines()[:11]), {}, ["has 10 rows, too few", "at least 50"]),
    (text().replace(",", ";"), {}, ["is no column", "line asks for data.separator=semicolon; "]),
    (text().replace(",", "\t"), {}, ["is no column", "line asks for data.separator=tab; "]),
    (text(), {"separator": "semicolon"}, ["is no column", "line asks for data.separator=comma; "]),
    (
        text().replace(",", ";").replace(".", ","),
        {},
        ["is no table (line", "line asks for data.separator=semi"],
    ),
    (
        text().replace(",", "\t").replace(".", ","),
        {},
        ["no table (line", "line asks for data.separator=tab."],
    ),
    (text().replace("a", '"a"').replace(",", ";"), {}, ["is no table (line", "asks for data.separator=semi"]),
    ('"a, b, c";price\n1;2;3\n', {"separator": "semicolon"}, ["is no table", "; see data.separator."]),
    (text(b_12="3,5"), {}, ["each line needs as many cells as the first; see data.separator."]),
    (text().replace("red", "größe").encode("latin-1"), {}, ["is not in UTF-8", "save it as CSV UTF-8"]),
    (text(), {"drop": ["a", "b", "colour"]}, ["leaves no column to predict price from"]),
    (text(), {"drop": ["a", "b"], "min_count": 50}, ["colour: no text occurs 50 times"]),
    (text(), {"test_share": 0.05}, ["60 rows", "3 for the test", "data.test_share"]),
    ("x,price\n" + "1,3\n2,3\n" * 30, {}, ["is 3 in every row: nothing to learn"]),
]


@pytest.mark.parametrize(("content", "knobs", "words"), REFUSED, ids=lambda value: str(value)[-40:])
def test_a_table_that_cannot_be_used_is_refused(
    tmp_path: Path, content: str | bytes, knobs: dict[str, Any], words: list[str]
) -> None:
    path = tmp_path / "houses.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError) as caught:
        Table(name="csv", **{"path": str(path), "target": "price", **knobs}).load(0, "vector")
    said = str(caught.value)
    for part in words:
        assert part in said
    assert "\n" not in said
    assert len(said) < 300


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({}, "data.path=houses.csv data.target=price"),
        ({"path": "houses.csv"}, "data.path=houses.csv data.target=price"),
        ({"path": "nowhere.csv", "target": "price"}, "data.path=nowhere.csv does not exist"),
        ({"path": ".", "target": "price"}, "is no file"),
    ],
)
def test_a_file_that_is_not_there_is_refused_before_anything_is_loaded(
    knobs: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=r"^[^\n]+$") as caught:
        Table(name="csv", **knobs).fingerprint(0)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"val_share": 0.5, "test_share": 0.5}, "together they must stay below 1"),
        ({"test_share": 0.0}, "data.test_share"),
        ({"max_categories": 0}, "data.max_categories"),
        ({"separator": ";"}, "known: auto, comma, semicolon, tab"),
        ({"drop": "owner"}, "one item is typed as 'data.drop=[owner]'."),
    ],
)
def test_a_knob_out_of_range_is_refused(knobs: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        Table(name="csv", **knobs)
    assert words in str(caught.value)
