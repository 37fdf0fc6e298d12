"""Chances of losses for who must decide today."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lossbench.claims.claim import Experiment
from lossbench.report.page import markdown
from lossbench.verdicts.build import build
from lossbench.verdicts.decision import chances, pairing_gain
from lossbench.verdicts.trials import Trials


def rivals(*means: float, spread: float = 1.0, seeds: int = 20) -> dict[str, Trials]:
    rng = np.random.default_rng(0)
    made = {}
    for place, mean in enumerate(means):
        values = mean + spread * rng.normal(size=(1, seeds))
        made[f"loss {place}"] = Trials(values, values, True)
    return made


def test_probabilities_of_being_the_best_add_up_to_one() -> None:
    found = chances(rivals(0.0, 0.1, 0.2, 0.2), higher=True)
    assert sum(one.best for one in found.values()) == pytest.approx(1.0)
    assert all(one.regret >= 0 for one in found.values())


def test_clear_winner_is_best_without_regret_and_its_rival_loses_the_difference() -> None:
    found = chances(rivals(0.0, 3.0, spread=0.01), higher=True)
    assert (found["loss 1"].best, found["loss 1"].regret, found["loss 1"].seeds_better) == (1.0, 0.0, 1.0)
    assert found["loss 0"].regret == pytest.approx(3.0, abs=0.02)


def test_direction_of_the_metric_turns_the_winner() -> None:
    found = chances(rivals(0.0, 3.0, spread=0.01), higher=False)
    assert (found["loss 0"].best, found["loss 1"].best) == (1.0, 0.0)


def test_equal_results_share_the_first_place() -> None:
    values = np.arange(6.0)[None]
    same = {name: Trials(values, values, True) for name in "abc"}
    assert [one.best for one in chances(same, higher=True).values()] == pytest.approx([1 / 3] * 3)


def test_many_good_rates_are_no_reason_to_be_called_the_best() -> None:
    rng, flat, alone = np.random.default_rng(2), [], np.zeros((8, 12)) - 9
    for _ in range(60):
        many, single = rng.normal(size=(8, 12)), alone.copy()
        single[0] = rng.normal(size=12)
        pair = {"many": Trials(many, many, True), "single": Trials(single, single, True)}
        flat.append(chances(pair, higher=True)["many"].best)
    assert np.mean(flat) == pytest.approx(0.5, abs=0.12)  # 0.9 by what the draws alone say


def test_one_loss_or_one_seed_has_no_chances() -> None:
    assert chances(rivals(1.0), higher=True) == {}
    assert chances(rivals(1.0, 2.0, seeds=1), higher=True) == {}


def test_pairing_gains_what_both_sides_share() -> None:
    rng = np.random.default_rng(1)
    shared, left, right = rng.normal(size=(3, 4000))
    assert pairing_gain(left, right) == pytest.approx(1.0, rel=0.1)
    assert pairing_gain(left + shared, right + shared) == pytest.approx(2.0, rel=0.1)
    assert pairing_gain([1.0, 2.0], [2.0, 3.0]) == np.inf
    assert pairing_gain([1.0, 1.0], [2.0, 2.0]) == 1.0


def test_page_tells_the_chances_under_each_condition_and_what_pairing_gained(runs: pd.DataFrame) -> None:
    report = build(Experiment("x", judge="rmse", select="mae"), runs)
    told = report.decision.chances
    assert list(told) == ["contamination 0", "contamination 0.2"]
    assert told["contamination 0.2"]["mse"].best == 0.0  # the planted harm
    assert told["contamination 0"]["mae"].regret > told["contamination 0"]["huber"].regret
    assert report.decision.gain is not None
    assert report.decision.gain > 2  # seeds share most of their spread
    text = markdown(report, {})
    assert "| contamination 0.2: mse | 0% |" in text
    assert "Without pairing by seed" in text


def test_condition_with_a_divergence_tells_no_chances_of_it(runs: pd.DataFrame) -> None:
    spot = (runs["loss.name"] == "mae") & (runs["seed"] == 0)
    runs.loc[spot, ["outcome", "val_best/mae", "test/rmse"]] = ["diverged", np.nan, np.nan]
    told = build(Experiment("x", judge="rmse", select="mae"), runs).decision.chances
    assert set(told["contamination 0"]) == {"mse", "huber"}
