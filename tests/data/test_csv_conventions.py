"""Numbers as people write them: read as told, or refused with what to set; never one category each."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from lossbench.data.columns import Columns
from lossbench.data.table import Table
from lossbench.errors import InputError

VALUES = [round(1000 * value, 2) for value in np.random.default_rng(3).normal(5, 3, 60)]
Written = Callable[[float], str]


COUNTS = [str(7 * row % 30) for row in range(60)]


def table(folder: Path, cells: list[str], values: list[str] = COUNTS, **knobs: Any) -> Table:
    """Two columns, `x` and `y`."""
    path = folder / "t.csv"
    pd.DataFrame({"x": cells, "y": values}).to_csv(path, index=False)
    return Table(name="csv", **{"path": str(path), "target": "y", **knobs})


def understood(folder: Path, cells: list[str], **knobs: Any) -> Columns:
    return table(folder, cells, **knobs).columns()


def refused(source: Table) -> str:
    with pytest.raises(InputError, match=r"^[^\n]{1,300}\.$") as caught:
        source.columns()
    return str(caught.value)


def swapped(value: float) -> str:
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


CONVENTIONS: list[tuple[Written, dict[str, str]]] = [
    (lambda value: f"{value:.2f}".replace(".", ","), {"decimal": "comma"}),
    (lambda value: f"{value:,.2f}", {"thousands": "comma"}),
    (swapped, {"decimal": "comma", "thousands": "point"}),
    (lambda value: f"{value:,.2f}".replace(",", " "), {"thousands": "space"}),
    (lambda value: f"{value:,.2f}".replace(",", "\u202f"), {"thousands": "space"}),
    (lambda value: swapped(value).replace(".", "\u00a0"), {"decimal": "comma", "thousands": "space"}),
    (lambda value: f"{value:,.2f}".replace(",", "\u2019"), {"thousands": "apostrophe"}),
    (lambda value: f"{value:,.2f}".replace(",", "'"), {"thousands": "apostrophe"}),
    (lambda value: f"{swapped(value)} €", {"decimal": "comma", "thousands": "point"}),
]


@pytest.mark.parametrize(("written", "knobs"), CONVENTIONS)
def test_numbers_in_another_convention_are_refused_with_what_reads_them(
    tmp_path: Path, written: Written, knobs: dict[str, str]
) -> None:
    cells = [written(value) for value in VALUES]
    said = refused(table(tmp_path, cells))
    remedy = " ".join(f"data.{name}={value}" for name, value in knobs.items())
    assert f"The column x of t.csv has {next(c for c in cells if not plain(c))!r}" in said
    assert f": set {remedy} if it is " in said
    read = understood(tmp_path, cells, **knobs)
    np.testing.assert_allclose(read.frame["x"], VALUES)
    as_target = table(tmp_path, COUNTS, cells)
    assert remedy in refused(as_target)
    assert "categories" not in refused(as_target)


def plain(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_where_a_comma_may_be_either_both_are_offered(tmp_path: Path) -> None:
    cells = [f"{row % 9 + 1},{row:03}" for row in range(60)]
    said = refused(table(tmp_path, cells))
    assert "data.thousands=comma if it is 1000, or data.decimal=comma if it is 1, or " in said
    remedy = shlex.split(said.rpartition("or ")[2].partition(" if it is a name")[0])
    assert OverridesParser.create().parse_override(remedy[0]).value() == ["x"]
    assert len(understood(tmp_path, cells, categories=["x"], min_count=1).categories["x"]) == 20


def test_a_few_numbers_in_another_convention_are_told_by_what_reads_all(tmp_path: Path) -> None:
    cells = [str(row % 50) for row in range(57)] + ["1,5", "2,5", "3,5"]
    said = refused(table(tmp_path, cells))
    assert "'1,5' in row 58 below the names" in said
    assert "data.decimal=comma if it is 1.5" in said


def test_a_text_that_most_cells_are_is_no_number_in_any_convention(tmp_path: Path) -> None:
    cells = ["1,5" if row % 3 == 0 else "ab"[row % 2] for row in range(60)]
    assert set(understood(tmp_path, cells).categories["x"]) == {"1,5", "a", "b"}


UNITS: list[tuple[Written, str]] = [
    (lambda value: f"${value:.2f}", "$"),
    (lambda value: f"{value:.2f} €", "€"),
    (lambda value: f"EUR {value:.2f}", "EUR"),
    (lambda value: f"{value:.2f}%", "%"),
    (lambda value: f"{value:.2f} kg", "kg"),
    (lambda value: f"-${-value:.2f}" if value < 0 else f"${value:.2f}", "$"),
    (lambda value: f"{value:.2f}".replace("-", "\u2212"), ""),
    (lambda value: f"{value:.2f}".translate({ord("0") + n: 0x660 + n for n in range(10)}), ""),
]


@pytest.mark.parametrize(("written", "unit"), UNITS)
def test_a_unit_that_every_cell_carries_is_taken_off_and_said(
    tmp_path: Path, written: Written, unit: str
) -> None:
    cells = ["", "NA", *[written(value) for value in VALUES[2:]]]
    read = understood(tmp_path, cells)
    np.testing.assert_allclose(read.frame["x"], [np.nan, np.nan, *VALUES[2:]])
    assert read.units == ({"x": unit} if unit else {})
    as_target = table(tmp_path, COUNTS, [written(value) for value in VALUES])
    np.testing.assert_allclose(as_target.columns().target, VALUES)


def test_signs_that_differ_are_refused(tmp_path: Path) -> None:
    cells = [f"${row}" if row % 3 else f"€{row}" for row in range(60)]
    assert "has '$1' and '€0': write all of its numbers with one sign or without" in refused(
        table(tmp_path, cells)
    )
    cells = [f"{row}%" if row % 4 else "0.5" for row in range(60)]
    assert "has '1%' and '0.5': write all" in refused(table(tmp_path, cells))
    cells = [f"1.{row + 100},50 €" if row % 4 else "12" for row in range(60)]
    assert "has '1.101,50 €' and '12': write all" in refused(table(tmp_path, cells))


def test_units_that_differ_are_told_where_there_are_more_than_categories(tmp_path: Path) -> None:
    weights = [f"{row % 29} kg" if row % 3 else f"{row % 29} g" for row in range(60)]
    read = understood(tmp_path, weights, min_count=1)
    assert read.notes == ("x has 1 kg and 0 g: they are numbers in one unit alone",)
    assert not understood(tmp_path, weights, min_count=1, max_categories=60).notes
    assert not understood(tmp_path, weights, min_count=1, categories=["x"]).notes


@pytest.mark.parametrize("cells", [["1st", "2nd", "3rd"], ["Q1", "Q2", "Q3"], ["room 1", "room 2", "room 3"]])
def test_names_with_a_number_in_them_are_categories(tmp_path: Path, cells: list[str]) -> None:
    assert set(understood(tmp_path, cells * 20).categories["x"]) == set(cells)


def test_points_that_may_stand_between_thousands_are_said(tmp_path: Path) -> None:
    cells = [f"{row + 1}.{row + 500}" for row in range(50)] + [str(900 + row) for row in range(10)]
    read = understood(tmp_path, cells)
    assert read.notes == (
        "x has 1.500, read as 1.5; if it is 1500, set data.decimal=comma data.thousands=point",
    )
    assert not understood(tmp_path, [f"{value / 1000:.3f}" for value in VALUES]).notes


def test_one_sign_cannot_be_both(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="both comma: they must differ"):
        table(tmp_path, [], [], decimal="comma", thousands="comma")


@pytest.mark.parametrize("every", [2, 3, 20])
def test_two_conventions_in_one_column_are_named_with_a_cell_of_each(tmp_path: Path, every: int) -> None:
    cells = [
        f"{value:.2f}".replace(".", "," if row % every == 1 else ".") for row, value in enumerate(VALUES)
    ]
    commas = 60 // every
    for source in (table(tmp_path, cells), table(tmp_path, COUNTS, cells)):
        said = refused(source)
        assert "mixes two conventions: " in said
        assert f"only data.decimal=comma reads {cells[1]!r} in row 2" in said
        assert f"({commas} cells)" in said
        assert f"only data.decimal=point reads {cells[0]!r} in row 1" in said
        assert f"({60 - commas} cells)" in said
        assert said.endswith("; write all of its numbers in one of them.")


def test_of_two_conventions_with_one_decimal_sign_the_thousands_are_named(tmp_path: Path) -> None:
    cells = [f"{value * 1000:,.2f}".replace(",", " '"[row % 2]) for row, value in enumerate(VALUES)]
    said = refused(table(tmp_path, cells))
    assert "only data.thousands=space reads" in said
    assert "only data.thousands=apostrophe reads" in said


BRACKETS: list[tuple[Written, dict[str, str]]] = [
    (lambda value: f"({-value:.2f})", {}),
    (lambda value: f"$({-value:.2f})", {}),
    (lambda value: f"(${-value:.2f})", {}),
    (lambda value: f"({-value:.2f} €)", {}),
    (lambda value: f"({swapped(-value)})", {"decimal": "comma", "thousands": "point"}),
]


@pytest.mark.parametrize(("negative", "knobs"), BRACKETS)
def test_numbers_in_brackets_are_negative_as_in_accounting_and_told(
    tmp_path: Path, negative: Written, knobs: dict[str, str]
) -> None:
    values = [value - 5000 for value in VALUES]
    below = min(row for row, value in enumerate(values) if value < 0)
    cells = [
        negative(value) if value < 0 else negative(-value).translate({ord(sign): "" for sign in "()"})
        for value in values
    ]
    if knobs:
        assert "looks like a number in another convention: set data.decimal" in refused(
            table(tmp_path, cells)
        )
    read = understood(tmp_path, cells, **knobs)
    np.testing.assert_allclose(read.frame["x"], values)
    told = f"x has {cells[below]}, read as {values[below]:.12g}; if it is none, correct it"
    assert read.notes == (f"{told}, or set 'data.categories=[x]'",)
    as_target = table(tmp_path, COUNTS, cells, **knobs).columns()
    np.testing.assert_allclose(as_target.target, values)
    assert told.replace("x", "y", 1) in as_target.notes


SOME_FORM = [
    [f"<{row}.5" for row in range(60)],
    [f"({row}.5)" for row in range(60)],
    [f"{row}*" if row % 3 else str(row) for row in range(60)],
    [f"~{row % 3}" for row in range(60)],
    [f"{row % 29}.5 {'kg' if row % 3 else 'g'}" for row in range(60)],
]


@pytest.mark.parametrize("cells", SOME_FORM, ids=lambda cells: cells[1])
def test_numbers_that_end_as_texts_are_always_told(tmp_path: Path, cells: list[str]) -> None:
    path = tmp_path / "t.csv"
    pd.DataFrame({"x": cells, "z": COUNTS, "y": VALUES}).to_csv(path, index=False)
    knobs: dict[str, Any] = {"name": "csv", "path": str(path), "target": "y"}
    read = Table(**knobs).columns()
    assert "x" not in read.numbers
    assert [note.split()[0] for note in read.notes if "numbers" in note] in (["x"], ["most"])
    assert not [note for note in Table(**knobs, categories=["x"]).columns().notes if "numbers" in note]


def test_texts_that_only_begin_with_a_number_are_not_told(tmp_path: Path) -> None:
    for cells in (
        ["1st", "2nd", "3rd"],
        ["1-2", "3-5", "6-9"],
        ["(a)", "(b)", "c"],
        ["4.0.1", "4.1.2", "4.2.7"],
    ):
        assert not [note for note in understood(tmp_path, cells * 20).notes if "numbers" in note]
