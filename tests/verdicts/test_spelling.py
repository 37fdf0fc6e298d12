"""A selection, a claim and an axis mean values, however MLflow and a person spell them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lossbench.claims.claim import Experiment
from lossbench.claims.known import Known
from lossbench.claims.parsing import parse_experiment
from lossbench.errors import InputError
from lossbench.report.request import parse
from lossbench.verdicts.build import build
from lossbench.verdicts.conditions import Layout, in_order, label, matches, tidy
from lossbench.verdicts.selecting import assignments
from lossbench.verdicts.spelling import in_words, same, show

SPELT = [
    ("true", True, "on"),
    ("null", None, "0"),
    ("[8, 8]", (8, 8), "[8]"),
    ("[0.5, 8.0]", [0.5, 8], "[8, 0.5]"),
    ("1.0", 1, "true"),
    ("1e-3", 0.001, "0.002"),
    ("huber", "huber", "hub"),
    ("[a, b]", "[a, b]", "a"),
]


@pytest.mark.parametrize(("cell", "value", "other"), SPELT)
def test_values_are_compared_and_not_texts(cell: str, value: Any, other: str) -> None:
    assert same(cell, value)
    assert same(value, cell)
    assert not same(other, value)


def test_a_cell_without_a_value_is_null_and_nothing_else() -> None:
    assert same(np.nan, None)
    assert same(None, None)
    assert not any(same(np.nan, value) for value in ("nan", 0, False, ""))


@pytest.fixture
def knobs(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs that differ in a switch, a list and a number that may be off, as MLflow holds them."""
    parts = [
        runs.assign(**{"loss.softmax": softmax, "model.hidden": hidden, "optimizer.clip": clip})
        for softmax, hidden, clip in (
            ("false", "[8, 8]", "null"),
            ("true", "[16]", "1.0"),
            ("true", "[16, 16]", "10.0"),
        )
    ]
    return tidy(pd.concat(parts, ignore_index=True))


@pytest.mark.parametrize(
    ("line", "thirds"),
    [
        ("loss.softmax=true", 2),
        ("loss.softmax=false", 1),
        ("loss.softmax=true,false", 3),
        ("optimizer.clip=null", 1),
        ("optimizer.clip=1", 1),
        ("optimizer.clip=null,10", 2),
        ("model.hidden=[8,8]", 1),
        ("model.hidden=[16]", 1),
        ("model.hidden=[8,8],[16,16]", 2),
        ("model.hidden=[8]", 0),
        ("loss={softmax: true}", 2),
    ],
)
def test_a_selection_on_the_command_line_finds_the_runs_it_means(
    line: str, thirds: int, knobs: pd.DataFrame
) -> None:
    selection = parse(["experiment=x", line]).selection
    assert matches(knobs, selection).sum() == thirds * len(knobs) / 3
    if "{" not in line:
        assert assignments(selection) == [line]  # as the report repeats it


def test_axes_of_switches_lists_and_numbers_are_in_order(knobs: pd.DataFrame) -> None:
    layout = Layout.of(knobs)
    assert layout.levels["model.hidden"] == ("[8,8]", "[16]", "[16,16]")
    assert layout.levels["optimizer.clip"] == ("1", "10", "null")
    assert layout.levels["loss.softmax"] == ("false", "true")
    ordered = in_order(knobs, layout)
    own = ordered[ordered["loss.name"] == "mse"]
    assert list(own["model.hidden"].unique()) == ["[8,8]", "[16]", "[16,16]"]
    row = {"loss.name": "mse", "model.hidden": "[8,8]", "optimizer.clip": "null", "loss.softmax": "true"}
    assert label(row, list(row)) == "mse, hidden [8,8], clip null, softmax true"


def test_one_value_in_two_spellings_of_older_records_is_one_level(runs: pd.DataFrame) -> None:
    odd = runs["seed"] % 2 == 0
    runs["model.hidden"] = np.where(odd, "[8, 8]", "[8,8.0]")
    runs["optimizer.clip"] = np.where(odd, "1", "1.0")
    runs.loc[runs["seed"] == 3, "optimizer.clip"] = "null"
    assert Layout.of(tidy(runs)).levels["optimizer.clip"] == ("1", "null")
    assert "model.hidden" not in Layout.of(tidy(runs)).axes


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("[0.1234567]", "[0.1234568]"),
        ('["a", "b"]', '["a,b"]'),
        ("[1]", '["1"]'),
        ("1.0000001", "1.0000002"),
        ("true", "1"),
    ],
)
def test_two_values_are_two_levels_however_alike_they_look(one: str, other: str, runs: pd.DataFrame) -> None:
    runs["model.hidden"] = np.where(runs["seed"] % 2 == 0, one, other)
    runs.loc[runs["seed"] == 3, "model.hidden"] = "null"
    assert len(Layout.of(tidy(runs)).levels["model.hidden"]) == 3


