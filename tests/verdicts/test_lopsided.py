"""Verdicts that hang on few runs are told, and those on plain noise are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lossbench.claims.claim import Claim, Experiment
from lossbench.verdicts.build import build
from lossbench.verdicts.lopsided import lopsided, strayed
from lossbench.verdicts.trials import Trials


@pytest.mark.parametrize("seeds", [6, 10, 20])
def test_plain_noise_is_seldom_called_lopsided(seeds: int) -> None:
    noise = np.random.default_rng(0).normal(size=(150, seeds))
    assert np.mean([lopsided(row) for row in noise]) < 0.03


def test_one_seed_far_outside_the_others_or_a_skewed_sample_is_lopsided() -> None:
    noise = np.random.default_rng(1).normal(size=10)
    assert not lopsided(noise)
    assert lopsided(np.append(noise, -30.0))
    assert lopsided(1e-9 * np.append(noise, -30.0))  # in any units
    assert lopsided(np.random.default_rng(0).lognormal(sigma=1.0, size=40))


def test_few_seeds_equal_differences_and_divergence_tell_nothing() -> None:
    assert not lopsided(np.array([0.0, 0.1, 0.0, 0.1, 90.0]))
    assert not lopsided(np.zeros(10))
    assert not lopsided(np.array([*range(9), np.inf]))


def trials(results: np.ndarray) -> Trials:  # type: ignore[type-arg]
    """Of which the middle rate is chosen."""
    validation = np.array([0.0, 0.0, 1.0, 0.0, 0.0])[:, None] + np.zeros(results.shape)
    return Trials(validation, results, True)


def test_a_run_that_ended_badly_beside_the_chosen_rate_is_seen_and_one_far_from_it_is_not() -> None:
    plain = np.random.default_rng(0).normal(size=(5, 8))
    assert not strayed(trials(plain), True)
    for rate, seen in ((0, False), (1, True), (2, True), (3, True), (4, False)):
        bad = plain.copy()
        bad[rate, 3] = -40.0
        assert strayed(trials(bad), True) is seen
        assert not strayed(trials(bad), False)  # where less is better it ended well
        bad[rate, 3] = np.nan
        assert not strayed(trials(bad), True)


def test_the_report_says_which_verdicts_hang_on_few_runs(runs: pd.DataFrame) -> None:
    claim = Claim("robust", "Huber is better.", "", {"loss": "huber"}, {"loss": "mse"}, metric="rmse")
    part = runs[runs["data.contamination"] == 0.2].drop(columns="data.contamination")
    experiment = Experiment("made", "made", judge="rmse", claims=(claim, replace(claim, id="again")))
    assert not [one for one in build(experiment, part, "mae").remarks if "few runs" in one]
    spot = (part["loss.name"] == "huber") & (part["optimizer.lr"] == 0.003) & (part["seed"] == 4)
    part.loc[spot, "test/rmse"] = 30.0  # at a rate beside the chosen one
    found = build(experiment, part, "mae")
    assert [one.verdict for one in found.verdicts] == ["supported", "supported"]
    assert [one for one in found.remarks if "hang on few runs" in one and "(robust; again)" in one]


@pytest.mark.filterwarnings("error")
def test_differences_that_only_rounding_tells_apart_are_not_lopsided() -> None:
    assert not lopsided(0.25 + 1e-16 * np.arange(12.0) ** 3)
    assert not lopsided(np.zeros(12))
