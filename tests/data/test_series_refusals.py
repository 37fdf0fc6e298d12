"""A series that cannot be used is refused with one sentence that names the place and the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lossbench.data.series import Series
from lossbench.errors import InputError

NAMES = ["day", "load", "town", "heat"]
ROWS = [
    [f"2024-{1 + row // 28:02d}-{1 + row % 28:02d}", str(row % 9), "Ulm", f"{row}.5"] for row in range(112)
]


def text(names: list[str] = NAMES, **cells: str) -> str:
    """The file; `load_3="x"` sets the load of row 3."""
    rows = [list(row) for row in ROWS]
    for place, value in cells.items():
        name, _, row = place.rpartition("_")
        rows[int(row) - 1][NAMES.index(name)] = value
    return "\n".join(",".join(row) for row in [names, *rows]) + "\n"


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (text(), {"target": "lod"}, "data.target=lod is no column of power.csv (did you mean 'load'?"),
    (text(), {"time": "dya"}, "data.time=dya is no column of power.csv"),
    (text(), {"inputs": ["load"]}, "data.inputs=load is named twice, in data.target first"),
    (text(), {"target": "town"}, "The target town of power.csv has 'Ulm' in row 1 below the names"),
    (text(), {"inputs": ["town"]}, "The input town of power.csv has 'Ulm' in row 1"),
    (text(load_7="inf"), {}, "has 'inf' in row 7 below the names, which is not finite or too large"),
    (text(load_7="1e40"), {}, "which is not finite or too large"),
    (text(load_7="12 kW"), {}, "has '12 kW' in row 7 below the names, which is no number"),
    (text(day_7=""), {}, "The time day of power.csv is missing in row 7"),
    (text(day_7="soon"), {}, "The time day of power.csv has 'soon' in row 7"),
    (text(["day", "load", "load", "heat"]), {}, "has several columns named load: rename or remove them"),
    (text().replace(",", ";"), {}, "its first line asks for data.separator=semicolon"),
    (text(), {"past": 30}, "of 31 steps without a gap, are needed: make data.past or data.horizon"),
    (text(), {"test_share": 0.01}, "for the test; 5 each"),
    (text(), {"gap": 60}, "0 windows for training"),
    ("\n".join(text().splitlines()[:20]), {}, "has 19 rows, too few to compare losses on: at least 50 steps"),
    ("day,load\n" + "2024-01-01,3\n2024-01-02,4\n" * 50, {}, "Most times in day of power.csv occur several"),
    ("day,load\n" + "".join(f"{row},3\n" for row in range(90)), {}, "is 3 in every row: name another column"),
    ("day,load\n" + "".join(f"{row},\n" for row in range(90)), {}, "is empty in every row"),
    ("", {}, "is empty: it needs a line of column names"),
    (
        "n,load\n" + "".join(f"{row},{row % 5}\n" for row in range(90)),
        {"time": "n", "calendar": True},
        "data.calendar=true finds nothing: power.csv has times that are no dates; leave it out",
    ),
    (text(), {"time": None}, "data=series needs your file, its column of time and the one to predict"),
    (text(), {"path": "nowhere.csv"}, "data.path=nowhere.csv does not exist"),
    (text(), {"path": "."}, "data.path=. is no file"),
    (text(), {"val_share": 0.5, "test_share": 0.5}, "together they must stay below 1"),
    (text(), {"decimal": "comma", "thousands": "comma"}, "are both comma: they must differ"),
    (text(), {"time_format": "%d.%m.%Y"}, "which is not of the form %d.%m.%Y"),
    (text(), {"gaps": "leave"}, "data.gaps=leave is not allowed"),
    (text(), {"past": 0}, "data.past must be at least 1"),
]


@pytest.mark.parametrize(("content", "knobs", "words"), REFUSED, ids=lambda value: str(value)[-40:])
def test_a_series_that_cannot_be_used_is_refused(
    tmp_path: Path, content: str, knobs: dict[str, Any], words: str
) -> None:
    path = tmp_path / "power.csv"
    path.write_text(content)
    own = {"path": str(path), "time": "day", "target": "load", **knobs}
    with pytest.raises(InputError) as caught:
        Series(name="series", **own).load(0, "series")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
