"""Rewards against the distance to the reference: lines through the means, baselines beside them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lossbench.claims.claim import Experiment
from lossbench.metrics.recorded import as_text
from lossbench.metrics.rewards import REWARDS
from lossbench.report.figures import rewards
from lossbench.report.figures.gallery import PARTS
from lossbench.tracking import runs
from lossbench.verdicts.build import build

METRICS = {metric.name: metric for metric in REWARDS.metrics}


def points() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"loss.name": loss, "place": place, "kl": place * far, "proxy": 2.0 * place, "gold": -1.0 * place}
            for loss, far in (("policy_gradient", 2.0), ("dpo", 1.0))
            for place in (3, 1, 2)
        ]
    )


def test_each_reward_has_a_panel_with_a_line_for_each_loss_in_the_order_of_its_places() -> None:
    figure = rewards.against_distance(points(), {}, METRICS)
    proxy, gold = figure.axes
    for axes, slope in ((proxy, 2.0), (gold, -1.0)):
        lines = {line.get_gid(): line for line in axes.lines}
        assert set(lines) == {"policy_gradient", "dpo"}
        np.testing.assert_allclose(lines["policy_gradient"].get_xdata(), [2, 4, 6])
        np.testing.assert_allclose(lines["dpo"].get_ydata(), slope * np.array([1, 2, 3]))
    assert "KL(policy || reference)" in proxy.get_xlabel()


def test_baselines_are_one_line_by_their_distance() -> None:
    beside = {"best of 32": (2.5, 3.0, 1.5), "reference": (0.0, 0.0, 0.0), "best of 4": (0.6, 1.0, 0.8)}
    figure = rewards.against_distance(points(), beside, METRICS)
    for axes, heights in zip(figure.axes, ([0, 1, 3], [0, 0.8, 1.5]), strict=True):
        (line,) = [line for line in axes.lines if line.get_gid() == "beside"]
        np.testing.assert_allclose(line.get_xdata(), [0, 0.6, 2.5])
        np.testing.assert_allclose(line.get_ydata(), heights)
        assert not axes.texts
    assert "up to best of 32" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_levels_of_an_axis_are_joined_and_runs_without_rewards_have_no_figure() -> None:
    rows = [
        {
            "run_id": f"{beta} {seed}",
            "started": "2026-01-01",
            "outcome": "finished",
            "data.name": "preferences",
            "data.beta": str(beta),
            "model.name": "policy",
            "optimizer.name": "adam",
            "optimizer.lr": "0.01",
            "loss.name": "dpo",
            "seed": str(seed),
            runs.METRICS: as_text((REWARDS,)),
            "val_best/regret": beta,
            "test/kl": 1 / beta + seed,
            "test/proxy": 2 / beta,
            "test/gold": beta,
        }
        for beta in (0.1, 0.5)
        for seed in (0, 1)
    ]
    report = build(Experiment("made_up", judge="gold", select="regret"), pd.DataFrame(rows))
    assert rewards.rewards_by_distance in PARTS
    (drawn,) = rewards.rewards_by_distance(report, "sqlite:///none.db")
    assert "level of beta" in drawn.caption
    (line,) = drawn.figure.axes[0].lines
    np.testing.assert_allclose(line.get_xdata(), [10.5, 2.5])
    bare = build(
        Experiment("made_up", judge="kl", select="regret"), pd.DataFrame(rows).drop(columns="test/gold")
    )
    assert list(rewards.rewards_by_distance(bare, "sqlite:///none.db")) == []
