"""The fast parser reads the same cells as the careful one, or leaves the file to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lossbench.data import csv_reading
from lossbench.data.conventions import Convention
from lossbench.errors import InputError

CELLS = st.text(alphabet="a1 é.;-#\t", max_size=4)
LINES = st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=5)
ENDS = st.sampled_from(["\n", "\r\n", ""])


def content(lines: list[list[str]], separator: str, between: str, end: str) -> bytes:
    return (between.join(separator.join(line) for line in lines) + end).encode()


@given(LINES, st.sampled_from(",;\t"), st.sampled_from(["\n", "\r\n", "\n\n", "\n \n"]), ENDS)
@example([["a", "b"], ["1"]], ",", "\n", "\n")
@example([["a"], ["1", "2"]], ",", "\n", "")
@example([["NA", "b"], ["", "nan"]], ",", "\n", "")
@example([["\ufeffa", "b"], ["1", "2"]], ",", "\n", "\n")
def test_both_parsers_agree(lines: list[list[str]], separator: str, between: str, end: str) -> None:
    data = content(lines, separator, between, end)
    fast = csv_reading._plain(data, separator)
    if fast is None:
        return
    rows, whole = csv_reading._lines(data, separator, Path("t.csv"))
    assert rows is not None
    assert [list(map(str.strip, row)) for row in fast[0].to_numpy().tolist()] == [
        list(map(str.strip, row)) for row in rows.to_numpy().tolist()
    ]
    assert fast[1] == whole


@pytest.mark.parametrize(
    "odd",
    [
        b'a,b\n"1",2\n',
        b"a,b\n1\n",
        b"a,b\n1,2,3\n",
        b"a,b\r1,2\r",
        b"a,b\n\xff,2\n",
        b"a,b\n1,\0\n",
        b"",
        b"\n\n",
    ],
)
def test_a_file_that_may_be_read_in_two_ways_is_left_to_the_careful_one(odd: bytes) -> None:
    assert csv_reading._plain(odd, ",") is None


def test_a_plain_table_is_read_by_the_fast_one() -> None:
    fast = csv_reading._plain(b"a,b\n1, x\n,NA\n", ",")
    assert fast is not None
    assert fast[0].to_numpy().tolist() == [["a", "b"], ["1", "x"], ["", "NA"]]


def test_numbers_are_those_of_pandas_to_the_bit() -> None:
    drawn = np.random.default_rng(0)
    values = drawn.normal(size=3000) * 10.0 ** drawn.integers(-20, 20, 3000)
    many = [repr(float(value)) for value in values] + [f"{value:.25g}" for value in values]
    for texts in (
        many,
        ["-0", "1"],
        ["-0.0", "1.5"],
        ["1", ""],
        ["1", "NA"],
        ["inf", "1e400"],
        ["1_0", "0x1"],
        ["9007199254740993", "1"],
        ["True", "1"],
        [],
    ):
        cells = pd.Series(texts, dtype=str)
        expected = pd.to_numeric(cells, errors="coerce").astype("float64").to_numpy()
        assert Convention().numbers(cells).to_numpy().tobytes() == expected.tobytes(), texts[:3]


def test_an_archive_of_several_files_is_refused(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("a.csv", "a,b\n1,2\n")
        archive.writestr("b.csv", "a,b\n1,2\n")
    with pytest.raises(InputError, match=r"t\.zip holds 2 files: it must be one"):
        csv_reading.read(tmp_path / "t.zip", ",")
