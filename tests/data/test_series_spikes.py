"""Outliers among the targets of a series: where training and validation see them, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from lossbench.data.contract import check_data
from lossbench.data.series import Series
from lossbench.data.source import DataSet

COUNT = 300


def source(folder: Path, **knobs: Any) -> Series:
    place = folder / "power.csv"
    if not place.exists():
        load = 1e4 + np.random.default_rng(3).normal(size=COUNT).cumsum()
        when = pd.date_range("2024-01-29", periods=COUNT, freq="h")
        pd.DataFrame({"when": when, "load": load}).to_csv(place, index=False)
    return Series(name="series", path=str(place), time="when", target=("load",), past=6, **knobs)


def loaded(own: Series, seed: int = 0) -> DataSet:
    return check_data(own, own.load(seed, "vector"))


def wrong(dirty: DataSet, clean: DataSet, part: str) -> torch.Tensor:
    both = (getattr(data, part).targets["continuous"] for data in (dirty, clean))
    return torch.sub(*both)


def test_a_share_of_training_and_validation_is_wrong_and_the_test_and_all_windows_are_right(
    tmp_path: Path,
) -> None:
    clean = loaded(source(tmp_path))
    dirty = loaded(source(tmp_path, contamination=0.1))
    assert dirty.inputs is clean.inputs
    assert dirty.test is clean.test
    for part, steps in (("train", 180), ("val", 60)):
        off = wrong(dirty, clean, part)
        hit = off != 0
        assert 0 < int(hit.sum()) <= steps // 10  # those in the first windows' past are predicted by nobody
        assert (off[hit] > 0).all()
    spread = pd.read_csv(tmp_path / "power.csv")["load"][:180].std(ddof=0)
    off = wrong(dirty, clean, "train")
    assert (off[off != 0] >= 2.5 * spread * 0.999).all()
    assert (off <= 7.5 * spread * 1.001).all()
    for part in ("train", "val", "test"):
        scales = [getattr(data, part).targets["naive_scale"] for data in (dirty, clean)]
        assert torch.equal(*scales)


def test_a_step_is_wrong_in_every_window_that_predicts_it(tmp_path: Path) -> None:
    clean, dirty = (loaded(source(tmp_path, horizon=4, contamination=share)) for share in (0.0, 0.1))
    off = wrong(dirty, clean, "train")  # (N, 4): window n predicts steps n + 6 to n + 9
    for ahead in range(1, 4):
        assert torch.equal(off[ahead:, 0], off[:-ahead, ahead])
    assert (off != 0).any()


def test_less_contamination_is_part_of_more_and_seeds_differ(tmp_path: Path) -> None:
    clean, few, many = (loaded(source(tmp_path, contamination=share)) for share in (0.0, 0.05, 0.2))
    some, more = wrong(few, clean, "train"), wrong(many, clean, "train")
    assert torch.equal(some[some != 0], more[some != 0])
    assert (more != 0).sum() > (some != 0).sum()
    own = source(tmp_path, contamination=0.05)
    other = loaded(own, seed=1)
    assert not torch.equal(other.train.targets["continuous"], few.train.targets["continuous"])
    assert torch.equal(loaded(own, 0).train.targets["continuous"], few.train.targets["continuous"])
    assert other.inputs is few.inputs


def test_symmetric_outliers_lie_on_both_sides_and_their_size_is_set(tmp_path: Path) -> None:
    clean = loaded(source(tmp_path))
    knobs = {"contamination": 0.3, "outlier": "symmetric"}
    off = wrong(loaded(source(tmp_path, **knobs)), clean, "train")
    assert (off > 0).any()
    assert (off < 0).any()
    twice = wrong(loaded(source(tmp_path, **knobs, outlier_scale=10.0)), clean, "train")
    torch.testing.assert_close(twice, 2 * off)


def test_runs_are_known_by_their_outliers(tmp_path: Path) -> None:
    clean, dirty = source(tmp_path), source(tmp_path, contamination=0.1)
    assert clean.fingerprint(0) == clean.fingerprint(1) == clean.steps().fingerprint
    assert len({dirty.fingerprint(0), dirty.fingerprint(1), clean.fingerprint(0)}) == 3
    assert source(tmp_path, contamination=0.1, outlier_scale=3.0).fingerprint(0) != dirty.fingerprint(0)
    # At its defaults, none of what came later is part of what a run is.
    assert not {"season", "contamination", "outlier", "outlier_scale"} & set(clean.values())
    assert "outliers: 0.1 of the steps that training and validation predict" in "\n".join(dirty.account())
    assert "outliers" not in "\n".join(clean.account())
