"""Claims, ranks and the cross table as pictures."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lossbench.claims.claim import Claim
from lossbench.metrics.names import METRICS
from lossbench.palette import color
from lossbench.report.figures import comparisons
from lossbench.verdicts.ranks import Ranks
from lossbench.verdicts.statistics import Verdict
from lossbench.verdicts.table import Cell, Column, Table
from lossbench.verdicts.verdict import Judged


def judged(
    name: str, verdict: Verdict, estimate: float, metric: str = "rmse", kind: str = "better"
) -> Judged:
    claim = Claim(
        name, f"The sentence of {name}.", "source", {"loss": "mae"}, {"loss": "mse"}, metric, kind, 0.1
    )
    return Judged(claim, verdict, estimate, estimate - 0.5, estimate + 0.5, 0.01, 0.01, 10, 1.0, 2.0)


def test_each_claim_with_a_result_has_a_row_and_each_metric_a_scale() -> None:
    verdicts = [
        judged("a", "supported", 1.0),
        replace(judged("b", "refuted", -1.0, kind="as_good_as"), at_budget=True),
        judged("c", "inconclusive", 0.0, metric="mae"),
        judged("d", "inconclusive", math.nan),
    ]
    figure = comparisons.forest(verdicts, METRICS)
    first, second = figure.axes
    rows = [label.get_text().replace("\n", " ") for label in first.get_yticklabels()]
    assert rows == ["The sentence of a.", "The sentence of b."]
    assert [label.get_text() for label in second.get_yticklabels()] == ["The sentence of c."]
    assert "RMSE" in first.get_xlabel()
    assert "MAE" in second.get_xlabel()
    told = [text.get_text().split("\n")[0] for text in first.texts]
    assert told == ["supported", "refuted, at this budget"]


def test_verdicts_differ_without_colour() -> None:
    figure = comparisons.forest([judged("a", "supported", 1.0), judged("b", "refuted", -1.0)], METRICS)
    markers = [line.get_marker() for line in figure.axes[0].lines if line.get_marker() not in ("None", None)]
    assert len(set(markers)) == 2


def test_one_large_difference_does_not_squash_the_others() -> None:
    near = [judged(name, "supported", 0.1) for name in "abc"]
    assert comparisons.forest(near, METRICS).axes[0].get_xscale() == "linear"
    assert (
        comparisons.forest([*near, judged("d", "supported", 1e4)], METRICS).axes[0].get_xscale() == "symlog"
    )


def test_the_rank_of_each_loss_is_told() -> None:
    names = ["mae", "huber", "mse"]
    pairs = pd.DataFrame(np.ones((3, 3)), names, names)
    found = Ranks(pd.Series([1.2, 1.9, 2.9], index=names), 0.01, pairs, 8)
    figure = comparisons.critical_difference(found, METRICS["rmse"])
    words = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert all(name in words for name in names)
    assert "1.20" in words
    drawn = {str(line.get_color()) for line in figure.axes[0].lines}
    assert {color(name) for name in names} <= drawn


@pytest.fixture
def table() -> Table:
    columns = (
        Column("mse", (Cell(1.0, 0.1, 5), Cell(2.0, 0.1, 5), Cell(math.nan))),
        Column("mae", (Cell(0.5, 0.1, 5), Cell(0.25, 0.1, 5), Cell(math.nan))),
    )
    return Table("", ("mse", "mae", "triplet"), columns)


def test_the_best_of_a_column_is_bold_and_the_diagonal_framed(table: Table) -> None:
    (axes,) = comparisons.cross_heat(table).axes
    bold = {text.get_position() for text in axes.texts if text.get_fontweight() == "bold"}
    assert bold == {(0, 0), (1, 1)}
    assert sum(not patch.get_fill() for patch in axes.patches) == 2
    assert [label.get_text() for label in axes.get_yticklabels()] == ["mse", "mae"]
    assert "scaled" not in axes.get_xlabel()
    (axes,) = comparisons.cross_heat(table, scaled=True).axes
    assert "values shifted and scaled" in axes.get_xlabel()
