"""The season of a series follows from its calendar, and the naive forecast repeats the last one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from lossbench.data import season
from lossbench.data.series import Series
from lossbench.data.series_reading import Steps
from lossbench.data.windows import Block
from lossbench.errors import InputError


def series(folder: Path, values: Any, frequency: str = "h", **knobs: Any) -> Series:
    when = pd.date_range("2020-01-06", periods=len(values), freq=frequency)
    pd.DataFrame({"when": when, "load": values}).to_csv(folder / "power.csv", index=False)
    path = str(folder / "power.csv")
    return Series(name="series", **{"path": path, "time": "when", "target": "load", "past": 3, **knobs})


def steps_of(folder: Path, values: Any) -> Steps:
    return series(folder, values).steps()


@pytest.mark.parametrize(
    ("frequency", "found"),
    [("10min", 144), ("h", 24), ("12h", 2), ("D", 7), ("W", 52), ("MS", 12), ("QS", 4), ("YS", 1)],
)
def test_a_season_is_a_day_a_week_or_a_year(tmp_path: Path, frequency: str, found: int) -> None:
    values = np.random.default_rng(0).normal(size=250 if frequency == "YS" else 600)
    own = series(tmp_path, values, frequency)
    assert own.season_of(own.steps()) == found
    told = "\n".join(own.account())
    repeats = "the last value" if found == 1 else f"the value {found} steps before"
    assert f"naive forecast, by which mase is scaled: {repeats}\n" in f"{told}\n"


def test_a_week_of_trading_has_five_days(tmp_path: Path) -> None:
    own = series(tmp_path, np.random.default_rng(0).normal(size=400), "B", gaps="join")
    assert own.season_of(own.steps()) == 5


def test_what_knows_no_two_seasons_repeats_its_last_value(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=79)  # 47 hours train
    own = series(tmp_path, values)
    assert own.season_of(own.steps()) == 1
    numbered = pd.DataFrame({"when": range(300), "load": np.random.default_rng(0).normal(size=300)})
    numbered.to_csv(tmp_path / "power.csv", index=False)
    own = Series(name="series", path=str(tmp_path / "power.csv"), time="when", target=("load",))
    assert own.season_of(own.steps()) == 1


def test_a_season_of_ones_own_counts_and_is_checked(tmp_path: Path) -> None:
    own = series(tmp_path, np.random.default_rng(0).normal(size=100), season=30)
    assert own.season_of(own.steps()) == 30
    with pytest.raises(InputError, match=r"data\.season=60 is longer than the 60 steps of power.csv that"):
        series(tmp_path, np.random.default_rng(0).normal(size=100), season=60).load(0, "vector")


def test_the_scale_is_the_mean_error_of_the_naive_forecast_on_training_alone(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=200).cumsum()
    own = series(tmp_path, values, horizon=4)
    data = own.load(0, "vector")
    wanted = np.mean([abs(values[at] - values[at - 24]) for at in range(24, 120)])
    for part in (data.train, data.val, data.test):
        scale = part.targets["naive_scale"]
        assert scale.shape == (len(part),)
        np.testing.assert_allclose(scale.numpy(), wanted, rtol=1e-12)
    values[130:] *= 7
    assert series(tmp_path, values, horizon=4).load(0, "vector").test.targets["naive_scale"][0] == scale[0]


def test_the_scale_knows_no_missing_value_and_no_gap(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=80)
    values[10] = np.nan
    steps = steps_of(tmp_path, values)
    pairs = [(at, at - 2) for at in range(2, 50) if 10 not in (at, at - 2)]
    wanted = np.mean([abs(values[late] - values[early]) for late, early in pairs])
    np.testing.assert_allclose(season.naive_scale(steps, Block(0, 50), 2), [wanted])
    steps.breaks[30] = True  # between 29 and 30
    pairs = [(late, early) for late, early in pairs if not early < 30 <= late]
    wanted = np.mean([abs(values[late] - values[early]) for late, early in pairs])
    np.testing.assert_allclose(season.naive_scale(steps, Block(0, 50), 2), [wanted])


def test_the_naive_forecast_repeats_the_last_season_that_is_known(tmp_path: Path) -> None:
    values = np.arange(80.0)
    steps = steps_of(tmp_path, values)
    forecast = season.seasonal_naive(steps, np.array([50, 60]), horizon=5, season=3)
    assert forecast.shape == (2, 5, 1)
    assert forecast[0, :, 0].tolist() == [47, 48, 49, 47, 48]  # never one of the steps that are predicted
    assert forecast[1, :, 0].tolist() == [57, 58, 59, 57, 58]
    one = season.seasonal_naive(steps, np.array([50]), horizon=3, season=1)
    assert one[0, :, 0].tolist() == [49, 49, 49]


def test_the_naive_forecast_is_the_last_value_where_a_season_before_is_none(tmp_path: Path) -> None:
    values = np.arange(80.0)
    values[45] = np.nan
    steps = steps_of(tmp_path, values)
    steps.breaks[60] = True
    forecast = season.seasonal_naive(steps, np.array([5, 50, 63]), horizon=2, season=6)[..., 0]
    assert forecast[0].tolist() == [4, 0]  # nothing before the first step
    assert forecast[1].tolist() == [44, 49]  # missing
    assert forecast[2].tolist() == [62, 62]  # 57 and 58 lie beyond the gap


def test_baselines_are_the_last_value_and_where_there_is_a_season_the_last_season(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=200)
    own = series(tmp_path, values, horizon=2)
    data = own.load(0, "series")
    first = data.test.rows.numpy() + 3
    told = {name: baseline(data, data.test)["value"] for name, baseline in own.baselines().items()}
    assert set(told) == {"naive", "seasonal naive"}
    wanted = np.stack([values[first - 1], values[first - 1]], axis=1)
    np.testing.assert_array_equal(told["naive"].numpy(), wanted)
    wanted = np.stack([values[first - 24], values[first - 23]], axis=1)
    np.testing.assert_array_equal(told["seasonal naive"].numpy(), wanted)
    one = series(tmp_path, values, season=1)
    data = one.load(0, "series")
    assert set(one.baselines()) == {"naive"}
    last = one.baselines()["naive"](data, data.test)["value"]
    assert last.shape == data.test.targets["continuous"].shape


def test_spikes_in_training_change_no_baseline(tmp_path: Path) -> None:
    own = series(tmp_path, np.random.default_rng(1).normal(size=200))
    dirty = dataclasses.replace(own, contamination=0.2)
    data = own.load(0, "vector")
    for name, baseline in dirty.baselines().items():
        found = baseline(dirty.load(0, "vector"), data.test)["value"]
        assert torch.equal(found, own.baselines()[name](data, data.test)["value"])
