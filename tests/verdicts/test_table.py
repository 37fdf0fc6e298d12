"""Tables mark the best and what cannot be told from it, and never pretend to know more digits."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from lossbench.claims.claim import Claim, Experiment
from lossbench.report.advice import advice
from lossbench.report.page import html, markdown
from lossbench.report.terminal import show
from lossbench.verdicts.build import build, results_table
from lossbench.verdicts.choose import Choice
from lossbench.verdicts.conditions import Layout, tidy
from lossbench.verdicts.family import Family
from lossbench.verdicts.findings import Report
from lossbench.verdicts.pair import Tried
from lossbench.verdicts.table import Cell, Column, Table, axis_tables, metric_tables


@pytest.mark.parametrize(
    ("mean", "spread", "text"),
    [
        (0.5, 0.0034, "0.500±0.003"),
        (0.5, 0.012, "0.500±0.012"),
        (0.5, 0.05, "0.50±0.05"),
        (0.5, 12.0, "0±12"),
        (0.5, 1e-7, "0.50000±1e-07"),
        (0.5, 0.0, "0.500±0.000"),
        (3.441e-7, 4.1e-8, "3.4e-07±4e-08"),
        (344126.0, 41234.0, "344126±41234"),
        (3.44126e11, 4.1234e10, "3.4e+11±4e+10"),
        (3.44126e25, 4.1234e23, "3.44e+25±4e+23"),
    ],
)
def test_digits_fit_the_spread_in_any_units(mean: float, spread: float, text: str) -> None:
    assert Column("x", (Cell(mean, spread),)).text(0, "") == text


def test_no_digit_is_lost_in_a_column_that_spans_orders_of_magnitude() -> None:
    wide = Column("mse", (Cell(0.0421, 0.0031), Cell(9.447, 0.68), Cell(0.00002, 0.00001), Cell(math.nan)))
    assert [wide.text(place) for place in range(4)] == [
        "0.0421 ± 0.0031",
        "9.45 ± 0.68",
        "2.0e-05 ± 1.0e-05",
        "-",
    ]
    assert [wide.mean_text(place) for place in range(4)] == ["0.0421", "9.45", "2.0e-05", "-"]
    assert wide.text(1, "") == "9.45±0.68"
    assert Column("mse", (Cell(0.421, 0.31), Cell(9.447, 0.68))).text(1, "") == "9.4±0.7"


def test_a_metric_that_a_loss_does_not_define_is_a_dash() -> None:
    assert Cell(math.nan).text(0.001) == "-"
    assert Cell(0.91234, 0.0123).text(0.001) == "0.912 ± 0.012"


def test_tables_have_losses_as_rows_and_metrics_or_the_axis_as_columns(runs: pd.DataFrame) -> None:
    frame = tidy(runs)
    layout = Layout.of(frame)

    choice = Choice(frame, layout, "mae", "mae")

    def families(metric: str) -> Family:
        return Family.of(Tried(choice, "mae"), metric)

    (by_axis,) = axis_tables(frame, layout, "rmse", families)
    assert by_axis.rows == ("mse", "mae", "huber")
    assert [column.head for column in by_axis.columns] == ["0", "0.2"]
    frame["test/nll"] = np.where(frame["loss.name"] == "mse", 0.5, np.nan)
    *tables, last = metric_tables(frame, layout, families)
    assert last.rows == ("mse",)  # no row of dashes alone
    assert [table.title for table in tables] == ["contamination 0", "contamination 0", "contamination 0.2"]
    assert [column.head for column in tables[0].columns] == ["mae", "rmse"]


def test_no_table_has_a_row_or_a_column_of_dashes(runs: pd.DataFrame) -> None:
    runs["test_cross/mse"] = 1.0
    runs["test_cross/huber"] = np.where(runs["data.contamination"] == 0, 1.0, np.nan)
    runs.loc[runs["loss.name"] == "mae", ["test_cross/mse", "test_cross/huber", "test/rmse"]] = np.nan
    runs.loc[runs["data.contamination"] == 0.2, "test/rmse"] = np.nan
    report = build(Experiment("x", judge="rmse", select="mae"), runs)
    assert [(table.rows, [column.head for column in table.columns]) for table in report.cross] == [
        (("mse", "huber"), ["mse", "huber"]),
        (("mse", "huber"), ["mse"]),
    ]
    (by_axis,) = report.by_axis
    assert (by_axis.rows, [column.head for column in by_axis.columns]) == (("mse", "huber"), ["0"])


def shown(report: Report) -> str:
    stream = io.StringIO()
    show(report, Console(file=stream, width=100))
    return stream.getvalue()


def printed(runs: pd.DataFrame, experiment: Experiment) -> str:
    return shown(build(experiment, runs))


CLAIM = Claim(
    "c",
    "With outliers Huber's test error is lower than that of the mean squared error, by far and always.",
    "Huber (1964)",
    {"loss": "huber", "data.contamination": 0.2},
    {"loss": "mse", "data.contamination": 0.2},
    "rmse",
)


def test_the_terminal_shows_table_and_verdicts_in_a_hundred_columns(runs: pd.DataFrame) -> None:
    for metric in ("accuracy", "f1", "auroc", "nll", "brier", "ece", "r2", "median_ae"):
        runs[f"test/{metric}"] = runs["test/rmse"] / 10
    told = printed(runs, Experiment("x", "Which loss?", "rmse", "mae", (CLAIM,)))
    assert max(map(len, told.splitlines())) <= 100
    assert "supported" in told
    wide = printed(runs[runs["data.contamination"] == 0.0], Experiment("x", judge="rmse", select="mae"))
    assert max(map(len, wide.splitlines())) <= 100
    assert "…" not in wide
    assert "learning rates, chosen on validation: mse 0.01" in wide


@pytest.mark.parametrize("name", ["mse", "contrastive", "a_loss_with_a_long_name"])
def test_no_cell_is_cut_however_wide_the_table(runs: pd.DataFrame, name: str) -> None:
    runs = runs[runs["data.contamination"] == 0.0].replace({"loss.name": {"mse": name}})
    more = ("accuracy", "f1", "auroc", "nll", "brier", "ece", "r2", "verification_auc", "eer", "map_at_r")
    runs = runs.assign(**{f"test/{metric}": runs["test/rmse"] / 100 for metric in more})
    report = build(Experiment("x", judge="rmse", select="mae"), runs)
    assert sum(len(table.columns) for table in report.by_metric) == len(more) + 2
    whole = Table("", report.by_metric[0].rows, tuple(c for table in report.by_metric for c in table.columns))
    for count in range(1, len(whole.columns) + 1):
        told = shown(replace(report, by_metric=(replace(whole, columns=whole.columns[:count]),)))
        assert max(map(len, told.splitlines())) <= 100
        assert "…" not in told


def test_remarks_come_before_the_table(runs: pd.DataFrame) -> None:
    told = printed(runs[runs["optimizer.lr"] <= 0.01], Experiment("x", judge="rmse", select="mae"))
    assert told.index("a better one may lie beyond") < told.index("±")


def test_a_report_does_not_say_that_one_rate_was_chosen(runs: pd.DataFrame) -> None:
    own = runs[runs["data.contamination"] == 0.2]
    for rates, how in (((0.01, 0.03), "all"), ((0.01,), "none")):
        some = own[own["optimizer.lr"].isin(rates)]
        report = build(Experiment("x", judge="rmse", select="mae"), some)
        said = f"{printed(some, report.experiment)} {markdown(report, {})} {html(report, {})}".lower()
        assert report.rates_chosen == how
        assert ("rates, chosen on validation" in said) == (how == "all")
        assert ("rates were chosen on validation" in said) == (how == "all")
        assert ("no learning rate was chosen" in said) == (how == "none")


def test_a_result_that_is_no_number_is_said(runs: pd.DataFrame) -> None:
    spot = (runs["loss.name"] == "mse") & (runs["optimizer.lr"] == 0.01) & (runs["seed"] == 0)
    runs.loc[spot, "test/rmse"] = np.inf
    report = build(Experiment("x", judge="rmse", select="mae"), runs)
    assert report.remarks == (
        "Runs whose test rmse is infinite or no number count as the worst result seen: "
        "mse, contamination 0: 1; mse, contamination 0.2: 1.",
    )


def test_a_metric_that_is_no_number_in_every_run_is_said(runs: pd.DataFrame) -> None:
    runs["lossbench.not_finite"] = "test/r2 is nan"
    report = build(Experiment("x", judge="r2", select="mae"), runs)
    assert report.remarks == (
        "There is no result in test r2, of every run it is infinite or no number: it judges, so there is no "
        "answer.",
    )
    (said,) = build(Experiment("x", judge="rmse", select="mae"), runs).remarks
    assert said.endswith("test r2, of every run it is infinite or no number: no table has it.")


def test_losses_that_give_the_same_are_not_ahead_of_each_other(make: Callable[..., pd.DataFrame]) -> None:
    few = make(seeds=3)
    few = few[few["data.contamination"] == 0.2]
    mae = few[few["loss.name"] == "mae"]
    pair = pd.concat([mae, mae.assign(**{"loss.name": "bounded", "run_id": "b" + mae["run_id"]})])
    (line,) = advice(build(Experiment("x", judge="rmse", select="mae"), pair))
    assert re.search(r"3 seeds\), and (mae|bounded) gives exactly the same\.$", line)
    mse = few[few["loss.name"] == "mse"]
    (line,) = advice(build(Experiment("x", judge="rmse", select="mae"), pd.concat([pair, mse])))
    assert "gives exactly the same, but 3 seeds cannot settle the rest" in line


def test_the_html_page_shows_the_marks_that_its_legend_explains(runs: pd.DataFrame) -> None:
    page = html(build(Experiment("x", judge="rmse", select="mae"), runs), {})
    assert re.search(r'<td class="best">[\d.]+ ± [\d.]+ \*</td>', page)
    assert re.search(r'<td class="tied">[\d.]+ ± [\d.]+ ~</td>', page)
    assert "* best mean of a column; ~ no verdict separates it from the best" in page


def test_the_first_line_says_which_loss_and_how_sure(make: Callable[..., pd.DataFrame]) -> None:
    runs = make()
    clear = printed(
        runs[runs["data.contamination"] == 0.2].assign(x=0), Experiment("x", judge="rmse", select="mae")
    )
    assert "Train with huber (delta 1) at learning rate 0.01" in clear
    open_ = printed(runs[runs["data.contamination"] == 0.0], Experiment("x", judge="rmse", select="mae"))
    assert "cannot be told from it" in " ".join(open_.split())


def test_few_seeds_are_said_to_settle_nothing(make: Callable[..., pd.DataFrame]) -> None:
    few = make(seeds=3)
    (line,) = advice(
        build(Experiment("x", judge="rmse", select="mae"), few[few["data.contamination"] == 0.2])
    )
    assert line.endswith(
        "3 seeds), ahead, but 3 seeds cannot settle it: a verdict is possible, not certain, from 8 seeds on."
    )
    six = make(seeds=6)
    report = build(Experiment("x", judge="rmse", select="mae"), six[six["data.contamination"] == 0.2])
    assert "from 8 seeds on, and the spread seen asks for " in advice(report)[0]


def test_knobs_that_are_not_off_are_told_of_each_loss_and_of_the_one_advised(runs: pd.DataFrame) -> None:
    own = runs[runs["data.contamination"] == 0.2].assign(
        **{"loss.softmax": "false", "loss.label_smoothing": 0.0, "loss.stackable": "true"}
    )
    own.loc[own["loss.name"] == "mae", "loss.label_smoothing"] = 0.1
    own["loss.normalize"] = np.where(own["loss.name"] == "mse", "true", None)
    own.loc[own["loss.name"] == "mse", ["loss.level", "loss.levels"]] = 0.5, "[0.1,0.9]"
    own.loc[own["loss.name"] == "mae", ["loss.level", "loss.levels"]] = 0.5, "[]"
    told = " ".join(printed(own, Experiment("x", judge="rmse", select="mae")).split())
    assert "Train with huber (delta 1) at" in told
    # Several levels stand for the one, which says nothing beside them.
    knobs = "mse: normalize, levels [0.1,0.9]; mae: label smoothing 0.1, level 0.5; huber: delta 1"
    assert f"Knobs of the losses: {knobs}" in told


def test_swept_knobs_of_one_loss_are_rows_and_get_an_answer(runs: pd.DataFrame) -> None:
    own = runs[runs["loss.name"] == "huber"]
    worse = own.assign(**{"loss.delta": 2.0, "test/rmse": own["test/rmse"] + 1.0, "test_cross/huber": 1.0})
    report = build(Experiment("x", judge="rmse", select="mae"), pd.concat([own, worse]))
    (by_axis,) = report.by_axis
    assert by_axis.rows == ("huber, delta 1", "huber, delta 2")
    assert [column.head for column in by_axis.columns] == ["0", "0.2"]
    assert [[cell.mark for cell in column.cells] for column in by_axis.columns] == [["best", ""]] * 2
    assert [column.head for column in report.cross[0].columns] == ["huber"]
    assert [line.split(" at ")[0] for line in advice(report)] == [
        "contamination 0: train with huber, delta 1",
        "contamination 0.2: train with huber, delta 1",
    ]


def test_names_with_knobs_are_listed_with_semicolons(runs: pd.DataFrame) -> None:
    own = runs[(runs["loss.name"] == "huber") & (runs["data.contamination"] == 0.2)]
    alike = pd.concat([own.assign(**{"loss.delta": delta}) for delta in (1.0, 2.0, 3.0, 4.0)])
    (line,) = advice(build(Experiment("x", judge="rmse", select="mae"), alike))
    assert "and huber, delta 2; huber, delta 3 and huber, delta 4 give exactly the same" in line


def test_advice_keeps_names_as_they_are_written(runs: pd.DataFrame) -> None:
    two = pd.concat([runs.assign(**{"model.name": name}) for name in ("mlp", "linear")])
    lines = advice(build(Experiment("x", judge="rmse", select="mae"), two[two["data.contamination"] == 0.2]))
    assert [line.split(":")[0] for line in lines] == ["linear", "mlp"]
    assert all(": train with huber" in line for line in lines)


@pytest.mark.parametrize(
    ("seeds", "told"),
    [
        (12, "cannot be told from it; the spread seen asks for at least 38 seeds."),
        (40, "more than 100 seeds would be needed to separate the two, so take either."),
    ],
)
def test_advice_names_no_number_of_seeds_that_few_cannot_know_or_nobody_would_run(
    seeds: int, told: str
) -> None:
    shared = np.random.default_rng(1).normal(0, 1, seeds)
    noise = np.tile([0.03, -0.03], seeds // 2)
    rows = []
    for loss, own in (("mse", 0.0 * noise), ("mae", noise + 0.0005)):
        for seed in range(seeds):
            value = 5 + shared[seed] + own[seed]
            base = {"run_id": f"{loss}{seed}", "outcome": "finished", "status": "FINISHED", "reason": None}
            names = {"data.name": "outliers", "model.name": "mlp", "loss.name": loss, "optimizer.lr": 0.1}
            metrics = {"val_best/mae": value, "test/rmse": value}
            rows.append({**base, **names, **metrics, "seed": seed, "started": seed, "seconds": 1.0})
    (line,) = advice(build(Experiment("x", judge="rmse", select="mae"), pd.DataFrame(rows)))
    assert line.endswith(told)


def test_advice_compares_the_knobs_of_one_loss(runs: pd.DataFrame) -> None:
    own = runs[(runs["loss.name"] == "huber") & (runs["data.contamination"] == 0.2)]
    worse = own.assign(**{"loss.delta": 2.0, "test/rmse": own["test/rmse"] + 1.0})
    (line,) = advice(build(Experiment("x", judge="rmse", select="mae"), pd.concat([own, worse])))
    assert line.startswith("Train with huber, delta 1 at learning rate 0.01")


def test_results_csv_has_one_row_per_run_with_what_varies(runs: pd.DataFrame) -> None:
    table = results_table(build(Experiment("x", judge="rmse", select="mae"), runs))
    assert len(table) == len(runs)
    assert list(table.columns[:4]) == ["data.name", "model.name", "loss.name", "data.contamination"]


NUMBER = r"[-+]?\d[\d.]*(?:e[-+]\d+)?"


def told(runs: pd.DataFrame) -> tuple[str, str, list[str]]:
    """The report of a terminal, the page, and the first lines without their numbers."""
    report = build(Experiment("x", judge="rmse", select="mae", claims=(CLAIM,)), runs)
    return shown(report), markdown(report, {}), [line.partition(" (")[0] for line in advice(report)]


def test_every_number_of_a_report_can_be_read_in_any_units(make: Callable[..., pd.DataFrame]) -> None:
    runs = make(seeds=7)
    names = [name for name in runs.columns if name.startswith(("test/", "val_best/"))]
    *usual, lines = told(runs)
    pattern = rf"{NUMBER}(?: ?± ?{NUMBER}| \[{NUMBER}, {NUMBER}\])"
    for unit in (1e-12, 1e6, 1e20):
        *moved, again = told(runs.assign(**{name: runs[name] * unit for name in names}))
        assert again == lines
        for before, after in zip(usual, moved, strict=True):
            pairs = list(zip(re.findall(pattern, before), re.findall(pattern, after), strict=True))
            assert len(pairs) > 6
            for one, other in pairs:
                numbers = [float(part) for part in re.findall(NUMBER, one)]
                same = [float(part) / unit for part in re.findall(NUMBER, other)]
                assert same == pytest.approx(numbers, rel=0.1, abs=0.06 * max(map(abs, numbers)))
                assert all(len(part) <= 9 for part in re.findall(NUMBER, other))


def test_the_cross_table_says_in_which_units_losses_of_values_score(runs: pd.DataFrame) -> None:
    own = runs[runs["data.contamination"] == 0.2].assign(**{"test_cross/mse": 1.0, "test_cross/mae": 0.5})
    experiment = Experiment("x", judge="rmse", select="mae")
    said = "mae here is not in the units of the other tables"
    report = build(experiment, own)
    assert said in markdown(report, {})
    assert said in html(report, {})
    classes = own.drop(columns="test/rmse")
    classes = classes.rename(columns={"test/mae": "test/accuracy", "val_best/mae": "val_best/accuracy"})
    page = markdown(build(Experiment("x", judge="accuracy", select="accuracy"), classes), {})
    assert "scored by every loss" in page
    assert said not in page


def test_what_is_the_same_on_every_seed_has_no_spread_of_rounding(make: Callable[..., pd.DataFrame]) -> None:
    """Baselines do not depend on the seed; the mean of fifteen equal numbers is not always the number."""
    runs = make(seeds=15).assign(**{"test/rmse": 0.1})
    assert pd.Series([0.1] * 15).std() > 0
    report = build(Experiment("x", judge="rmse", select="mae"), runs)
    cells = [cell for table in report.by_axis for column in table.columns for cell in column.cells]
    assert {(cell.mean, cell.deviation) for cell in cells} == {(0.1, 0.0)}
