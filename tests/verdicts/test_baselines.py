"""Baselines stand below the losses of their data and seeds, change nothing about these, and shame them."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from lossbench.claims.claim import Experiment
from lossbench.metrics.measure import Measure, Metric
from lossbench.metrics.recorded import as_text
from lossbench.report.advice import advice
from lossbench.report.page import markdown, summary
from lossbench.report.terminal import show
from lossbench.tracking.runs import BASELINE, FINGERPRINT, METRICS, UNSAID
from lossbench.verdicts.baselines import Baselines
from lossbench.verdicts.build import build
from lossbench.verdicts.findings import Report
from lossbench.verdicts.table import Table

Make = Callable[..., pd.DataFrame]
ASKED = Experiment("x", judge="rmse", select="mae")


@pytest.fixture
def seen(make: Make) -> pd.DataFrame:
    """Runs whose fingerprint, as a series' file has it, is the same whatever the knobs."""
    return make(seeds=4).assign(**{FINGERPRINT: "file"})


def record(name: str, seed: int, contamination: float, rmse: float, **more: Any) -> dict[str, Any]:
    return {
        "run_id": f"{name} {seed} {contamination} {rmse}",
        "outcome": "finished",
        "started": pd.Timestamp("2026-01-01"),
        "seed": seed,
        "data.name": "outliers",
        "data.contamination": contamination,
        BASELINE: name,
        FINGERPRINT: "file",
        "test/rmse": rmse,
        "test/mae": rmse / 2,
        **more,
    }


