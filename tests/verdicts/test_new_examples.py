"""Verdicts hold for new examples where runs kept their predictions; else the report says otherwise."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from omegaconf import DictConfig
from rich.console import Console

from lossbench.claims.claim import Claim, Experiment
from lossbench.report import page, terminal
from lossbench.report.__main__ import main
from lossbench.train import train_many
from lossbench.verdicts.build import build
from lossbench.verdicts.choose import Choice
from lossbench.verdicts.conditions import Layout, tidy
from lossbench.verdicts.findings import Report
from lossbench.verdicts.sides import sides_of, weighed

ALONE, ALL = "Seeds alone speak", "Verdicts hold for these models on new examples of the same data"
CLAIM = Claim("c", "MAE is better.", "me", {"loss": "mae"}, {"loss": "mse"}, "mae")


def world(gain: float, seeds: int = 10) -> tuple[pd.DataFrame, dict[str, dict[str, Any]]]:
    """Two losses on one test set of 60: each example favours one by its own luck, mae gains on all."""
    generator = np.random.default_rng(0)
    luck = generator.normal(size=60)
    luck -= luck.mean()
    rows, stored = [], {}
    for loss in ("mse", "mae"):
        for seed in range(seeds):
            error = 5 + generator.normal(0, 0.1, 60) + (luck - gain if loss == "mae" else 0)
            run = f"{loss}-{seed}"
            stored[run] = {"value": error, "target_continuous": np.zeros(60), "example_id": np.arange(60)}
            about = {"outcome": "finished", "started": pd.Timestamp("2026-01-01"), "reason": None}
            names = {"loss.name": loss, "optimizer.lr": 0.01, "data.name": "csv", "model.name": "mlp"}
            mae = float(error.mean())
            rows.append({"run_id": run, "seed": seed, **about, **names, "val_best/mae": mae, "test/mae": mae})
    return pd.DataFrame(rows), stored


def shown(report: Report) -> tuple[str, str]:
    console = Console(file=io.StringIO(), width=200)
    terminal.show(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue(), page.markdown(report, {})


@pytest.mark.parametrize("claims", [(), (CLAIM,)])
def test_a_difference_that_the_shared_examples_may_have_made_is_no_verdict(claims: tuple[Claim, ...]) -> None:
    runs, stored = world(gain=0.15)
    asked = Experiment("x", judge="mae", select="mae", claims=claims)
    alone, both = build(asked, runs), build(asked, runs, predictions=stored.get)
    assert [report.verdicts[0].verdict for report in (alone, both)] == ["supported", "inconclusive"]
    assert [report.verdicts[0].record()["holds_for"] for report in (alone, both)] == [
        "seeds alone",
        "new examples",
    ]
    assert both.verdicts[0].low < 0 < alone.verdicts[0].low
    assert both.verdicts[0].note == (
        "open only by the chance of the examples that seeds share: it takes more of these, not seeds"
    )
    assert [report.by_metric[0].columns[0].cells[0].mark for report in (alone, both)] == ["", "tied"]
    for report, words in ((alone, ALONE), (both, ALL)):
        for text in shown(report):
            assert words in text
            assert "of its kind" in text or "of this kind" in text


def test_groups_are_drawn_anew_as_a_whole_and_the_report_says_so() -> None:
    """What the examples of a group have in common is no more than one piece of luck."""
    runs, stored = world(gain=0.5)
    plain = build(Experiment("x", judge="mae"), runs, predictions=stored.get)
    order = np.argsort(stored["mae-0"]["value"])  # groups of like luck
    groups = np.empty(60, dtype=np.int64)
    groups[order] = np.arange(60) // 12
    by_group = {run: {**arrays, "group_id": groups} for run, arrays in stored.items()}
    grouped = build(Experiment("x", judge="mae"), runs, predictions=by_group.get)
    one, other = plain.verdicts[0], grouped.verdicts[0]
    assert one.examples
    assert other.examples
    assert other.high - other.low > 2 * (one.high - one.low)
    told = "Verdicts hold for these models on new groups of examples (people, places) of the same data"
    assert all(told in text for text in shown(grouped))
    assert all(ALL in text for text in shown(plain))


def test_a_difference_on_all_examples_is_one_for_new_ones() -> None:
    runs, stored = world(gain=2.0)
    (told,) = build(Experiment("x", judge="mae"), runs, predictions=stored.get).verdicts
    assert told.verdict == "supported"
    assert told.examples


def test_marks_in_other_metrics_count_the_examples_too_or_say_that_they_do_not() -> None:
    runs, stored = world(gain=0.15)
    errors = runs["run_id"].map(lambda run: stored[run]["value"])
    runs["test/rmse"] = errors.map(lambda values: float(np.sqrt(np.mean(values**2))))
    runs["test/nll"] = runs["test/mae"]  # of which no run keeps what it is made of
    marks = {}
    for name, reader in (("alone", None), ("counted", stored.get)):
        report = build(Experiment("x", judge="mae"), runs, predictions=reader)
        columns = {column.head: column for table in report.by_metric for column in table.columns}
        marks[name] = {head: [cell.mark for cell in column.cells] for head, column in columns.items()}
        which = "marks rest" if reader is None else "marks in nll rest"
        assert all(f"{which} on seeds alone" in text for text in shown(report))
    assert marks["alone"]["rmse"] == marks["alone"]["nll"] == ["", "best"]  # the order is mse, mae
    assert marks["counted"]["rmse"] == ["tied", "best"]
    assert marks["counted"]["nll"] == ["", "best"]
    counted = build(Experiment("x", judge="mae"), runs.drop(columns="test/nll"), predictions=stored.get)
    assert "marks" not in "".join(shown(counted)).replace("no marks", "")


def test_a_run_without_predictions_leaves_seeds_alone_in_its_verdicts() -> None:
    runs, stored = world(gain=2.0)
    extra = runs[runs["loss.name"] == "mse"].assign(**{"loss.name": "huber"})
    extra["run_id"] = "huber-" + extra["seed"].astype(str)
    report = build(Experiment("x", judge="mae"), pd.concat([runs, extra]), predictions=stored.get)
    assert sorted(told.examples for told in report.verdicts) == [False, False, True]
    assert "1 of 3 verdicts hold for these models on new examples" in shown(report)[1]


@pytest.mark.parametrize(
    ("left", "right", "more"),
    [
        ({"loss": "huber", "data.contamination": 0.2}, {"loss": "mse", "data.contamination": 0.2}, {}),
        (
            {"loss": ["mae", "huber"], "data.contamination": [0.0, 0.2]},
            {"loss": "mse", "data.contamination": 0.0},
            {},
        ),
        (
            {"loss": "huber", "data.contamination": 0.2},
            {"loss": ["mse", "mae"], "data.contamination": 0.2},
            {"change_from": {"data.contamination": 0.0}},
        ),
        (
            {"loss": "mse", "data.contamination": 0.2, "optimizer.lr": 0.01},
            {"loss": "mse", "data.contamination": 0.2, "optimizer.lr": 0.001},
            {},
        ),
    ],
)
def test_the_weighed_runs_of_a_seed_give_its_difference(
    runs: pd.DataFrame, left: dict[str, Any], right: dict[str, Any], more: dict[str, Any]
) -> None:
    claim = Claim("c", "A sentence.", "A source", left, right, "rmse", **more)
    frame = tidy(runs[~((runs["seed"] == 3) & (runs["loss.name"] == "huber"))])
    choice = Choice(frame, Layout.of(frame), "mae", "mae")
    sides = sides_of(claim, choice)
    result = frame.set_index("run_id")["test/rmse"]
    found = weighed(claim, choice, map(int, sides.left.index))
    sums = [sum(factor * result[run] for factor, run in own) for own in found]
    np.testing.assert_allclose(sums, sides.differences, atol=1e-12)


def test_the_command_reads_what_runs_kept_and_what_their_data_say(
    composed: Callable[..., DictConfig],
    stored: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = np.random.default_rng(0).normal(size=(100, 3))
    pd.DataFrame(table, columns=["a", "b", "y"]).to_csv("t.csv", index=False)
    small = ["data.train_size=60", "data.val_size=20", "data.test_size=20"]
    csv = ["data=csv", "data.path=t.csv", "data.target=y"]
    experiments: dict[str, tuple[list[str], str]] = {
        "kept": ([*csv, "tracking.predictions=true"], ALL),
        "fresh": (["data=outliers", *small], ALL),
    }

    def config(name: str, knobs: list[str], loss: str, seed: int) -> DictConfig:
        own = (f"experiment.name={name}", f"loss={loss}", f"seed={seed}")
        return composed(*knobs, *own, "trainer.max_epochs=1")

    asked = [(name, knobs) for name, (knobs, _) in experiments.items()]
    train_many(
        [config(*one, loss, seed) for one in asked for loss in ("mse", "mae") for seed in range(6)], n_jobs=1
    )
    for name, (_, words) in experiments.items():
        main([f"experiment={name}", "report.files=false"])
        assert words in " ".join(capsys.readouterr().out.split())
