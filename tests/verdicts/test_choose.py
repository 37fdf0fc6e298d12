"""The learning rate is chosen on validation alone, and what weakens the choice is said."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from lossbench.claims.claim import Experiment
from lossbench.verdicts.build import build
from lossbench.verdicts.choose import chosen, rates, score_column
from lossbench.verdicts.conditions import RATE, Layout, tidy
from lossbench.verdicts.remarks import remarks


def ranked(runs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, Layout]:
    frame = tidy(runs)
    layout = Layout.of(frame)
    return rates(frame, layout, "mae"), frame, layout


def chosen_rates(runs: pd.DataFrame) -> list[float]:
    table, _, _ = ranked(runs)
    return table.loc[table["rank"] == 0, RATE].tolist()


def test_the_best_mean_on_validation_is_chosen_for_each_condition(runs: pd.DataFrame) -> None:
    table, frame, layout = ranked(runs)
    assert chosen_rates(runs) == [0.01] * 6
    rows = chosen(frame, table, layout)
    assert len(rows) == 60
    assert remarks(frame, table, layout) == []


def test_the_choice_never_sees_test(runs: pd.DataFrame) -> None:
    runs["val_best/mae"] = np.random.default_rng(1).permutation(runs["val_best/mae"])
    before = chosen_rates(runs)
    assert len(set(before)) > 1
    rng = np.random.default_rng(2)
    shuffled = runs.copy()
    for metric in ("test/rmse", "test/mae"):
        shuffled[metric] = rng.permutation(shuffled[metric])
    assert chosen_rates(shuffled) == before
    assert chosen_rates(runs.drop(columns=["test/rmse", "test/mae"])) == before


def test_one_diverged_seed_costs_a_rate_the_choice(runs: pd.DataFrame) -> None:
    spot = (runs["loss.name"] == "mse") & (runs["optimizer.lr"] == 0.01) & (runs["seed"] == 3)
    runs.loc[spot, ["outcome", "val_best/mae", "test/rmse"]] = ["diverged", np.nan, np.nan]
    assert chosen_rates(runs)[:2] == [0.03, 0.03]
    assert chosen_rates(runs)[2:] == [0.01] * 4


def test_a_higher_metric_is_chosen_by_its_own_direction(runs: pd.DataFrame) -> None:
    runs["val_best/r2"] = -runs["val_best/mae"]
    frame = tidy(runs)
    table = rates(frame, Layout.of(frame), "r2")
    assert table.loc[table["rank"] == 0, RATE].tolist() == [0.01] * 6


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        (lambda f: f["optimizer.lr"] >= 0.01, "is the lowest tried"),
        (lambda f: f["optimizer.lr"] <= 0.01, "is the highest tried"),
        (lambda f: f["optimizer.lr"] == 0.01, "No learning rate was chosen"),
        (
            lambda f: (f["optimizer.lr"] == 0.01) | (f["loss.name"] != "mae"),
            "Only one learning rate was tried",
        ),
        (lambda f: (f["optimizer.lr"] != 0.001) | (f["loss.name"] != "mae"), "Unequal budgets"),
        (lambda f: (f["seed"] != 4) | (f["loss.name"] != "mae"), "never made"),
        (lambda f: (f["seed"] != 4) | (f["loss.name"] != "mae"), "missing at the chosen rate"),
    ],
)
def test_what_weakens_a_choice_is_said(
    runs: pd.DataFrame, keep: Callable[[pd.DataFrame], pd.Series[bool]], said: str
) -> None:
    table, frame, layout = ranked(runs[keep(runs)])
    assert any(said in remark for remark in remarks(frame, table, layout))


@pytest.mark.parametrize(
    ("outcome", "said"), [("failed", "for this reason"), ("diverged", "diverged at the")]
)
def test_lost_runs_are_said(runs: pd.DataFrame, outcome: str, said: str) -> None:
    spot = (runs["optimizer.lr"] == 0.01) & (runs["loss.name"] == "mae") & (runs["seed"] < 5)
    runs.loc[spot, ["outcome", "reason", "val_best/mae"]] = [outcome, "for this reason", np.nan]
    other = (runs["optimizer.lr"] != 0.01) & (runs["loss.name"] == "mae")
    runs.loc[other & (runs["seed"] == 0), "outcome"] = "diverged"
    table, frame, layout = ranked(runs[~other])
    assert any(said in remark for remark in remarks(frame, table, layout))


def test_divergence_is_said_wherever_it_was(runs: pd.DataFrame) -> None:
    spot = (runs["optimizer.lr"] == 0.03) & (runs["loss.name"] == "mse") & (runs["data.contamination"] == 0.2)
    runs.loc[spot & (runs["seed"] < 3), ["outcome", "val_best/mae", "test/rmse"]] = [
        "diverged",
        np.nan,
        np.nan,
    ]
    table, frame, layout = ranked(runs)
    assert remarks(frame, table, layout) == [
        "3 runs diverged at learning rates that were not chosen (mse, contamination 0.2 at 0.03: 3)."
    ]


def test_one_is_one_run(runs: pd.DataFrame) -> None:
    spot = (runs["optimizer.lr"] == 0.03) & (runs["loss.name"] == "mse") & (runs["data.contamination"] == 0.2)
    table, frame, layout = ranked(runs[~(spot & (runs["seed"] == 3))])
    assert remarks(frame, table, layout)[-1].startswith("1 run of the grid was never made")


def one_condition(runs: pd.DataFrame) -> pd.Series[bool]:
    return (runs["loss.name"] == "huber") & (runs["data.contamination"] == 0.2)


def test_a_condition_that_never_ran_is_named(runs: pd.DataFrame) -> None:
    table, frame, layout = ranked(runs[~one_condition(runs)])
    (remark,) = remarks(frame, table, layout)
    assert remark == (
        "These conditions have no run at all, so nothing is said of them: huber, contamination 0.2."
    )


def test_a_knob_of_one_loss_makes_no_condition_of_the_others(runs: pd.DataFrame) -> None:
    more = runs[runs["loss.name"] == "huber"].assign(**{"loss.delta": 0.3})
    table, frame, layout = ranked(pd.concat([runs, more]))
    assert remarks(frame, table, layout) == []
    lacking = pd.concat([runs, more[more["data.contamination"] == 0.0]])
    table, frame, layout = ranked(lacking)
    assert remarks(frame, table, layout)[0].endswith("huber, contamination 0.2, delta 0.3.")


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("failed", "No run finished, all failed or were stopped: huber, contamination 0.2."),
        ("diverged", "No run finished, and some diverged: huber, contamination 0.2."),
    ],
)
def test_a_condition_without_a_result_has_no_best_rate(runs: pd.DataFrame, outcome: str, said: str) -> None:
    runs.loc[one_condition(runs), ["outcome", "val_best/mae", "test/rmse"]] = [outcome, np.nan, np.nan]
    table, frame, layout = ranked(runs)
    told = remarks(frame, table, layout)
    assert told[0] == said
    assert not any("best learning rate" in remark for remark in told)


def test_a_rate_of_which_few_runs_finished_is_not_chosen_by_their_luck(runs: pd.DataFrame) -> None:
    spot = (runs["loss.name"] == "mse") & (runs["optimizer.lr"] == 0.001)
    runs.loc[spot & (runs["seed"] < 2), "val_best/mae"] = 0.001
    runs.loc[spot & (runs["seed"] >= 2), ["outcome", "val_best/mae", "test/rmse"]] = [
        "failed",
        np.nan,
        np.nan,
    ]
    assert chosen_rates(runs) == [0.01] * 6


def test_a_loss_without_the_metric_that_chooses_has_no_missing_runs(runs: pd.DataFrame) -> None:
    runs.loc[runs["loss.name"] == "mae", "val_best/mae"] = np.nan
    table, frame, layout = ranked(runs)
    assert build(Experiment("x", judge="rmse", select="mae"), runs).rates_chosen == "some"
    assert remarks(frame, table, layout) == [
        "No learning rate was chosen, these runs do not have the metric that chooses: "
        "mae, contamination 0; mae, contamination 0.2."
    ]


def test_score_that_the_best_epoch_does_not_flatter_chooses_where_all_runs_have_it() -> None:
    frame = pd.DataFrame({"outcome": ["finished"] * 2 + ["diverged"], "val_best/mae": [1.0, 2.0, None]})
    assert score_column(frame, "mae") == "val_best/mae"
    scored = frame.assign(**{"val_choose/mae": [1.5, 2.5, None]})
    assert score_column(scored, "mae") == "val_choose/mae"
    assert score_column(scored.assign(**{"val_choose/mae": [1.5, None, None]}), "mae") == "val_best/mae"