def records(rmse: dict[str, float], seeds: int = 4) -> pd.DataFrame:
    """The same for both contaminations but for one."""
    rows = [
        record(name, seed, level, value + level + 0.01 * seed)
        for name, value in rmse.items()
        for level in (0.0, 0.2)
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


def of(runs: pd.DataFrame, found: pd.DataFrame | None) -> Report:
    return build(ASKED, runs, baselines=found)


def printed(report: Report) -> str:
    stream = io.StringIO()
    show(report, Console(file=stream, width=100))
    return stream.getvalue()


def row(table: Table, name: str) -> list[tuple[float, int, str]]:
    place = table.rows.index(name)
    cells = [column.cells[place] for column in table.columns]
    return [(round(cell.mean, 6), cell.n, cell.mark) for cell in cells]


def test_a_row_of_its_own_in_every_table_below_the_losses_with_the_numbers_of_its_condition(
    seen: pd.DataFrame,
) -> None:
    report = of(seen, records({"naive": 3.0, "seasonal naive": 0.5}))
    (axis,) = report.by_axis
    assert axis.rows == ("mse", "mae", "huber", "naive (baseline)", "seasonal naive (baseline)")
    assert row(axis, "naive (baseline)") == [(3.015, 4, ""), (3.215, 4, "")]
    clean, spoilt = report.by_metric
    assert clean.rows[-2:] == spoilt.rows[-2:] == axis.rows[-2:]
    assert sorted(column.head for column in clean.columns) == ["mae", "rmse"]
    assert (0.515, 4, "") in row(clean, "seasonal naive (baseline)")
    assert (0.715, 4, "") in row(spoilt, "seasonal naive (baseline)")
    for text in (markdown(report, {}), summary(report)):
        assert re.search(r"\| seasonal naive \(baseline\) \| 0.5\d* ± 0.01\d* \| 0.7\d* ± 0.01\d* \|", text)
    assert re.search(r"\nseasonal naive \(baseline\) +0.5\d*±0.01\d* +0.7\d*±0.01\d* *\n", printed(report))
    assert "(baseline) needs no training and has no part in marks and verdicts" in " ".join(
        printed(report).split()
    )


def test_nothing_else_in_a_report_knows_of_them(seen: pd.DataFrame) -> None:
    with_, without = of(seen, records({"naive": 99.0})), of(seen, None)
    for part in ("verdicts", "remarks", "decision", "ranks", "crossings", "layout", "finalists"):
        assert getattr(with_, part) == getattr(without, part), part
    for one, other in zip(with_.family.pairs, without.family.pairs, strict=True):
        assert repr(one.evidence) == repr(other.evidence)
    pd.testing.assert_frame_equal(with_.runs, without.runs)
    for name in ("by_axis", "by_metric", "cross"):
        for one, other in zip(getattr(with_, name), getattr(without, name), strict=True):
            kept = [replace(own, cells=own.cells[: len(other.rows)]) for own in one.columns]
            assert kept == list(other.columns)


def test_a_store_without_them_is_told_as_before(seen: pd.DataFrame) -> None:
    empty = pd.DataFrame(columns=["run_id", "outcome", "started"])
    assert printed(of(seen, empty)) == printed(of(seen, None))
    unprinted = seen.drop(columns=FINGERPRINT)  # of runs that are older than fingerprints
    assert printed(of(unprinted, records({"naive": 3.0}))) == printed(of(unprinted, None))


def test_a_loss_that_is_not_better_is_told_first_with_the_hardest_of_several(seen: pd.DataFrame) -> None:
    report = of(seen, records({"naive": 1.6, "seasonal naive": 1.5, "worthless": 9.0}))
    first = report.remarks[0]
    assert first.startswith("No better than a baseline, which needs no training, in mean test rmse: ")
    told = first.partition("rmse: ")[2].rstrip(".").split("; ")
    means = report.chosen.groupby(["loss.name", "data.contamination"])["test/rmse"].mean()
    beaten = [
        (loss, level) for level in (0.0, 0.2) for loss in ("mse", "mae", "huber")
        if means[loss, level] >= 1.515 + level
    ]  # fmt: skip
    assert [one.partition(":")[0] for one in told] == [
        f"{loss}, contamination {level:g}" for loss, level in beaten
    ]
    assert ("mse", 0.2) in beaten
    assert ("huber", 0.0) not in beaten
    assert all("(seasonal naive: 1." in one for one in told)
    assert "No better than a baseline" in printed(report)
    assert "No better than a baseline" in summary(report)


def test_the_answer_says_so_where_the_loss_that_it_names_is_no_better(seen: pd.DataFrame) -> None:
    answers = advice(of(seen, records({"naive": 0.1})))
    assert [line.endswith(f"The baseline naive is no worse: {mean}.") for line, mean in zip(
        answers, ("0.115", "0.315"), strict=True
    )] == [True, True]  # fmt: skip
    assert "baseline" not in " ".join(advice(of(seen, records({"naive": 9.0}))))


def test_where_more_is_better_the_greater_mean_wins(seen: pd.DataFrame) -> None:
    up = Measure((Metric("skill", "g", True, "more is better"),), ("value",), ("continuous",), "a.b:c")
    runs = seen.rename(columns={"test/rmse": "test/skill"}).assign(**{METRICS: as_text((up,))})
    found = records({"naive": 9.0}).rename(columns={"test/rmse": "test/skill"})
    report = build(Experiment("x", judge="skill", select="mae"), runs, baselines=found)
    assert "mse, contamination 0" in report.remarks[0]
    worse = build(
        Experiment("x", judge="skill", select="mae"), runs, baselines=found.assign(**{"test/skill": -9.0})
    )
    assert not any("baseline" in remark for remark in worse.remarks)


def test_of_several_records_the_latest_counts_and_other_data_does_not(seen: pd.DataFrame) -> None:
    newer = record("naive", 0, 0.0, 5.0, started=pd.Timestamp("2026-02-01"))
    strange = record("naive", 1, 0.0, 700.0, **{FINGERPRINT: "another file"})
    unasked = record("naive", 2, 0.4, 800.0)
    found = pd.concat([records({"naive": 3.0}), pd.DataFrame([newer, strange, unasked])], ignore_index=True)
    report = of(seen, found)
    assert row(report.by_axis[0], "naive (baseline)")[0] == (round((5.0 + 3.01 + 3.02 + 3.03) / 4, 6), 4, "")


def test_means_are_over_the_seeds_of_the_losses_beside_them(seen: pd.DataFrame) -> None:
    fewer = seen[~((seen["seed"] == 3) & (seen["loss.name"] == "mae"))]
    report = of(fewer, records({"naive": 3.0}))
    assert [cell[:2] for cell in row(report.by_axis[0], "naive (baseline)")] == [(3.01, 3), (3.21, 3)]


def test_a_knob_that_older_runs_leave_unsaid_is_at_its_default(seen: pd.DataFrame) -> None:
    found = records({"naive": 3.0}).assign(**{UNSAID: json.dumps({"data.fresh_knob": "0"})})
    assert len(Baselines.of(seen.assign(**{"data.fresh_knob": 0.0}), found).rows) == len(seen)
    assert len(Baselines.of(seen.assign(**{"data.fresh_knob": 1.0}), found).rows) == 0


def test_of_several_data_sets_each_has_its_own(seen: pd.DataFrame) -> None:
    twin = seen.assign(**{"data.name": "twin", "run_id": "twin" + seen["run_id"]})
    report = of(pd.concat([seen, twin], ignore_index=True), records({"naive": 0.1}))
    rows = {part.section: part.by_axis[0].rows[-1] for part in report.sections}
    assert rows == {"outliers": "naive (baseline)", "twin": "huber"}
    assert [remark for remark in report.remarks if remark.startswith("outliers: No better than a baseline")]
    told = advice(report)
    assert [("baseline" in line, line.startswith("outliers")) for line in told] == [
        (True, True), (True, True), (False, False), (False, False),
    ]  # fmt: skip
