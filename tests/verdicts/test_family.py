"""Marks, first line and verdicts of one report read the same decisions, so that they cannot disagree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lossbench.claims.claim import Claim, Experiment
from lossbench.report.advice import advice
from lossbench.report.words import marks_line
from lossbench.verdicts.build import build
from lossbench.verdicts.choose import Choice
from lossbench.verdicts.conditions import Layout, tidy
from lossbench.verdicts.family import Family, Mark
from lossbench.verdicts.findings import Report
from lossbench.verdicts.pair import Tried

PLAIN = Experiment("x", judge="rmse", select="mae")


def frame(results: dict[str, Any], **params: Any) -> pd.DataFrame:
    """One run per loss and seed, at one learning rate; nan is a run that is missing."""
    rows = []
    for loss, values in results.items():
        for seed, value in enumerate(values):
            if not np.isnan(value):
                row = {"data.name": "outliers", "model.name": "mlp", "loss.name": loss, "optimizer.lr": 0.01}
                told = {
                    "run_id": f"{loss}{seed}{params}",
                    "outcome": "finished",
                    "started": seed,
                    "reason": None,
                }
                rows.append(
                    {**row, **told, "seed": seed, **params, "val_best/mae": value, "test/rmse": value}
                )
    return pd.DataFrame(rows)


def marks(results: dict[str, Any]) -> dict[str, Mark]:
    runs = tidy(frame(results))
    choice = Choice(runs, Layout.of(runs), "mae", "mae")
    family = Family.of(Tried(choice, "mae"), "test/rmse")
    return family.marks("", {name: float(np.nanmean(values)) for name, values in results.items()})


def test_marks_separate_what_pairing_separates() -> None:
    rng = np.random.default_rng(0)
    split = rng.normal(5, 1.0, 10)  # what a hard split does to all losses alike
    results = {"good": split + rng.normal(0, 0.01, 10), "same": split + rng.normal(0, 0.01, 10)}
    found = marks({**results, "worse": split + 0.1 + rng.normal(0, 0.01, 10)})
    assert sorted(found) == ["good", "same"]
    assert set(found.values()) == {"best", "tied"}


def test_below_the_least_number_of_seeds_nothing_is_marked() -> None:
    rng = np.random.default_rng(0)
    split = rng.normal(5, 1.0, 8)
    pair = {"good": split, "worse": split + 1 + rng.normal(0, 0.01, 8)}
    three = {**pair, "third": split + 2 + rng.normal(0, 0.01, 8)}
    first = [
        ({name: values[:n] for name, values in made.items()}) for made in (pair, three) for n in (5, 6, 7, 8)
    ]
    # One pair can be decided by six seeds, three pairs by eight.
    assert [bool(marks(made)) for made in first] == [False, True, True, True, False, False, False, True]
    assert marks(three) == {"good": "best"}


def test_a_column_of_one_has_no_best() -> None:
    assert marks({"huber": [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 4.0]}) == {}


def test_identical_results_are_tied() -> None:
    values = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    assert sorted(marks({"kl": values, "cce": values}).values()) == ["best", "tied"]


def headline_is_sure(report: Report) -> list[bool]:
    return ["better than every other loss" in line for line in advice(report)]


@settings(max_examples=15)
@example(seed=8, seeds=8, losses=2, conditions=2, missing=0.1)  # six seeds decide the last of two pairs
@given(
    seed=st.integers(0, 2**31),
    seeds=st.integers(3, 13),
    losses=st.integers(2, 4),
    conditions=st.integers(1, 2),
    missing=st.sampled_from([0.0, 0.0, 0.1]),
)
def test_headline_marks_and_verdicts_never_disagree(
    seed: int, seeds: int, losses: int, conditions: int, missing: float
) -> None:
    rng = np.random.default_rng(seed)
    names = ["mse", "mae", "huber", "other"][:losses]
    parts = []
    for level in range(conditions):
        shared = rng.normal(5, 0.5, seeds)
        made = {name: shared + rng.choice([0, 0.1, 1]) + rng.normal(0, 0.15, seeds) for name in names}
        for name, values in made.items():
            if name != "mse":  # so that every seed has a run
                made[name] = np.where(rng.random(seeds) < missing, np.nan, values)
        parts.append(frame(made, **{"data.noise": float(level)}))
    runs = pd.concat(parts, ignore_index=True)
    report = build(PLAIN, runs)
    verdicts = {}
    for one in report.verdicts:
        where = one.claim.left.get("data.noise", 0.0)
        verdicts[(where, one.claim.left["loss"], one.claim.right["loss"])] = one.verdict
    lines = dict(zip(range(conditions), headline_is_sure(report), strict=False))
    assert len(lines) == conditions or missing
    for level in range(conditions if len(lines) == conditions else 0):
        own = runs[runs["data.noise"] == level] if conditions > 1 else runs
        seeds = own.pivot_table(index="seed", columns="loss.name", values="test/rmse")
        means = (seeds.dropna() if len(seeds.dropna()) else seeds).mean()
        best = str(means.idxmin())
        others = [name for name in means.index if name != best]
        supported = {name for name in others if verdicts.get((float(level), best, name)) == "supported"}
        assert lines[level] == (bool(others) and len(supported) == len(others))
        column = report.by_axis[0].columns[level] if conditions > 1 else report.by_metric[0].columns[0]
        rows = report.by_axis[0].rows if conditions > 1 else report.by_metric[0].rows
        told = dict(zip(rows, [cell.mark for cell in column.cells], strict=True))
        if any(told.values()):
            assert told[best] == "best"
            assert {name for name in others if told[name] == "tied"} == set(others) - supported
        else:
            assert not supported


def beats(left: str, right: str, **more: Any) -> Claim:
    return Claim(f"{left} {right}", "s", "t", {"loss": left}, {"loss": right}, "rmse", **more)


def test_a_claim_that_asks_what_a_pair_asks_decides_it() -> None:
    rng = np.random.default_rng(1)
    split = rng.normal(5, 1.0, 6)
    made = {
        "mse": split,
        "mae": split + 1 + rng.normal(0, 0.01, 6),
        "huber": split + 2 + rng.normal(0, 0.01, 6),
    }
    runs = frame(made)
    alone = build(PLAIN, runs)  # six seeds decide one of one claim, but none of three pairs
    assert not any(cell.mark for column in alone.by_metric[0].columns for cell in column.cells)
    claimed = build(Experiment("x", judge="rmse", select="mae", claims=(beats("mae", "mse"),)), runs)
    assert [one.verdict for one in claimed.verdicts] == ["refuted"]
    (cells,) = [column.cells for column in claimed.by_metric[0].columns]
    assert [cell.mark for cell in cells] == ["best", "", "tied"]
    assert "but huber cannot be told from it" in advice(claimed)[0]
    assert "where a claim asks just that, its verdict counts" in marks_line(claimed)
    other = build(
        Experiment("x", judge="rmse", select="mae", claims=(beats("mae", "mse", margin=0.1),)), runs
    )
    assert "where" not in marks_line(other)  # no marks: what it asks is not what the pair asks


def test_the_line_below_the_tables_explains_the_marks_that_are_there() -> None:
    rng = np.random.default_rng(2)
    split = rng.normal(5, 1.0, 6)
    clear = {"mse": split, "mae": split + 1 + rng.normal(0, 0.01, 6)}
    assert "~" not in marks_line(build(PLAIN, frame(clear)))
    assert "* best mean" in marks_line(build(PLAIN, frame(clear)))
    same = {"mse": split, "mae": split + rng.normal(0, 0.01, 6)}
    assert "~ no verdict separates it from the best" in marks_line(build(PLAIN, frame(same)))
    few = marks_line(build(PLAIN, frame({name: values[:3] for name, values in clear.items()})))
    assert few.endswith("; no marks and no verdicts: 3 seeds allow no verdict on 1 pair of losses")
    one = marks_line(build(PLAIN, frame({name: values[:1] for name, values in clear.items()})))
    assert one.startswith("result of one seed; no marks")


def swept(validation: dict[float, float], test: dict[float, float], seeds: int = 10) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    parts = []
    for delta in validation:
        runs = frame({"huber": test[delta] + rng.normal(0, 0.01, seeds)}, **{"loss.delta": delta})
        parts.append(runs.assign(**{"val_best/mae": validation[delta]}))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("with_mse", [False, True])
def test_validation_chooses_a_swept_knob_and_never_test(with_mse: bool) -> None:
    runs = swept({0.3: 1.0, 1.0: 2.0}, {0.3: 5.0, 1.0: 4.0})
    if with_mse:
        mse = frame({"mse": np.linspace(6, 6.1, 10)}, **{"loss.delta": None})
        runs = pd.concat([runs, mse.assign(**{"val_best/mae": 9.0})], ignore_index=True)
    (line,) = advice(build(PLAIN, runs))
    assert line.startswith(
        "Train with huber, delta 0.3 at learning rate 0.01: chosen on validation, mean test"
    )
    if with_mse:
        assert "better than every other loss here" in line
    else:
        assert "but huber, delta 1 is better on test beyond the chance of the seeds" in line


def test_losses_are_compared_on_the_seeds_that_they_share() -> None:
    split = np.array([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, -5.0])  # the last seed is an easy one
    worse = split + 0.5 + np.array([0.01, -0.01, 0.02, 0.0, 0.01, -0.02, 0.01, 0.0, 0.0])
    report = build(PLAIN, frame({"mse": worse, "mae": np.where(split < 0, np.nan, split)}))
    assert advice(report)[0].startswith("Train with mae")
    (column,) = report.by_metric[0].columns
    assert [cell.n for cell in column.cells] == [8, 8]
    assert [cell.mark for cell in column.cells] == ["", "best"]
    assert report.family.pairs[0].first == "mae"
    assert "over 8 seeds" in marks_line(report)
