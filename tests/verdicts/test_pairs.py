"""A sweep without claims is asked about each pair of losses."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from lossbench.claims.claim import Claim, Experiment
from lossbench.report.words import marks_line
from lossbench.verdicts.build import build
from lossbench.verdicts.conditions import matches
from lossbench.verdicts.findings import Report

PLAIN = Experiment("x", judge="rmse", select="mae")


def verdicts(report: Report) -> dict[tuple[str, str], str]:
    return {
        (str(one.claim.left["loss"]), str(one.claim.right["loss"])): one.verdict for one in report.verdicts
    }


def test_each_pair_gets_a_verdict_with_the_better_mean_first(runs: pd.DataFrame) -> None:
    report = build(PLAIN, runs[runs["data.contamination"] == 0.2])
    assert verdicts(report)[("huber", "mse")] == "supported"
    assert verdicts(report)[("mae", "mse")] == "supported"
    assert len(report.verdicts) == 3
    assert all(one.estimate >= 0 for one in report.verdicts)
    assert report.no_verdicts == ""


def test_each_value_of_an_axis_asks_anew(make: Callable[..., pd.DataFrame]) -> None:
    report = build(PLAIN, make(seeds=12))
    assert len(report.verdicts) == 6
    assert {one.claim.left["data.contamination"] for one in report.verdicts} == {0.0, 0.2}
    assert report.verdicts[-1].claim.sentence.startswith("contamination 0.2: ")
    assert all(one.n == 12 for one in report.verdicts)  # every side was found


def test_equal_losses_stay_open(runs: pd.DataFrame) -> None:
    same = runs[(runs["data.contamination"] == 0.0) & (runs["loss.name"] != "mae")]
    (one,) = build(PLAIN, same).verdicts
    assert one.verdict == "inconclusive"


def test_knobs_of_a_loss_are_contenders_of_their_own(runs: pd.DataFrame) -> None:
    own = runs[(runs["loss.name"] == "huber") & (runs["data.contamination"] == 0.2)]
    worse = own.assign(**{"loss.delta": 2.0, "test/rmse": own["test/rmse"] + 1.0})
    report = build(PLAIN, pd.concat([own, worse]))
    (one,) = report.verdicts
    assert one.claim.sentence == "huber, delta 1 gives a better rmse than huber, delta 2"
    assert (one.verdict, one.n) == ("supported", 10)


def test_with_too_few_seeds_there_is_no_list(make: Callable[..., pd.DataFrame]) -> None:
    few = make(seeds=3)
    report = build(PLAIN, few[few["data.contamination"] == 0.2])
    assert (report.verdicts, report.no_verdicts) == ((), "")
    assert "no verdicts: 3 seeds allow no verdict on 3 pairs of losses" in marks_line(report)


def test_too_many_pairs_are_left_to_claims(make: Callable[..., pd.DataFrame]) -> None:
    runs = make(seeds=12)
    many = pd.concat([runs.assign(**{"data.contamination": value}) for value in np.linspace(0, 1, 8)])
    report = build(PLAIN, many)
    assert report.verdicts == ()
    assert report.no_verdicts.startswith("24 pairs of losses are too many")
    # What it advises leaves runs, with fewer pairs.
    advised = re.findall(r"\((.*)\)", report.no_verdicts)[0].split(", or ")
    assert advised == ["loss=mse,mae", "data.contamination=0"]
    for selection in advised:
        key, _, values = selection.partition("=")
        left = many[matches(many, {key: [*values.split(",")] if "," in values else float(values)})]
        assert 0 < len(build(PLAIN, left).verdicts) < 24


def test_a_selection_that_is_advised_names_what_there_is(make: Callable[..., pd.DataFrame]) -> None:
    runs = make(seeds=12)
    nine = [runs.assign(**{"loss.name": runs["loss.name"] + end}) for end in ("", "_b", "_c")]
    one = pd.concat(nine)[lambda rows: rows["data.contamination"] == 0.0]
    assert build(PLAIN, one).no_verdicts.endswith("or select some (loss=mse,mae)")


def test_claims_of_the_experiment_come_alone(runs: pd.DataFrame) -> None:
    claim = Claim(
        "c",
        "s",
        "t",
        {"loss": "mae", "data.contamination": 0},
        {"loss": "mse", "data.contamination": 0},
        "rmse",
        direction="lower",
    )
    report = build(Experiment("x", judge="rmse", select="mae", claims=(claim,)), runs)
    assert [one.claim for one in report.verdicts] == [claim]


@pytest.mark.parametrize("losses", [["mse"], ["mse", "mae"]])
def test_pairs_need_two(runs: pd.DataFrame, losses: list[str]) -> None:
    one = runs[runs["loss.name"].isin(losses) & (runs["data.contamination"] == 0.0)]
    assert len(build(PLAIN, one).verdicts) == len(losses) - 1
