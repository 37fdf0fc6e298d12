"""The budget curve equals what drawing subsets would give, and finds where losses cross."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbench.claims.claim import Experiment
from lossbench.report.page import markdown
from lossbench.report.words import leaders, overtakings
from lossbench.verdicts.budget import budget_by_seed, budget_curves, crossings, shares
from lossbench.verdicts.build import build
from lossbench.verdicts.choose import rates
from lossbench.verdicts.conditions import Layout, tidy


@given(st.integers(1, 12), st.data())
def test_shares_are_chances(count: int, data: st.DataObject) -> None:
    tried = data.draw(st.integers(1, count))
    chances = shares(count, tried)
    assert chances.sum() == pytest.approx(1.0)
    assert (np.diff(chances) <= 1e-12).all()


@pytest.mark.parametrize("tried", [1, 2, 3, 4, 5])
def test_shares_are_those_of_all_subsets(tried: int) -> None:
    subsets = list(combinations(range(5), tried))
    assert shares(5, tried) == pytest.approx(
        [sum(min(s) == r for s in subsets) / len(subsets) for r in range(5)]
    )


def test_the_curve_ends_at_the_chosen_rate_and_starts_at_the_mean_of_all(runs: pd.DataFrame) -> None:
    frame = tidy(runs)
    layout = Layout.of(frame)
    curves = budget_curves(budget_by_seed(frame, rates(frame, layout, "mae"), layout, "rmse"), layout)
    own = frame[(frame["loss.name"] == "mae") & (frame["data.contamination"] == 0.2)]
    curve = curves[(curves["loss.name"] == "mae") & (curves["data.contamination"] == 0.2)].set_index("tried")
    assert curve.loc[1, "mean"] == pytest.approx(own["test/rmse"].mean())
    assert curve.loc[4, "mean"] == pytest.approx(own.loc[own["optimizer.lr"] == 0.01, "test/rmse"].mean())
    assert (curve["low"] <= curve["mean"]).all()


def test_a_ranking_that_turns_with_the_budget_is_found(runs: pd.DataFrame) -> None:
    easy = runs["loss.name"] == "mae"  # worse at its best, but good at every rate
    runs.loc[easy, "test/rmse"] = 1.25
    frame = tidy(runs[(runs["data.contamination"] == 0.0) & (runs["loss.name"] != "huber")])
    layout = Layout.of(frame)
    by_seed = budget_by_seed(frame, rates(frame, layout, "mae"), layout, "rmse")
    found = crossings(by_seed, layout, higher=False)
    assert [(c.better, c.worse) for c in found] == [("mse", "mae")]
    assert 1 <= found[0].behind < found[0].tried <= found[0].ahead <= 4
    assert found[0].leads


def by_seed(losses: dict[str, tuple[float, ...]], spread: float = 0.01, seeds: int = 8) -> pd.DataFrame:
    """Values of which less is better, by the number of rates tried, around these means."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        [
            {"loss.name": loss, "tried": tried, "seed": seed, "value": mean + spread * away}
            for loss, means in losses.items()
            for tried, mean in enumerate(means, start=1)
            for noise in [rng.normal(size=seeds)]
            for seed, away in enumerate(noise - noise.mean())
        ]
    )


def test_who_overtakes_without_being_the_best_takes_no_lead() -> None:
    curves = by_seed({"mse": (1.0, 0.9), "mae": (1.1, 0.8), "huber": (0.5, 0.4)})
    layout = Layout(("mse", "mae", "huber"), (), {})
    (found,) = crossings(curves, layout, higher=False)
    assert (found.better, found.worse, found.leads) == ("mae", "mse", False)
    (lead,) = crossings(curves[curves["loss.name"] != "huber"], layout, higher=False)
    assert lead.leads


def test_a_crossing_has_a_band_between_the_numbers_at_which_the_order_is_clear() -> None:
    layout = Layout(("mse", "mae"), (), {})
    means = {"mse": (1.0, 1.0, 1.0, 1.0, 1.0), "mae": (2.0, 1.002, 0.999, 0.998, 0.5)}
    (found,) = crossings(by_seed(means, spread=0.05), layout, higher=False)
    assert (found.better, found.worse, found.behind, found.ahead) == ("mae", "mse", 1, 5)
    assert 2 <= found.tried <= 5
    (exact,) = crossings(by_seed(means, spread=1e-6), layout, higher=False)
    assert (exact.behind, exact.tried, exact.ahead) == (2, 3, 3)
    (turned,) = crossings(by_seed(means, spread=1e-6), layout, higher=True)
    assert (turned.better, turned.worse) == ("mse", "mae")


def test_orders_that_turn_within_their_bands_and_single_seeds_are_no_crossings() -> None:
    layout = Layout(("mse", "mae"), (), {})
    means = {"mse": (1.0, 1.0, 1.0), "mae": (2.0, 1.002, 0.998)}
    assert crossings(by_seed(means, spread=0.05), layout, higher=False) == []
    assert crossings(by_seed({"mse": (1.0, 1.0), "mae": (2.0, 0.5)}, seeds=1), layout, higher=False) == []
    both_ways = {"mse": (1.0, 1.0, 1.0), "mae": (2.0, 0.5, 2.0)}
    assert [(c.better, c.tried) for c in crossings(by_seed(both_ways), layout, higher=False)] == [
        ("mae", 2),
        ("mse", 3),
    ]


def test_losses_with_other_numbers_of_rates_and_other_seeds_are_compared_where_both_are() -> None:
    layout = Layout(("mse", "mae"), (), {})
    curves = by_seed({"mse": (1.0, 1.0), "mae": (2.0, 0.5, 0.4)})
    fewer = curves[(curves["loss.name"] == "mae") | (curves["seed"] < 5)]
    (found,) = crossings(fewer, layout, higher=False)
    assert (found.better, found.behind, found.tried, found.ahead) == ("mae", 1, 2, 2)


def test_the_page_tells_who_leads_in_words_and_the_rest_in_a_table(runs: pd.DataFrame) -> None:
    spot = runs["data.contamination"] == 0.0
    runs.loc[spot & (runs["loss.name"] == "mae"), "test/rmse"] = 1.25  # good at every rate, never the best
    report = build(Experiment("x", judge="rmse", select="mae"), runs[spot])
    (told,) = leaders(report)
    assert re.fullmatch(
        r"mae at first, (mse|huber) from [23] \[\d, \d\] rates on(, (mse|huber) from [34] \[\d, \d\] on)?",
        told,
    )
    rows = overtakings(report)
    assert {row[2] for row in rows if row[1] in ("mse", "huber")} >= {"mae"}
    page = markdown(report, {})
    assert f"The best loss by the number of learning rates tried: {told}." in page
    assert page.count(" rates |") == len(rows)
    assert "overtakes" not in page.partition("<details>")[0]
    steady = replace(report, crossings=tuple(replace(one, leads=False) for one in report.crossings))
    assert "No other loss clearly takes the lead" in markdown(steady, {})
