"""Each claim is chosen by its own metric; what is missing waits, what diverged counts by rank."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lossbench.claims.claim import Claim
from lossbench.verdicts.choose import Choice, rates
from lossbench.verdicts.conditions import RATE, Layout, tidy
from lossbench.verdicts.judging import judge
from lossbench.verdicts.verdict import Judged

HUBER, MSE, MAE = ({"loss": loss, "data.contamination": 0.2} for loss in ("huber", "mse", "mae"))


def of(left: dict[str, Any], right: dict[str, Any], metric: str = "rmse") -> Claim:
    return Claim("c", "A sentence.", "A source", left, right, metric)


def choice(runs: pd.DataFrame, fixed: str | None = None) -> Choice:
    frame = tidy(runs)
    return Choice(frame, Layout.of(frame), fixed, "mae")


def judged(runs: pd.DataFrame, claim: Claim) -> Judged:
    return judge([claim], choice(runs, "mae"))[0]


def with_nll(runs: pd.DataFrame) -> pd.DataFrame:
    """A metric whose best rate is the lowest, where the others have theirs at 0.01."""
    level = np.log10(runs["optimizer.lr"] / 0.001) + 0.01 * runs["seed"]
    return runs.assign(**{"val_best/nll": level, "test/nll": level})


def test_claim_is_chosen_by_its_own_metric_unless_the_experiment_names_one(runs: pd.DataFrame) -> None:
    runs = with_nll(runs)
    assert set(choice(runs).pool({}, "nll")[RATE]) == {0.001}
    assert set(choice(runs).pool({}, "mae")[RATE]) == {0.01}
    assert set(choice(runs, fixed="mae").pool({}, "nll")[RATE]) == {0.01}


def test_claim_in_a_metric_that_validation_lacks_is_chosen_by_the_data_sets_own(runs: pd.DataFrame) -> None:
    assert choice(runs).by("rmse") == "mae"  # these runs have no val_best/rmse


def test_run_that_is_missing_at_the_best_rate_does_not_turn_a_verdict(runs: pd.DataFrame) -> None:
    before = judged(runs, of(HUBER, MSE))
    assert before.verdict == "supported"
    spot = (runs["loss.name"] == "huber") & (runs["optimizer.lr"] == 0.01) & (runs["seed"] == 3)
    runs.loc[spot, ["outcome", "val_best/mae", "test/rmse"]] = ["failed", np.nan, np.nan]
    after = judged(runs, of(HUBER, MSE))
    assert set(choice(runs, "mae").pool({}, "rmse")[RATE]) == {0.01}
    assert after.verdict == "inconclusive"
    assert "waits for" in after.note
    assert after.estimate == pytest.approx(before.estimate, abs=0.1)


def test_rates_are_compared_on_the_seeds_that_all_of_them_have(runs: pd.DataFrame) -> None:
    frame = tidy(runs)
    hard = frame["seed"] == 0  # a hard split, on which the best rate has no run
    frame.loc[hard, "val_best/mae"] += 100
    spot = (frame["optimizer.lr"] == 0.03) & hard
    ranked = rates(frame[~spot].reset_index(drop=True), Layout.of(frame), "mae")
    assert set(ranked.loc[ranked["rank"] == 0, RATE]) == {0.01}


@pytest.mark.parametrize("reached", [1.0, 5.0, 500.0])
def test_what_another_loss_reached_says_nothing_of_a_divergence(runs: pd.DataFrame, reached: float) -> None:
    spot = (runs["loss.name"] == "mae") & (runs["data.contamination"] == 0.2) & (runs["seed"] == 0)
    runs.loc[spot, ["outcome", "val_best/mae", "test/rmse"]] = ["diverged", np.nan, np.nan]
    runs.loc[(runs["loss.name"] == "huber") & (runs["seed"] == 0), "test/rmse"] = reached
    result = judged(runs, of(MSE, MAE))
    assert (result.verdict, result.n) == ("refuted", 10)  # worse on 9, better on 1
    assert result.adjusted_p == pytest.approx(0.0215, abs=1e-4)
    assert "diverged on 1 seed: better on 1 of 10, worse on 9" in result.note


def test_few_divergences_are_told_and_do_not_hide_a_clear_difference(
    make: Callable[..., pd.DataFrame],
) -> None:
    runs = make(seeds=20)
    spot = (runs["loss.name"] == "mae") & (runs["data.contamination"] == 0.2) & (runs["seed"] == 0)
    runs.loc[spot, ["outcome", "val_best/mae", "test/rmse"]] = ["diverged", np.nan, np.nan]
    result = judged(runs, of(MAE, MSE))
    assert result.verdict == "supported"
    assert result.estimate == pytest.approx(0.7, abs=0.1)  # the median
    assert np.isfinite([result.left, result.right]).all()


def test_interval_that_repeats_the_choice_is_wider_where_rates_differ_in_test(runs: pd.DataFrame) -> None:
    noise = np.random.default_rng(0).normal(size=len(runs))
    blind = runs.assign(**{"val_best/mae": noise})  # validation cannot tell the rates apart, test can
    result = judged(blind, of(HUBER, MAE))
    assert result.repeated is not None
    assert result.repeated[1] - result.repeated[0] > 2 * (result.high - result.low)
    assert result.verdict == "inconclusive"
    assert result.record()["interval_with_choice"] == list(result.repeated)


def test_rate_with_few_results_leaves_the_others_their_seeds(runs: pd.DataFrame) -> None:
    made = choice(runs)
    rows = made.runs.query("`loss.name` == 'mse' and `data.contamination` == 0")
    few = rows[~((rows["optimizer.lr"] == 0.001) & (rows["seed"] > 2))]
    trials = made.trials(few, "mae", "test/rmse")
    assert trials.test.shape == (3, 10)
    assert (trials.seeds, trials.missing) == (tuple(range(10)), 0)
    assert made.trials(few[few["optimizer.lr"] == 0.001], "mae", "test/rmse").several is False
