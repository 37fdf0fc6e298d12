"""A trial, not a rate, is what validation chooses: knobs that a sweep tuned are no axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lossbench.claims.claim import Claim, Experiment
from lossbench.report.advice import advice
from lossbench.report.page import markdown
from lossbench.tracking.runs import TUNED
from lossbench.verdicts.budget import budget_by_seed
from lossbench.verdicts.build import build, results_table
from lossbench.verdicts.choose import Choice, chosen, rates
from lossbench.verdicts.conditions import RATE, Layout, axes_of, tidy
from lossbench.verdicts.judging import judge
from lossbench.verdicts.remarks import remarks

DELTAS = (10.0, 0.3)


def tuned(runs: pd.DataFrame, deltas: tuple[float, ...] = DELTAS) -> pd.DataFrame:
    """Huber at several deltas with each rate, of which the last is the best; the others at as many rates."""
    parts = []
    for place, delta in enumerate(deltas):
        part = runs.copy()
        huber = part["loss.name"] == "huber"
        part["run_id"] += f"-{place}"
        part.loc[huber, "loss.delta"] = delta
        part.loc[huber, TUNED] = '["loss.delta"]'
        worse = len(deltas) - 1 - place
        part.loc[huber, ["val_best/mae", "test/rmse", "test/mae"]] += worse
        part.loc[~huber, "optimizer.lr"] *= 1.1**place
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def ranked(runs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, Layout]:
    frame = tidy(runs)
    layout = Layout.of(frame)
    return rates(frame, layout, "mae"), frame, layout


def settings(runs: pd.DataFrame) -> list[tuple[str, float, float]]:
    table, _, _ = ranked(runs)
    best = table[table["rank"] == 0]
    found = zip(best["loss.name"], best[RATE], best["trial.loss.delta"].fillna(0), strict=True)
    return [(str(loss), float(rate), float(delta)) for loss, rate, delta in found]


def test_a_knob_that_was_tuned_is_no_axis(runs: pd.DataFrame) -> None:
    assert axes_of(tidy(tuned(runs))) == ["data.contamination"]
    swept = tuned(runs).drop(columns=TUNED)
    assert axes_of(tidy(swept)) == ["data.contamination", "loss.delta"]


def test_the_best_trial_of_each_condition_is_chosen(runs: pd.DataFrame) -> None:
    table, frame, layout = ranked(tuned(runs))
    assert [own for own in settings(tuned(runs)) if own[0] == "huber"] == [("huber", 0.01, 0.3)] * 2
    assert table.groupby(layout.keys).size().tolist() == [8] * 6
    rows = chosen(frame, table, layout)
    assert len(rows) == 60
    assert set(rows["tried"]) == {8}
    assert set(rows.loc[rows["loss.name"] == "huber", "trial.loss.delta"]) == {0.3}


def test_each_condition_chooses_its_own_knobs(runs: pd.DataFrame) -> None:
    frame = tuned(runs)
    spot = (frame["loss.name"] == "huber") & (frame["data.contamination"] == 0.0)
    frame.loc[spot, "val_best/mae"] = -frame.loc[spot, "val_best/mae"]
    assert [delta for loss, _, delta in settings(frame) if loss == "huber"] == [10.0, 0.3]


def test_the_choice_of_knobs_never_sees_test(runs: pd.DataFrame) -> None:
    frame = tuned(runs)
    frame["val_best/mae"] = np.random.default_rng(1).permutation(frame["val_best/mae"])
    before = settings(frame)
    assert len(set(before)) > 2
    shuffled = frame.copy()
    rng = np.random.default_rng(2)
    for metric in ("test/rmse", "test/mae"):
        shuffled[metric] = rng.permutation(shuffled[metric])
    assert settings(shuffled) == before
    assert settings(frame.drop(columns=["test/rmse", "test/mae"])) == before


def test_seeds_that_only_some_trials_have_choose_nothing(runs: pd.DataFrame) -> None:
    """As where trials were added, and the sweep has not come to all of its seeds."""
    frame = tuned(runs)
    added = (frame["loss.name"] == "huber") & (frame["loss.delta"] == 0.3) & (frame["seed"] >= 6)
    few = frame[~added].reset_index(drop=True)
    assert ("huber", 0.01, 0.3) in settings(few)
    spoilt = few.copy()
    late = (spoilt["loss.name"] == "huber") & (spoilt["seed"] >= 6)
    spoilt.loc[late, "val_best/mae"] -= 100  # of the other delta alone
    assert settings(spoilt) == settings(few)


def test_a_trial_of_two_knobs_is_told_from_another_at_the_same_rate(runs: pd.DataFrame) -> None:
    frame = tuned(runs)
    frame["loss.kind"] = np.where(frame["loss.name"] == "huber", "a", None)
    both = pd.concat([frame, frame.assign(**{"loss.kind": "b", "run_id": frame["run_id"] + "b"})])
    both = both[(both["loss.name"] == "huber")].reset_index(drop=True)
    both[TUNED] = '["loss.delta", "loss.kind"]'
    table, _, layout = ranked(both)
    assert table.groupby(layout.keys).size().tolist() == [16, 16]
    assert set(table["trial.loss.kind"]) == {"a", "b"}


def at_defaults(runs: pd.DataFrame) -> pd.DataFrame:
    """The same with huber at delta 1 besides, where only the rate was tuned."""
    plain = runs[runs["loss.name"] == "huber"].copy()
    plain["run_id"] += "-plain"
    plain[["val_best/mae", "test/rmse", "test/mae"]] += 0.5
    return pd.concat([tuned(runs), plain], ignore_index=True)


def huber_against_mae(frame: pd.DataFrame, **left: Any) -> Any:
    tidied = tidy(frame)
    claim = Claim(
        "c",
        "A sentence.",
        "A source",
        {"loss": "huber", "data.contamination": 0.2, **left},
        {"loss": "mae", "data.contamination": 0.2},
        "rmse",
    )
    return judge([claim], Choice(tidied, Layout.of(tidied), "mae", "mae"))[0]


def test_a_loss_at_its_default_knobs_stands_beside_the_tuned_one(runs: pd.DataFrame) -> None:
    report = build(Experiment("made_up", judge="rmse", select="mae"), at_defaults(runs))
    assert report.contenders.layout.losses == ("mse", "mae", "huber", "huber, delta 1")
    assert {pair.first for pair in report.family.pairs} | {pair.second for pair in report.family.pairs} == {
        "mse",
        "mae",
        "huber",
        "huber, delta 1",
    }
    assert report.family.decision("contamination 0.2", "huber", "huber, delta 1") == 1


def test_a_claim_means_the_tuned_loss_unless_it_names_the_knob(runs: pd.DataFrame) -> None:
    alone, beside = (huber_against_mae(frame) for frame in (tuned(runs), at_defaults(runs)))
    assert alone.estimate == beside.estimate
    assert beside.n == 10
    named = huber_against_mae(at_defaults(runs), **{"loss.delta": 1.0})
    assert named.estimate == pytest.approx(beside.estimate - 0.5, abs=0.1)


def test_results_hold_the_knobs_of_every_run(runs: pd.DataFrame) -> None:
    report = build(Experiment("made_up", judge="rmse", select="mae"), at_defaults(runs))
    table = results_table(report)
    huber = table[table["loss.name"] == "huber"]
    assert set(huber["loss.delta"]) == {0.3, 1.0, 10.0}
    assert not [name for name in table if name.startswith("trial")]


def test_a_page_says_what_was_chosen_and_of_how_many(runs: pd.DataFrame) -> None:
    one = tuned(runs[runs["data.contamination"] == 0.2].drop(columns="data.contamination"))
    report = build(Experiment("made_up", judge="rmse", select="mae"), one)
    page = markdown(report, {})
    assert "| huber (delta 0.3, lr 0.01, chosen of 8) |" in page
    assert "| mse (lr 0.01, chosen of 8) |" in page
    assert "Trials were chosen on validation" in page
    assert "| huber | 0.01, delta 0.3 |" in page
    assert "Train with huber (delta 0.3) at learning rate 0.01, chosen of 8 trials: " in advice(report)[0]
    first = one[(one["optimizer.lr"] == 0.01) & one["loss.delta"].isin([0.3, math.nan])]
    assert ", chosen of 1 trial: " in advice(build(Experiment("made_up", judge="rmse"), first))[0]


def test_a_page_of_rates_alone_says_nothing_of_trials(runs: pd.DataFrame) -> None:
    page = markdown(build(Experiment("made_up", judge="rmse", select="mae"), runs), {})
    assert "trial" not in page.lower()


def test_edges_are_told_of_each_knob(runs: pd.DataFrame) -> None:
    table, frame, layout = ranked(tuned(runs))
    said = remarks(frame, table, layout)
    assert said == [
        "The best delta is the lowest tried, a better one may lie beyond: "
        "huber, contamination 0 (0.3); huber, contamination 0.2 (0.3)."
    ]


def test_unequal_numbers_of_trials_are_told(runs: pd.DataFrame) -> None:
    frame = tuned(runs)
    more = frame[(frame["loss.name"] != "huber") | (frame["loss.delta"] == 0.3)].reset_index(drop=True)
    table, tidied, layout = ranked(more)
    (said,) = [line for line in remarks(tidied, table, layout) if line.startswith("Unequal")]
    assert "the number of trials tried differs (mse, contamination 0: 8" in said
    assert "huber, contamination 0.2: 4)" in said


def test_the_budget_counts_trials(runs: pd.DataFrame) -> None:
    table, frame, layout = ranked(tuned(runs))
    by_seed = budget_by_seed(frame, table, layout, "rmse")
    huber = by_seed[by_seed["loss.name"] == "huber"]
    assert set(huber["tried"]) == set(range(1, 9))
    all_of_them = huber[huber["tried"] == 8].groupby("data.contamination")["value"].mean()
    one_of_them = huber[huber["tried"] == 1].groupby("data.contamination")["value"].mean()
    tests = frame[frame["loss.name"] == "huber"].groupby("data.contamination")["test/rmse"].mean()
    assert one_of_them.to_dict() == pytest.approx(tests.to_dict())  # one trial at random
    assert (all_of_them < one_of_them).all()


def test_losses_of_one_side_may_have_trials_of_their_own_at_its_rate(runs: pd.DataFrame) -> None:
    frame = tidy(tuned(runs, (0.3,)))
    rate = frame[RATE].max()
    at = {"data.contamination": 0.2, RATE: rate}
    own = Claim("c", "A.", "B", {"loss": ["huber", "mae"], **at}, {"loss": "mse", **at}, "rmse")
    (result,) = judge([own], Choice(frame, Layout.of(frame), "mae", "mae"))
    assert result.note == ""
    assert result.n == 10
    several = tidy(tuned(runs))  # huber at two deltas with this rate: which of them is meant?
    (result,) = judge([own], Choice(several, Layout.of(several), "mae", "mae"))
    assert "leaves trial open" in result.note