@pytest.fixture
def known(tmp_path: Path) -> Known:
    for group, name, text in (
        ("loss", "mse", "softmax: false"),
        ("model", "mlp", "hidden: [64]"),
        ("optimizer", "adam", "clip: null"),
    ):
        (tmp_path / group).mkdir()
        (tmp_path / group / f"{name}.yaml").write_text(f"_target_: x.Y\nname: {name}\n{text}\n")
    return Known.of([tmp_path])


def claim(left: dict[str, Any], right: dict[str, Any], **parts: Any) -> dict[str, Any]:
    one = {"id": "c", "sentence": "s", "source": "s", "left": left, "right": right, "metric": "rmse", **parts}
    return {"name": "x", "judge": "rmse", "claims": [one]}


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"loss.softmax": True}, {"loss.softmax": False}),
        ({"model.hidden": [8, 8]}, {"model.hidden": [16]}),
        ({"optimizer.clip": None}, {"optimizer.clip": 10}),
        ({"model.hidden": [[8, 8], [16]]}, {"model.hidden": [16, 16]}),
    ],
)
def test_a_claim_on_a_switch_a_list_or_what_may_be_off_is_judged(
    left: dict[str, Any], right: dict[str, Any], runs: pd.DataFrame, known: Known
) -> None:
    (knob,) = left
    values = {"loss.softmax": ("true", "false"), "optimizer.clip": ("null", "10.0")}
    texts = values.get(knob, ("[8, 8]", "[16]", "[16, 16]"))
    runs = runs[(runs["loss.name"] == "mse") & (runs["data.contamination"] == 0.0)]
    parts = [runs.assign(**{knob: text, "test/rmse": runs["test/rmse"] + n}) for n, text in enumerate(texts)]
    experiment = parse_experiment(claim({"loss": "mse", **left}, {"loss": "mse", **right}), known)
    (judged,) = build(experiment, pd.concat(parts, ignore_index=True)).verdicts
    assert (judged.verdict, judged.n) == ("supported", 10)


def test_a_change_from_a_value_of_a_switch_is_judged(runs: pd.DataFrame, known: Known) -> None:
    known = Known({**known.choices, "loss": {"mse": {"softmax": False}, "mae": {"softmax": False}}})
    runs = runs[(runs["data.contamination"] == 0.0) & runs["loss.name"].isin(["mse", "mae"])]
    worse = runs["test/rmse"] + 2.0 * (runs["loss.name"] == "mae")
    both = [
        runs.assign(**{"loss.softmax": "false"}),
        runs.assign(**{"loss.softmax": "true", "test/rmse": worse}),
    ]
    sides = [{"loss": loss, "loss.softmax": True} for loss in ("mse", "mae")]
    experiment = parse_experiment(claim(*sides, change_from={"loss.softmax": False}), known)
    (judged,) = build(experiment, pd.concat(both, ignore_index=True)).verdicts
    assert judged.verdict == "supported"
    assert judged.estimate == pytest.approx(2.0)


def test_a_switch_is_true_or_false_in_a_claim(known: Known) -> None:
    with pytest.raises(InputError, match=r"left: loss.softmax must be true or false; got 'yes'\."):
        parse_experiment(claim({"loss": "mse", "loss.softmax": "yes"}, {"loss": "mse"}), known)


def test_the_report_of_a_selection_says_it_as_it_was_typed(knobs: pd.DataFrame) -> None:
    selection = parse(["experiment=x", "model.hidden=[8,8]", "loss=mse,mae"]).selection
    report = build(Experiment("x"), knobs[matches(knobs, selection)], None, selection)
    assert report.remarks[0] == "Only the runs with model.hidden=[8,8] loss=mse,mae are in this report."
    assert show((8, 8)) == "[8,8]"


@pytest.mark.parametrize(
    ("param", "words"),
    [
        ("data.label_noise", "label noise"),
        ("data.knobs.label_noise", "label noise"),
        ("model.module._target_", "module"),
        ("model.module.hidden_size", "module.hidden size"),
    ],
)
def test_a_param_is_told_in_words(param: str, words: str) -> None:
    assert in_words(param) == words
