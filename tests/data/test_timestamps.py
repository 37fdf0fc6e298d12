"""Times in the forms in which files have them."""

from __future__ import annotations

import pandas as pd
import pytest

from lossbench.data.timestamps import Times, read_times
from lossbench.errors import InputError

START = pd.Timestamp("2024-03-01 00:00").timestamp()
DAY = 86400.0
FORMS = {
    "%Y-%m-%d": None,
    "%Y-%m-%dT%H:%M:%SZ": None,
    "%Y%m%d": None,
    "%d/%m/%Y": None,  # the 13th is no month
    "%m/%d/%Y %H:%M": None,
    "%d.%m.%Y %H:%M": None,
    "%d %b %Y": None,
    "%y/%d/%m": "%y/%d/%m",
}


@pytest.mark.parametrize(("form", "told"), FORMS.items())
def test_a_usual_form_is_read_and_any_other_is_told(form: str, told: str | None) -> None:
    days = pd.date_range("2024-03-01", periods=40, freq="D")
    times = read_times(pd.Series(days.strftime(form), name="day"), told, "the time day of x.csv")
    assert times.dates
    assert times.stamps.tolist() == [START + DAY * day for day in range(40)]


@pytest.mark.parametrize(("unit", "size"), [("s", 1), ("ms", 1000)])
def test_seconds_since_1970_are_dates_where_that_is_said(unit: str, size: int) -> None:
    cells = pd.Series([str(int((START + DAY * day) * size)) for day in range(5)], name="t")
    assert read_times(cells, unit, "the time t of x.csv").stamps.tolist() == [
        START + DAY * d for d in range(5)
    ]
    plain = read_times(cells, None, "the time t of x.csv")
    assert not plain.dates
    assert plain.since_1970 == unit
    assert read_times(cells, unit, "the time t of x.csv").since_1970 == ""
    counted = pd.Series([str(number) for number in range(5)], name="t")
    assert read_times(counted, None, "the time t of x.csv").since_1970 == ""


ZONES = {
    "2024-03-01T00:30:00+02:00": True,
    "2024-03-01 00:30-0530": True,
    "2024-03-01 00:30:00.250 +01": True,
    "2024-03-01T00:30:00+00:00": False,
    "2024-03-01T00:30:00Z": False,
    "2024-03-01 00:30": False,
    "2024-03-01": False,
}


@pytest.mark.parametrize(("cell", "shifted"), ZONES.items())
def test_a_time_zone_is_noted_where_its_day_is_not_that_of_utc(cell: str, shifted: bool) -> None:
    times = read_times(pd.Series(["2024-02-29 12:00Z", cell], name="t"), None, "the time t of x.csv")
    assert times.zone == (cell if shifted else "")


REFUSED = {
    ("2024-01-01", "", "2024-01-03"): (None, "is missing in row 2 below the names; each row needs a time"),
    ("2024-01-01", "yesterday"): (None, "has 'yesterday' in row 2 below the names, which is no date that is"),
    ("01/02/2024", "03/04/2024"): (
        None,
        "may have its day or its month first, as in '01/02/2024': say it in",
    ),
    ("2024-01-01", "01.02.2024"): ("%Y-%m-%d", "has '01.02.2024' in row 2 below the names, which is not of"),
    ("1", "x"): ("s", "has 'x' in row 2 below the names, which is no s since 1970"),
}


@pytest.mark.parametrize("cells", REFUSED)
def test_a_cell_that_is_no_time_is_refused(cells: tuple[str, ...]) -> None:
    form, words = REFUSED[cells]
    with pytest.raises(InputError) as caught:
        read_times(pd.Series(cells, name="day"), form, "the time day of x.csv")
    assert str(caught.value).startswith("The time day of x.csv")
    assert words in str(caught.value)


def test_times_and_spans_are_shown_as_people_write_them() -> None:
    times = Times(pd.Series([START, START + 90 * 60]).to_numpy(), dates=True)
    assert [times.shown(value) for value in times.stamps] == ["2024-03-01", "2024-03-01 01:30"]
    assert [times.span(length) for length in (600, 3600, 86400, 3 * 86400)] == [
        "10 min",
        "1 h",
        "1 day",
        "3 days",
    ]
