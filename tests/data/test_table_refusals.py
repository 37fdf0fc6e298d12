"""Bad tables in bulk: each is refused with one sentence before anything trains, or what is odd is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lossbench.data.table import Table
from lossbench.errors import InputError

NAMES = ["a", "size", "kind"]
ROWS = [[f"{row % 7}.5", str(row * row % 31), ("cat", "dog", "owl")[row % 3]] for row in range(60)]


def text(*, names: list[str] | None = NAMES, **cells: str) -> str:
    """The table as a file; `kind_3="x"` sets the kind of row 3, `kind="x"` of all rows."""
    rows = [list(row) for row in ROWS]
    for place, value in cells.items():
        name, _, row = place.partition("_")
        for number in [int(row) - 1] if row else range(len(rows)):
            rows[number][NAMES.index(name)] = value.format(number + 1)
    return "".join(",".join(row) + "\n" for row in ([names] if names else []) + rows)


def loaded(folder: Path, content: str | bytes, name: str = "pets.csv", **knobs: Any) -> Table:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    source = Table(
        **{"name": "table", "path": str(path), "target": "kind", "task": "auto", "separator": "auto", **knobs}
    )
    source.load(0, "vector")
    return source


REFUSED: list[tuple[str | bytes, dict[str, Any], str]] = [
    ("", {}, r"^pets\.csv is empty: it needs a line of column names"),
    ("\n \n", {}, r"^pets\.csv is empty"),
    ("a,size,kind\n", {}, r"^pets\.csv has 0 rows, too few"),
    (text(names=None), {}, r"^data\.target=kind is no column of pets\.csv"),
    (
        text(kind="{0}.25").replace("a,size,kind", "1.5,3.5,1.5"),
        {"target": "1.5"},
        "which are values and no names",
    ),
    (text(kind="cat"), {}, r"^The target kind of pets\.csv is 'cat' in every row: nothing to learn\.$"),
    (text(kind="1"), {}, r"^The target kind of pets\.csv is 1 in every row: nothing to learn\.$"),
    (text(kind="1"), {"task": "class"}, r"is '1' in every row: nothing to learn"),
    (text(kind_5="cow"), {}, r"^The target kind of pets\.csv has the class 'cow' in 1 row alone, at least 5"),
    (text(kind_5=""), {}, r"^The target kind of pets\.csv is missing in row 5 below the names; remove such"),
    (text(kind_5="", kind_9=""), {}, r"is missing in row 5 below the names, and 1 more; remove such rows\.$"),
    (text(kind=""), {}, r"is missing in row 1 below the names, and 59 more"),
    (text(kind="{0}", kind_7=""), {}, r"is missing in row 7 below the names; remove"),
    (text(kind="{0}", kind_7="NA"), {}, r"is missing in row 7 below the names; remove"),
    (
        text(kind="{0}", kind_7="two"),
        {},
        r"has 'two' in row 7 below the names, which is no number; correct it",
    ),
    (text(kind="{0}", kind_7="two"), {}, r"or set data\.task=class if it is a name\.$"),
    (text(kind="pet {0}"), {}, r"has 60 different labels in 60 rows .* looks like an id .*; choose another"),
    (
        text(kind="{0}"),
        {"task": "class"},
        r"looks like an id .*; set data\.task=number to predict a number\.",
    ),
    (text(kind="2024-01-01"), {}, r"is '2024-01-01' in every row"),
    (text(), {"task": "number"}, r"has 'cat' in row 1 below the names, and 59 more, which is no number"),
    (text(), {"time": "day"}, r"^data\.time=day is no column of pets\.csv"),
    (text(), {"time": "kind"}, r"^data\.target=kind is also in data\.time: it can be only one"),
    (text(), {"time": "a", "drop": ["a"]}, r"^data\.time=a is also in data\.drop"),
    (text(a_4=""), {"time": "a"}, r"^The time a of pets\.csv is missing in row 4 below the names; each row"),
    (text(a="soon"), {"time": "a"}, r"^The time a of pets\.csv has 'soon' in row 1 .*data\.time_format"),
    (text(a="1"), {"time": "a"}, r"which gives 0 for training, 0 for validation and 60 for the test"),
    (text(), {"group": "kind"}, r"^data\.target=kind is also in data\.group"),
    (text(a="1"), {"group": "a"}, r"has 60 rows in 1 group of a, which gives 0 for training"),
    (b"\xff\xfe" + text().encode("utf-16-le"), {}, r"^pets\.csv is not in UTF-8"),
    (b"\x89PNG\r\n\x1a\n\x00\x00", {}, r"^pets\.csv (is not in UTF-8|is no table)"),
    (b"PAR1" * 9, {"name_of_file": "pets.parquet"}, r"^pets\.parquet is no Parquet file \("),
    (b"", {"name_of_file": "pets.parquet"}, r"^pets\.parquet is no Parquet file \("),
    (text(), {"name_of_file": "pets.csv.gz"}, r"^pets\.csv\.gz cannot be read \(.*\): unpack it"),
    (text(), {"name_of_file": "pets.tsv"}, r"is no column of pets\.tsv \(its first line asks for data\.sepa"),
    (text().replace(",", "\t"), {}, r"its first line asks for data\.separator=tab;"),
]


@pytest.mark.parametrize(("content", "knobs", "words"), REFUSED, ids=lambda value: str(value)[-30:])
def test_a_bad_table_is_refused_in_one_sentence(
    tmp_path: Path, content: str | bytes, knobs: dict[str, Any], words: str
) -> None:
    name = {**knobs}.pop("name_of_file", "pets.csv")
    more = {knob: value for knob, value in knobs.items() if knob != "name_of_file"}
    with pytest.raises(InputError, match=words) as caught:
        loaded(tmp_path, content, name, **more)
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 300
    assert said.endswith(".")


def test_odd_labels_are_told(tmp_path: Path) -> None:
    every = {f"kind_{row}": ("Cat", "NA", "3", "?")[row % 4] for row in range(1, 41)}
    notes = loaded(tmp_path, text(**every)).columns().notes
    told = "\n".join(notes)
    for words in (
        "'Cat' and 'cat' differ in case or spaces alone",
        "the classes mix texts and numbers, such as '?' and '3'",
        "'?' is a class of 10 rows; if it says that the class is unknown",
        "'NA' is a class of 10 rows",
    ):
        assert words in told


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from(NAMES), st.integers(1, 60)),
        st.sampled_from(["", "NA", "cat", "7", "7,5", '"', "1e999", "2020-01-01", "\x00", "ß", " ", ";"]),
        max_size=6,
    ),
    st.sampled_from(["auto", "class", "number", "by_type"]),
    st.sampled_from(NAMES),
)
def test_any_cell_is_read_or_refused(
    tmp_path: Path, cells: dict[tuple[str, int], str], task: str, target: str
) -> None:
    content = text(**{f"{name}_{row}": value for (name, row), value in cells.items()})
    try:
        loaded(tmp_path, content, task=task, target=target)
    except InputError as error:
        lines = str(error).splitlines()
    else:
        return
    assert len(lines) == 1
