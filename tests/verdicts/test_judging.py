"""Verdicts on planted truths, and every reason not to give one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lossbench.claims.claim import Claim
from lossbench.report.words import beside_text
from lossbench.verdicts.choose import Choice
from lossbench.verdicts.conditions import Layout, tidy
from lossbench.verdicts.judging import judge
from lossbench.verdicts.pilot import Asked
from lossbench.verdicts.verdict import Judged


def claim(left: dict[str, Any], right: dict[str, Any], **more: Any) -> Claim:
    return Claim("c", "A sentence.", "A source", left, right, **{"metric": "rmse", **more})


def judged(runs: pd.DataFrame, *claims: Claim) -> list[Judged]:
    frame = tidy(runs)
    layout = Layout.of(frame)
    return judge(claims, Choice(frame, layout, "mae", "mae"))


def at(loss: str, contamination: Any = 0.2, **more: Any) -> dict[str, Any]:
    return {"loss": loss, "data.contamination": contamination, **more}


@pytest.mark.parametrize(
    ("left", "right", "more", "verdict"),
    [
        (at("huber"), at("mse"), {}, "supported"),
        (at("mse"), at("huber"), {}, "refuted"),
        (at("huber"), at("mse"), {"margin": 0.5}, "supported"),
        (at("huber"), at("mse"), {"margin": 1.5}, "refuted"),
        (at("huber", 0.0), at("mse", 0.0), {"kind": "as_good_as", "margin": 0.15}, "supported"),
        (at("mae", 0.0), at("mse", 0.0), {"kind": "as_good_as", "margin": 0.1}, "refuted"),
        (at("mse", 0.0), at("mae", 0.0), {"kind": "no_worse", "margin": 0.1}, "supported"),
        (at("huber", 0.0), at("mse", 0.0), {}, "inconclusive"),
        (at("huber"), at("mse"), {"change_from": {"data.contamination": 0.0}, "margin": 0.5}, "supported"),
        (at("huber", [0.0, 0.2]), at("mae", [0.0, 0.2]), {"margin": 0.1}, "supported"),
        (at("mse", **{"optimizer.lr": 0.01}), at("mse", **{"optimizer.lr": 0.001}), {}, "supported"),
    ],
)
def test_planted_truths_are_found(
    runs: pd.DataFrame, left: dict[str, Any], right: dict[str, Any], more: dict[str, Any], verdict: str
) -> None:
    assert judged(runs, claim(left, right, **more))[0].verdict == verdict


def test_the_estimate_is_positive_where_left_is_better(runs: pd.DataFrame) -> None:
    result = judged(runs, claim(at("huber"), at("mse")))[0]
    assert result.estimate == pytest.approx(0.9, abs=0.1)
    assert result.low < result.estimate < result.high
    assert result.n == 10
    assert result.left < result.right


def test_p_values_are_adjusted_for_the_number_of_claims(runs: pd.DataFrame) -> None:
    strong, none = claim(at("huber"), at("mse")), claim(at("huber", 0.0), at("mse", 0.0))
    alone, among = judged(runs, strong)[0], judged(runs, strong, none, none)[0]
    assert among.p == alone.p
    assert among.adjusted_p == pytest.approx(3 * alone.p)


@pytest.mark.parametrize(
    ("left", "note"),
    [
        ({"loss": "huber"}, "leaves data.contamination open"),
        (at("huber", 0.3), "matches no run with data.contamination 0.3"),
        (at("huber", [0.2, 0.3]), "matches no run with data.contamination 0.3"),
    ],
)
def test_a_side_that_is_not_one_condition_gets_no_verdict(
    runs: pd.DataFrame, left: dict[str, Any], note: str
) -> None:
    result = judged(runs, claim(left, at("mse")))[0]
    assert note in result.note
    assert result.verdict == "inconclusive"


def test_a_metric_that_a_loss_does_not_define_gets_no_verdict(runs: pd.DataFrame) -> None:
    runs["test/nll"] = np.where(runs["loss.name"] == "mse", 0.5, np.nan)
    assert "does not define nll" in judged(runs, claim(at("huber"), at("mse"), metric="nll"))[0].note


def test_a_condition_without_runs_or_results_is_told_as_such(
    runs: pd.DataFrame,
) -> None:
    spot = (runs["loss.name"] == "huber") & (runs["data.contamination"] == 0.2)
    never = judged(runs[~spot], claim(at("huber"), at("mse")))[0]
    assert never.note == "the left side has no run of that combination"
    runs.loc[spot, ["outcome", "val_best/mae", "test/rmse"]] = ["failed", np.nan, np.nan]
    failed = judged(runs, claim(at("huber"), at("mse")))[0]
    assert failed.note == "the left side has no finished run"


@pytest.mark.parametrize(
    ("left", "right", "more"),
    [
        (at("mae"), at("mse"), {"change_from": {"data.contamination": 0.0}}),
        (at("mae"), at("mae", 0.0), {"kind": "no_worse", "margin": 0.5}),
    ],
)
def test_a_run_that_diverged_at_the_baseline_never_speaks_for_its_loss(
    runs: pd.DataFrame, left: dict[str, Any], right: dict[str, Any], more: dict[str, Any]
) -> None:
    assert judged(runs, claim(left, right, **more))[0].verdict == "supported"
    start = (runs["loss.name"] == "mae") & (runs["data.contamination"] == 0.0) & (runs["seed"] < 5)
    runs.loc[start, ["outcome", "val_best/mae", "test/rmse"]] = ["diverged", np.nan, np.nan]
    result = judged(runs, claim(left, right, **more))[0]
    assert result.verdict == "inconclusive"
    assert "diverged" in result.note


def test_a_run_that_diverged_after_the_baseline_counts_against_its_loss(runs: pd.DataFrame) -> None:
    change = claim(at("mae"), at("mse"), change_from={"data.contamination": 0.0})
    before = judged(runs, change)[0]
    end = (runs["loss.name"] == "mae") & (runs["data.contamination"] == 0.2) & (runs["seed"] < 5)
    runs.loc[end, ["outcome", "val_best/mae", "test/rmse"]] = ["diverged", np.nan, np.nan]
    after = judged(runs, change)[0]
    assert after.n == 10
    assert after.estimate < before.estimate


def test_pairs_are_seeds_that_both_sides_have(runs: pd.DataFrame) -> None:
    lost = (runs["loss.name"] == "mse") & (runs["seed"] < 3)
    runs.loc[lost, "outcome"] = "failed"
    assert judged(runs, claim(at("huber"), at("mse")))[0].n == 7


def test_diverged_runs_are_paired_as_the_worst(runs: pd.DataFrame) -> None:
    lost = (runs["loss.name"] == "huber") & (runs["seed"] < 5)
    runs.loc[lost, ["outcome", "test/rmse"]] = ["diverged", np.nan]
    result = judged(runs, claim(at("huber"), at("mse")))[0]
    assert result.n == 10
    assert result.verdict == "inconclusive"
    assert result.estimate < 0.6


def test_too_few_seeds_are_named_with_the_number_that_would_do(make: Callable[..., pd.DataFrame]) -> None:
    result = judged(make(seeds=5), claim(at("huber"), at("mse")))[0]
    assert result.verdict == "inconclusive"
    assert result.note.startswith(
        "5 seeds allow no verdict on 1 claim: one is possible, not certain, from 6 seeds"
    )
    assert result.seeds == Asked(6, 6)


def test_an_open_question_says_how_many_seeds_would_settle_it(make: Callable[..., pd.DataFrame]) -> None:
    result = judged(make(noise=0.6), claim(at("mse", 0.0), at("mae", 0.0)))[0]
    assert result.verdict == "inconclusive"
    assert result.seeds is not None
    told = result.record()["seeds_to_settle"]
    assert told == {"at_least": result.seeds.low, "at_most": None}


def test_the_record_is_json_even_where_nothing_could_be_tested(runs: pd.DataFrame) -> None:
    for result in judged(runs, claim(at("huber"), at("mse")), claim(at("huber", 0.3), at("mse"))):
        record = json.loads(json.dumps(result.record(), allow_nan=False))
        assert {"id", "sentence", "source", "verdict", "estimate", "interval", "p", "n"} <= set(record)


@pytest.mark.parametrize(
    ("left", "right", "more", "verdict", "told"),
    [
        (at("mse", 0.0), at("mae", 0.0), {"kind": "as_good_as", "margin": 0.5}, "supported", "and better"),
        (at("mae", 0.0), at("mse", 0.0), {"kind": "no_worse", "margin": 0.5}, "supported", "and worse"),
        (at("mae", 0.0), at("mse", 0.0), {"kind": "no_worse", "margin": 0.1}, "refuted", "and worse"),
        (at("huber"), at("mse"), {"margin": 1.5}, "refuted", "but better"),
        (at("huber"), at("mse"), {"margin": 0.9}, "inconclusive", "but better"),
        (at("huber"), at("mse"), {"margin": 0.5}, "supported", ""),
        (at("huber", 0.0), at("mse", 0.0), {"kind": "as_good_as", "margin": 0.15}, "supported", ""),
        (at("huber"), at("mse"), {}, "supported", ""),
    ],
)
def test_a_claim_with_a_margin_also_says_whether_there_is_a_difference(
    runs: pd.DataFrame,
    left: dict[str, Any],
    right: dict[str, Any],
    more: dict[str, Any],
    verdict: str,
    told: str,
) -> None:
    (result,) = judged(runs, claim(left, right, **more))
    assert (result.verdict, beside_text(result)) == (verdict, told)
    recorded = {"better": "better", "worse": "worse"}.get(told.rpartition(" ")[2])
    assert result.record().get("beyond_zero") == recorded


def test_differences_from_zero_are_corrected_over_the_claims_that_ask_for_them(
    make: Callable[..., pd.DataFrame],
) -> None:
    runs = make(seeds=6)  # a p of 0.03 at best: one question can be answered, two cannot
    one = claim(at("mse", 0.0), at("mae", 0.0), kind="as_good_as", margin=0.5)
    two = claim(at("mae", 0.0), at("mse", 0.0), kind="as_good_as", margin=0.5)
    assert [own.beyond for own in judged(runs, one)] == [1]
    assert [own.beyond for own in judged(runs, one, two)] == [0, 0]
    assert [own.beyond for own in judged(runs, one, claim(at("huber"), at("mse")))] == [1, 0]


def test_a_claim_whose_metric_chose_other_trials_than_the_tables_show_says_which(runs: pd.DataFrame) -> None:
    """Else a claim that focal loss is better calibrated seems to contradict a table that accuracy chose."""

    def told_of(runs: pd.DataFrame, one: Claim) -> Judged:
        frame = tidy(runs)
        return judge([one], Choice(frame, Layout.of(frame), None, "mae"))[0]

    sides = at("huber"), at("mse")
    assert told_of(runs, claim(*sides)).settings == ""  # chosen by mae, as the tables are
    same = runs.assign(**{"val_best/rmse": runs["val_best/mae"]})
    assert told_of(same, claim(*sides)).settings == ""
    chooses = (runs["loss.name"] == "mse") & (runs["optimizer.lr"] == 0.001)
    other = same.assign(**{"val_best/rmse": same["val_best/rmse"].mask(chooses, 0.0)})
    told = told_of(other, claim(*sides))
    assert told.settings == "validation rmse chose 0.01 against 0.001"
    assert told.record()["settings"] == told.settings
    fixed = claim(at("huber", **{"optimizer.lr": 0.01}), at("mse", **{"optimizer.lr": 0.001}))
    assert told_of(other, fixed).settings == ""
