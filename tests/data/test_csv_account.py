"""What was made of each column of a user's table is said before anything trains, and what looks wrong."""

from __future__ import annotations

import gzip
import logging
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lossbench.data.account import account
from lossbench.data.columns import Columns
from lossbench.data.table import Table
from lossbench.errors import InputError
from lossbench.significant import between

ROWS = 60
DAYS = pd.date_range("2020-01-27", periods=12)


def frame(**columns: Any) -> pd.DataFrame:
    generator = np.random.default_rng(1)
    return pd.DataFrame(
        {"a": generator.normal(size=ROWS).round(6), "y": generator.normal(size=ROWS), **columns}
    )


def source(folder: Path, table: pd.DataFrame | str, **knobs: Any) -> Table:
    path = folder / "t.csv"
    path.write_text(table if isinstance(table, str) else table.to_csv(index=False), encoding="utf-8")
    return Table(name="csv", **{"path": str(path), "target": "y", **knobs})


def understood(folder: Path, table: pd.DataFrame | str, **knobs: Any) -> Columns:
    return source(folder, table, **knobs).columns()


def refused(folder: Path, table: pd.DataFrame | str, **knobs: Any) -> str:
    with pytest.raises(InputError, match=r"^[^\n]{1,300}\.$") as caught:
        understood(folder, table, **knobs)
    return str(caught.value)


def test_each_column_is_in_a_line_of_its_kind(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = frame(
        id=range(ROWS),
        rate=[f"{row % 7}%" for row in range(ROWS)],
        colour=["red", "blue", "green"] * 20,
        town=[f"t{row % 30}" for row in range(ROWS)],
        when=[str(DAYS[row % 12].date()) for row in range(ROWS)],
        flag="x",
        note="dropped",
    )
    with caplog.at_level(logging.INFO):
        read = understood(tmp_path, table, drop=["note"], min_count=2)
    assert account(read) == [
        "t.csv: 60 rows",
        f"  target: y, from {between(table['y'].min(), table['y'].max())}",
        "  numbers: a, rate (in %)",
        "  categories: colour (3), town (20 of 30; the others, 0.33 of the rows, count as unknown)",
        "  left out: id (numbers of the rows, unless 'data.numbers=[id]'), when (dates), "
        "flag (one value only), note (data.drop)",
    ]
    assert caplog.messages == ["\n".join(account(read))]


def test_of_a_wide_table_the_first_columns_are_said_and_on_demand_all(tmp_path: Path) -> None:
    wide = {f"c{number}": np.random.default_rng(number).normal(size=ROWS) for number in range(30)}
    read = understood(tmp_path, frame(**wide))
    assert account(read)[2].endswith("c10 and 19 more")
    assert account(read, all_columns=True)[2].endswith("c28, c29")


WRITTEN: list[Callable[[pd.Timestamp], str]] = [
    lambda day: str(day.date()),
    lambda day: day.isoformat() + "Z",
    lambda day: day.strftime("%d.%m.%Y"),
    lambda day: day.strftime("%m/%d/%y %I:%M %p"),
    lambda day: day.strftime("%d %b %Y"),
    lambda day: day.strftime("%B %d, %Y"),
    lambda day: day.strftime("%Y%m%d"),
    lambda day: f"{day.day}:30",
]


@pytest.mark.parametrize("written", WRITTEN)
def test_dates_are_left_out_however_often_they_occur(
    tmp_path: Path, written: Callable[[pd.Timestamp], str]
) -> None:
    read = understood(tmp_path, frame(when=[written(DAYS[row % 12]) for row in range(ROWS)]))
    assert read.left_out["when"].startswith("dates")


@pytest.mark.parametrize("names", [["may", "march", "june"], ["1-2", "3-5", "6-9"], ["10.1.2.3", "9.1.1.1"]])
def test_what_only_resembles_a_date_is_a_category(tmp_path: Path, names: list[str]) -> None:
    read = understood(tmp_path, frame(x=(names * ROWS)[:ROWS]))
    assert set(read.categories["x"]) == set(names)


def test_row_numbers_are_left_out_unless_they_are_asked_for(tmp_path: Path) -> None:
    table = frame(
        n=range(100, 100 + ROWS), back=range(ROWS, 0, -1), rank=np.random.default_rng(0).permutation(ROWS)
    )
    assert set(understood(tmp_path, table).left_out) == {"n", "back"}
    kept = understood(tmp_path, table, numbers=["n"])
    assert kept.numbers == ("a", "n", "rank")
    ids = understood(tmp_path, frame(house_id=[3 * row for row in range(ROWS)]))
    assert ids.notes == (
        "house_id is another number in each row and named like an id; 'data.drop=[house_id]' leaves it out",
    )


SHUFFLED = np.random.default_rng(0).permutation(ROWS)
COUNTERS = {
    "shuffled": SHUFFLED,
    "an offset": SHUFFLED + 7000,
    "beyond what floats tell apart": [9007199254740993 + int(row) for row in SHUFFLED],
    "some rows taken away": np.random.default_rng(1).permutation(2 * ROWS)[:ROWS],
    "two files": [*range(1, 41), *range(1, 21)],
    "two files, shuffled": np.array([*range(1, 41), *range(1, 21)])[SHUFFLED],
    "some rows twice": [*SHUFFLED[:-2], 0, 1],
}


@pytest.mark.parametrize("numbers", COUNTERS.values(), ids=COUNTERS.keys())
def test_what_may_count_the_rows_out_of_order_is_told(tmp_path: Path, numbers: Any) -> None:
    read = understood(tmp_path, frame(n=numbers))
    assert read.numbers == ("a", "n")
    assert read.notes == (
        "n may count the rows, in another order or from the start again: 'data.drop=[n]' leaves it out, "
        "'data.numbers=[n]' says that it is a number",
    )
    assert not understood(tmp_path, frame(n=numbers), numbers=["n"]).notes


def test_row_numbers_that_floats_do_not_tell_apart_are_left_out(tmp_path: Path) -> None:
    read = understood(tmp_path, frame(n=[9007199254740993 + row for row in range(ROWS)]))
    assert read.left_out == {"n": "numbers of the rows, unless 'data.numbers=[n]'"}


def test_whole_numbers_that_are_features_are_not_taken_for_row_numbers(tmp_path: Path) -> None:
    draw = np.random.default_rng(2)
    many = 3000
    columns = {
        "y": draw.normal(size=many),
        "age": draw.integers(18, 90, many),
        "year": draw.integers(1950, 2020, many),
        "visits": draw.poisson(40, many),
        "wait": draw.exponential(20, many).astype(int),
        "hour": np.arange(many) % 24,
        "price": draw.integers(100, 20 * many, many),
        "any": draw.integers(0, many, many),
    }
    read = understood(tmp_path, pd.DataFrame(columns))
    assert len(read.numbers) == 7
    assert not read.notes
    few = {name: column[:ROWS] for name, column in columns.items()}
    assert not understood(tmp_path, pd.DataFrame(few)).notes


def test_words_for_missing_are_texts_among_texts_and_in_names(tmp_path: Path) -> None:
    table = frame(
        country=["NA", "DE", "None", "null", "", "FR"] * 10, size=["NA", "None", "null", "", "1", "2"] * 10
    )
    table = table.rename(columns={"a": "NA"})
    read = understood(tmp_path, table)
    assert set(read.categories["country"]) == {"NA", "DE", "None", "null", "(missing)", "FR"}
    assert read.frame["size"].isna().sum() == 40
    assert read.numbers == ("NA", "size")


def test_a_target_of_two_values_is_said_to_be_like_a_class(tmp_path: Path) -> None:
    read = understood(tmp_path, frame(y=[0, 1] * 30))
    assert account(read)[1] == "  target: y, 0 or 1: two values, like a class"
    assert "y has two values, 0 and 1, like a class" in account(read)[-1]


LINE = "1.5,2\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,y\n" + LINE * 30 + "1.5\n" + LINE * 30, "(line 32 has 1 cells, the first line 2)"),
        ("a,y\n" + LINE * 30 + "\n1,2,3\n" + LINE * 30, "(line 33 has 3 cells, the first line 2)"),
        (
            'a,y\n"x\ny",2\n' + LINE * 60 + "7",
            "(line 64 has 1 cells, the first line 2, is the last and ends in mid-line",
        ),
        ("a,y\n" + LINE * 60 + '"1.', "line 62: unexpected end of data"),
        ("2,1.5,7\n" + "1,2,3\n" * 60, "begins with 2, 1.5, 7, which are values and no names: put a line"),
        ("5,x,5\n" + "1,2,3\n" * 60, "begins with 5, x, 5, which are values and no names: put a line"),
    ],
)
def test_a_file_that_is_cut_or_lacks_a_cell_or_names_is_refused(
    tmp_path: Path, text: str, words: str
) -> None:
    assert words in refused(tmp_path, text)


