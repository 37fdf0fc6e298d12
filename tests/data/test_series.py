"""A user's own series: windows that lie wholly in one part, and nothing learned outside training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from lossbench.data.contract import check_data
from lossbench.data.series import Series
from lossbench.data.source import DataSet
from lossbench.errors import InputError

COUNT = 300


def hours(count: int = COUNT) -> pd.DataFrame:
    draw = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "when": pd.date_range("2024-01-29", periods=count, freq="h").strftime("%Y-%m-%d %H:%M"),
            "load": 1e4 + draw.normal(size=count).cumsum(),
            "heat": draw.normal(20, 5, count),
        }
    )


def source(folder: Path, frame: pd.DataFrame, **knobs: Any) -> Series:
    frame.to_csv(folder / "power.csv", index=False)
    path = str(folder / "power.csv")
    return Series(name="series", **{"path": path, "time": "when", "target": "load", "past": 6, **knobs})


def loaded(own: Series, reads: str = "series") -> DataSet:
    return check_data(own, own.load(0, reads))


def test_a_window_holds_the_past_and_the_target_is_what_comes_next(tmp_path: Path) -> None:
    frame = hours()
    data = loaded(source(tmp_path, frame, horizon=3, inputs=["heat"]))
    load, heat = frame["load"].to_numpy(), frame["heat"].to_numpy()
    training = slice(0, 180)  # three fifths
    for part in (data.train, data.val, data.test):
        for row, target in zip(part.rows.tolist(), part.targets["continuous"], strict=True):
            np.testing.assert_array_equal(target.numpy(), load[row + 6 : row + 9])
            window = data.inputs[row].numpy()
            assert window.shape == (6, 2)
            for place, column in enumerate((load, heat)):
                own = (column[row : row + 6] - column[training].mean()) / column[training].std()
                np.testing.assert_allclose(window[:, place], own, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("gap", [0, 5])
def test_no_window_lies_in_two_parts(tmp_path: Path, gap: int) -> None:
    data = loaded(source(tmp_path, hours(), horizon=3, gap=gap))
    ends = [(int(part.rows.min()), int(part.rows.max()) + 9) for part in (data.train, data.val, data.test)]
    assert ends[0][1] + gap <= ends[1][0]
    assert ends[1][1] + gap <= ends[2][0]
    assert (ends[0][0], ends[2][1]) == (0, COUNT)
    assert len(data.train) == 180 - 2 * gap - 8


def test_a_series_that_repeats_itself_may_have_equal_windows_in_two_parts(tmp_path: Path) -> None:
    """Weeks that are alike are no copy of each other: they lie at other times."""
    frame = hours().assign(load=np.arange(COUNT) % 6 + 0.5)
    data = loaded(source(tmp_path, frame))
    assert torch.equal(data.inputs[data.val.rows], data.inputs[data.test.rows])
    assert not set(data.val.rows.tolist()) & set(data.test.rows.tolist())


def test_windows_are_views_of_one_tensor(tmp_path: Path) -> None:
    own = source(tmp_path, hours(), past=24)
    for reads, shape in (("series", (24, 1)), ("vector", (24,))):
        data = loaded(own, reads)
        assert data.inputs.shape[1:] == shape
        assert data.inputs.untyped_storage().nbytes() == COUNT * 4
        assert own.load(1, reads) is data  # the same for every seed
    assert torch.equal(own.load(0, "vector").inputs, own.load(0, "series").inputs.flatten(1))


def test_what_happens_after_training_changes_nothing_that_is_learned(tmp_path: Path) -> None:
    frame = hours()
    before = loaded(source(tmp_path, frame))
    seen, units = before.inputs[before.train.rows].clone(), before.units
    frame.loc[180:, "load"] *= -100
    after = loaded(source(tmp_path, frame))
    assert torch.equal(after.inputs[after.train.rows], seen)
    assert after.units == units


def test_several_targets_have_units_of_their_own(tmp_path: Path) -> None:
    own = source(tmp_path, hours(), target=["load", "heat"], horizon=4)
    target, scale = own.targets()
    assert (scale.kind, scale.size) == ("naive_scale", 2)
    assert (target.size, target.shape) == (2, (4,))
    data = loaded(own)
    assert data.train.targets["continuous"].shape[1:] == (4, 2)
    seen = data.units["continuous"].scaled(data.train.targets["continuous"])
    assert (seen.flatten(0, 1).quantile(0.5, dim=0).abs() < 0.3).all()


def test_windows_with_something_missing_are_left_out_and_counted(tmp_path: Path) -> None:
    frame = hours()
    frame.loc[50, "load"] = np.nan
    frame.loc[100, "heat"] = np.nan
    own = source(tmp_path, frame, inputs=["heat"])
    rows = set(loaded(own).train.rows.tolist())
    # Six steps are read and one is predicted: the target lacks in seven windows, the input in six.
    assert set(range(174)) - rows == {*range(44, 51), *range(95, 101)}
    told = "\n".join(own.account())
    assert "missing: load in 1 steps, heat in 1 steps" in told
    assert "13 of 282 windows are left out for a gap or a missing value" in told


def test_no_window_lies_across_a_gap_unless_rows_are_joined(tmp_path: Path) -> None:
    frame = hours().drop(index=[60, 61])
    own = source(tmp_path, frame)
    assert not set(range(54, 60)) & set(loaded(own).train.rows.tolist())
    assert "1 gap in time, the longest of 3 h after 2024-01-31 11:00: no window lies" in "\n".join(
        own.account()
    )
    joined = source(tmp_path, frame, gaps="join")
    assert set(range(54, 60)) <= set(loaded(joined).train.rows.tolist())
    assert "joined (data.gaps=join)" in "\n".join(joined.account())


def test_rows_in_disorder_are_sorted_and_repeated_times_are_kept_once(tmp_path: Path) -> None:
    frame = hours()
    straight = loaded(source(tmp_path, frame))
    late = frame.iloc[[7]].assign(load=0.0)
    mixed = pd.concat([frame.iloc[:200], late, frame.iloc[200:]])
    own = source(tmp_path, mixed)
    data = loaded(own)
    assert torch.equal(data.inputs, straight.inputs)
    told = "\n".join(own.account())
    assert "not in the order of time (row 201 is earlier): they were sorted by when" in told
    assert "1 row with a time that was there already, the first 2024-01-29 07:00" in told
    turned = source(tmp_path, frame[::-1])
    assert torch.equal(loaded(turned).inputs, straight.inputs)
    assert "the rows are from last to first: they were sorted by when" in "\n".join(turned.account())


def test_the_calendar_says_where_in_its_cycles_a_step_is(tmp_path: Path) -> None:
    own = source(tmp_path, hours(400), calendar=True, past=1)
    data = loaded(own)
    assert "calendar: day, week" in "\n".join(own.account())
    assert data.inputs.shape[1:] == (1, 5)
    circles = data.inputs[:, 0, 1:]
    # sine of day and week, then their cosines; the series begins on a Monday at midnight.
    torch.testing.assert_close(circles[0], torch.tensor([0.0, 0.0, 1.0, 1.0]), atol=1e-5, rtol=0)
    torch.testing.assert_close(circles[6, [0, 2]], torch.tensor([1.0, 0.0]), atol=1e-5, rtol=0)
    torch.testing.assert_close(circles[84, [1, 3]], torch.tensor([0.0, -1.0]), atol=1e-5, rtol=0)
    assert torch.allclose(circles[:, :2].square() + circles[:, 2:].square(), torch.ones(400, 2), atol=1e-5)


@pytest.mark.parametrize(("unit", "size"), [("s", 1), ("ms", 1000)])
def test_numbers_like_those_since_1970_are_told_with_their_form(tmp_path: Path, unit: str, size: int) -> None:
    frame = hours()
    frame["when"] = [(1_700_000_000 + 3600 * row) * size for row in range(COUNT)]
    told = "\n".join(source(tmp_path, frame).account())
    assert f"since 1970: set data.time_format={unit} if they are dates" in told
    with pytest.raises(InputError, match=f"set data.time_format={unit} if they are {unit} since 1970, or"):
        source(tmp_path, frame, calendar=True).steps()
    read = "\n".join(source(tmp_path, frame, calendar=True, time_format=unit).account())
    assert "calendar: day" in read
    assert "since 1970" not in read


def test_a_time_zone_that_is_read_in_utc_is_told(tmp_path: Path) -> None:
    frame = hours()
    frame["when"] += "+02:00"
    told = "\n".join(source(tmp_path, frame).account())
    assert "from 2024-01-28 22:00" in told
    assert "! when has a time zone, as in 2024-01-29 00:00+02:00, and is read in UTC" in told
    assert "time zone" not in "\n".join(source(tmp_path, hours()).account())


def test_a_file_is_known_by_its_content_and_how_it_is_read(tmp_path: Path) -> None:
    own = source(tmp_path, hours())
    known = own.fingerprint(0)
    assert known == own.fingerprint(1)
    other = tmp_path / "other"
    other.mkdir()
    assert source(other, hours()).fingerprint(0) == known
    assert source(tmp_path, hours(), gaps="join").fingerprint(0) != known
    assert source(tmp_path, hours().assign(load=range(COUNT))).fingerprint(0) != known
