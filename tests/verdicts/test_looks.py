"""Adding seeds until a verdict appears: every look counts, and the report says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lossbench.claims.claim import Experiment
from lossbench.report.advice import advice
from lossbench.report.page import markdown
from lossbench.report.record import record
from lossbench.report.write import write
from lossbench.tracking.quiet import client
from lossbench.verdicts import looks
from lossbench.verdicts.build import build
from lossbench.verdicts.comparison import Evidence, compare
from lossbench.verdicts.findings import Report
from lossbench.verdicts.looks import Looks, bounds
from lossbench.verdicts.statistics import ALPHA, Region, paired_interval

BETTER = Region(low=0.0)
PLAIN = Experiment("x", judge="rmse", select="mae")


def seeds(n: int) -> frozenset[int]:
    return frozenset(range(n))


def decided(differences: np.ndarray, alpha: float) -> bool:
    interval, p = compare(differences, BETTER)
    return Evidence(interval, None, (p, p), alpha=alpha).decision(BETTER) != 0


def test_a_first_look_has_all_of_alpha_and_the_interval_of_95() -> None:
    for first in (Looks(), Looks(seeds(10)), Looks(seeds(10), frozenset([seeds(10)]))):
        assert first.alpha == ALPHA
        assert first.line() == ""
        assert first.record() == {}
    interval = paired_interval([1.0, 2.0, 4.0])
    assert interval.widened(ALPHA) is interval


def test_looking_again_and_again_at_no_difference_stays_within_five_percent() -> None:
    sizes = (8, 10, 12, 14, 16, 18, 20)
    worlds = np.random.default_rng(8).normal(size=(300, sizes[-1]))
    kept = np.mean(
        [any(map(decided, *zip(*_looks(own, sizes, bounds(sizes)), strict=True))) for own in worlds]
    )
    free = np.mean([any(map(decided, *zip(*_looks(own, sizes, [ALPHA] * 7), strict=True))) for own in worlds])
    assert kept <= 0.05
    assert free > 0.08  # as before looks were counted


def _looks(own: np.ndarray, sizes: tuple[int, ...], alphas: object) -> list[tuple[np.ndarray, float]]:
    assert hasattr(alphas, "__iter__")
    return [(own[:size], alpha) for size, alpha in zip(sizes, alphas, strict=True)]


def test_bounds_spend_what_they_may_on_sums_of_normal_numbers() -> None:
    sizes = tuple(range(10, 55, 5))
    sums = np.random.default_rng(2).normal(size=(40_000, 50)).cumsum(axis=1)[:, np.array(sizes) - 1]
    from scipy import stats

    p = 2 * stats.norm.sf(np.abs(sums) / np.sqrt(sizes))
    assert (p <= bounds(sizes)).any(axis=1).mean() == pytest.approx(0.048, abs=0.004)
    assert bounds(sizes)[:2] == pytest.approx((ALPHA, 0.0104), abs=1e-3)
    assert bounds((10,)) == (ALPHA,)


def test_intervals_widen_with_the_bound_and_those_with_the_choice_too() -> None:
    differences = 0.8 + np.random.default_rng(1).normal(size=12)
    interval, p = compare(differences, BETTER)
    wide = interval.widened(0.004)
    exact = paired_interval(differences, 1 - 0.05 * 0.004 / ALPHA)
    assert (float(wide.low), float(wide.high)) == pytest.approx((float(exact.low), float(exact.high)))
    near = (0.05, 1.5)  # excludes zero, but no longer when it widens
    assert Evidence(interval, near, (0.001, 0.001)).decision(BETTER) == 1
    assert Evidence(interval, near, (0.001, 0.001), alpha=0.004).decision(BETTER) == 0
    assert Evidence(interval, None, (0.001, 0.001), alpha=0.004).decision(BETTER) == int(wide.low > 0)
    assert p > 0


def test_a_report_on_the_same_seeds_or_on_new_ones_is_no_further_look() -> None:
    known = frozenset([seeds(10), seeds(15), seeds(3)])
    assert Looks(seeds(20), known).earlier == (10, 15)  # three seeds decide nothing
    assert Looks(seeds(15), known).earlier == (10,)
    assert Looks(seeds(10), known).earlier == ()
    assert Looks(frozenset(range(100, 130)), known).earlier == ()
    assert Looks(frozenset(range(5, 25)), known).earlier == (10, 15)


def test_looks_are_kept_as_data() -> None:
    known = Looks(frozenset([0, 1, 2, 7]), frozenset([seeds(2), frozenset([30])]))
    assert known.tag() == "30;0-1;0-2,7"
    assert looks.read([known.tag(), "0-4"]) == {known.seeds, *known.recorded, seeds(5)}


def test_a_further_look_decides_in_all_places_of_a_report_with_what_is_left(
    make: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    runs = make(seeds=12, noise=0.02)
    runs = runs[(runs["loss.name"] != "mae") & (runs["data.contamination"] == 0.2)]

    def told(*sizes: int) -> Report:
        return build(PLAIN, runs, looked=frozenset(map(seeds, sizes)))

    first, last = told(), told(6, 7, 8, 9, 10, 11)
    assert first.looks.alpha == ALPHA > last.looks.alpha
    assert [judged.verdict for judged in first.verdicts] == ["supported"]
    assert not any("Look" in remark for remark in first.remarks)
    assert "p of at most 0.04." in markdown(first, {})
    (line,) = (
        remark for remark in last.remarks if remark.startswith("Look 7 at these seeds, after reports on")
    )
    assert "6, 7, 8, 9, 10 and 11 of them" in line
    assert line in markdown(last, {})
    assert f"p of at most {last.looks.alpha:.2g}" in line
    assert f"{last.looks.alpha:.2g}." in markdown(last, {})
    write(last, tmp_path / "last", {})
    write(first, tmp_path / "first", {})
    (judged,) = json.loads((tmp_path / "last" / "verdicts.json").read_text())
    assert (judged["look"], judged["p_at_most"]) == (7, last.looks.alpha)
    assert "look" not in json.loads((tmp_path / "first" / "verdicts.json").read_text())[0]


def test_headline_marks_and_verdicts_agree_at_a_further_look(make: Callable[..., pd.DataFrame]) -> None:
    runs = make(seeds=10, noise=0.1)
    runs = runs[(runs["loss.name"] != "huber") & (runs["data.contamination"] == 0.0)].copy()
    runs.loc[runs["loss.name"] == "mae", "test/rmse"] -= 0.06  # p = 0.018

    def told(*sizes: int) -> tuple[str, str, str]:
        report = build(PLAIN, runs, looked=frozenset(map(seeds, sizes)))
        (column,) = (one for one in report.by_metric[0].columns if one.head == "rmse")
        marks = {cell.mark for cell in column.cells}
        sure = "better than every other" in advice(report)[0]
        return report.verdicts[0].verdict, "~" if "tied" in marks else "", "sure" if sure else "open"

    first, again = told(), told(6, 7, 8, 9)
    assert first == ("supported", "", "sure")
    assert again == ("inconclusive", "~", "open")


def test_recorded_reports_are_the_looks(
    database: Path, tmp_path: Path, make: Callable[..., pd.DataFrame]
) -> None:
    uri, folder = f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "report"
    shutil.copy(database, tmp_path / "mlflow.db")
    client(uri).create_experiment("x")
    write(build(PLAIN, make(seeds=6)), folder, {})
    for size in (6, 6, 8):
        record(uri, "x", folder, "Words.", Looks(seeds(size), looks.recorded(uri, "x")).tag())
    assert looks.recorded(uri, "x") == {seeds(6), seeds(8)}