def test_names_that_may_be_values_are_told(tmp_path: Path) -> None:
    read = understood(tmp_path, "1.5,2\n" + "1,2\n3,4\n" * 30, target=2)
    assert (
        "t.csv begins with 1.5, 2, taken for the names of its columns; if they are values, put a line of "
        "names above them"
    ) in read.notes
    codes = understood(tmp_path, "7,3,12\n" + "1,2,5\n3,4,4\n" * 30, target=3)
    assert codes.notes[0].startswith("t.csv begins with 7, 3, 12, taken for the names")


def test_a_file_that_ends_in_mid_line_is_told(tmp_path: Path) -> None:
    text = frame().to_csv(index=False)
    assert not understood(tmp_path, text).notes
    cut = text[:-4]
    assert understood(tmp_path, cut).notes == (
        f"t.csv ends in mid-line, and its last cell is {cut.rpartition(',')[2]!r}",
    )
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(text.encode())[:-20])
    assert "is cut off: its archive has no end" in refused(tmp_path, text, path=str(path))


@pytest.mark.parametrize("names", ["2019,2020,2021", "400.5,401.0,401.5", "0,1,2"])
def test_years_and_wavelengths_are_names(tmp_path: Path, names: str) -> None:
    text = names + "\n" + "".join(f"{row % 7},{row % 5},{row % 3}\n" for row in range(ROWS))
    read = understood(tmp_path, text, target=names.split(",")[1])
    assert not any("begins" in note for note in read.notes)
    assert len(read.numbers) == 2


@pytest.mark.parametrize(
    ("header", "given"), [("1e3", 1000.0), ("True", True), ("2020.0", 2020), ("007", "007")]
)
def test_a_name_that_yaml_has_read_is_found_in_the_file(tmp_path: Path, header: str, given: Any) -> None:
    read = understood(tmp_path, frame().rename(columns={"y": header}), target=given)
    assert read.options.target == header


def test_a_name_is_in_one_knob_alone(tmp_path: Path) -> None:
    assert "data.group=a is also in data.categories" in refused(
        tmp_path, frame(), group="a", categories=["a"]
    )


def test_a_home_is_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(understood(tmp_path, frame(), path="~/t.csv").target) == ROWS


def test_the_remedy_for_a_column_with_signs_in_its_name_can_be_typed(tmp_path: Path) -> None:
    said = refused(tmp_path, frame(**{"x (%)": [*["1"] * (ROWS - 1), "none of them"]}))
    assert shlex.split(said.partition("set ")[2]) == ['data.categories=["x (%)"].']
