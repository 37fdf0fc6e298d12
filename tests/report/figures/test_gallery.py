"""A report gets the figures for which it has data, and never fails for want of one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from lossbench.claims.claim import Claim, Experiment
from lossbench.report.figures import gallery
from lossbench.report.figures.drawn import few
from lossbench.report.figures.predicted import predicted_values, training_points
from lossbench.tracking import read_runs
from lossbench.tracking.runs import ARTIFACTS, EXPERIMENT, KEY, KIND, OUTCOME
from lossbench.verdicts.budget import Crossing
from lossbench.verdicts.build import build
from lossbench.verdicts.findings import Report
from lossbench.verdicts.predictions import Reader, reader

CLAIM = Claim("a", "MAE beats MSE.", "source", {"loss": "mae"}, {"loss": "mse"}, "rmse")


@pytest.fixture(scope="module")
def store(database: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two losses, two rates and four seeds with curves and predictions, written by MLflow's own client."""
    folder = tmp_path_factory.mktemp("store")
    shutil.copy(database, folder / "mlflow.db")
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    place = client.create_experiment("made_up", artifact_location=str(folder / "artifacts"))
    for loss, worth in (("mse", 0.5), ("mae", 0.1)):
        for rate in (0.001, 0.01):
            for seed in range(4):
                _write(client, place, folder, loss, rate, seed, worth + 10 * rate + 0.01 * seed)
    return f"sqlite:///{folder}/mlflow.db"


def _write(
    client: MlflowClient, place: str, folder: Path, loss: str, rate: float, seed: int, value: float
) -> None:
    tags = {KIND: "member", OUTCOME: "finished", KEY: f"{loss} {rate} {seed}", EXPERIMENT: "made_up"}
    tags[ARTIFACTS] = "predictions.npz"
    run_id = client.create_run(place, tags=tags).info.run_id
    params = {"seed": seed, "data.name": "outliers", "model.name": "mlp", "loss.name": loss}
    params |= {"optimizer.name": "adam", "optimizer.lr": rate}
    curve = [Metric("val/mae", value + 1 / step, 0, step) for step in range(1, 5)]
    last = {"val_best/mae": value, "test/rmse": value, "test_cross/mse": value, "test_cross/mae": value}
    client.log_batch(
        run_id,
        metrics=[*curve, *(Metric(name, number, 0, 0) for name, number in last.items())],
        params=[Param(name, str(param)) for name, param in params.items()],
    )
    xs = np.linspace(-3, 3, 50)
    np.savez(
        folder / "predictions.npz", value=np.sin(xs) + value, target_continuous=np.sin(xs), inputs=xs[:, None]
    )
    client.log_artifact(run_id, str(folder / "predictions.npz"))
    client.set_terminated(run_id, "FINISHED")


@pytest.fixture(scope="module")
def report(store: str) -> Report:
    return build(
        Experiment("made_up", judge="rmse", select="mae", claims=(CLAIM,)), read_runs(store, "made_up")
    )


def test_a_report_gets_what_its_runs_can_show(report: Report, store: str) -> None:
    pictures = gallery.draw(report, store)
    assert set(pictures) == {
        "metric.svg",
        "claims.svg",
        "residuals.svg",
        "fitted_curves.svg",
        "learning_curves.svg",
        "learning_rates.svg",
        "budget.svg",
        "cross.svg",
    }
    for picture in pictures.values():
        assert picture.content.startswith(b"<svg ")
        assert len(picture.content) < 120_000
        assert picture.caption.endswith(".")
        assert "[" not in picture.caption
        assert picture.alt.endswith(".")
        assert "nan" not in picture.alt
    assert "mae 0.125 (" in pictures["metric.svg"].alt  # the mean of the planted results, the better first
    assert pictures["metric.svg"].alt.index("mae") < pictures["metric.svg"].alt.index("mse")
    assert "MAE beats MSE: inconclusive, +0.4" in pictures["claims.svg"].alt


def test_the_same_records_give_the_same_bytes(report: Report, store: str) -> None:
    first, second = (gallery.draw(report, store) for _ in range(2))
    assert first == second


def test_all_are_pngs_where_pixels_are_asked_for(
    report: Report, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "PARTS", (gallery._headline,))
    (picture,) = gallery.draw(report, store, pixels=True).values()
    assert picture.content.startswith(b"\x89PNG")
    assert len(picture.content) < 120_000


def test_runs_without_curves_and_predictions_lose_those_figures_alone(
    make: Callable[..., pd.DataFrame], store: str
) -> None:
    runs = make(seeds=4)
    bare = build(Experiment("bare", judge="rmse", select="mae"), runs)
    pngs = gallery.draw(bare, store)  # whose database knows none of these runs
    assert set(pngs) == {"metric_by_axis.svg", "learning_rates.svg", "budget.svg"}


def test_a_report_of_nothing_has_no_figures(report: Report, store: str) -> None:
    empty = replace(
        report,
        chosen=report.chosen.iloc[:0],
        ranked=report.ranked.iloc[:0],
        budget=report.budget.iloc[:0],
        verdicts=(),
        cross=(),
    )
    assert gallery.draw(empty, store) == {}


def test_a_figure_that_fails_is_told_and_left_out(
    report: Report, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(report: Report, uri: str) -> Iterator[gallery.Drawn]:
        raise ValueError("no paint")
        yield

    monkeypatch.setattr(gallery, "PARTS", (broken, gallery._claims))
    with pytest.warns(UserWarning, match="No figure of broken: ValueError: no paint"):
        pngs = gallery.draw(report, store)
    assert set(pngs) == {"claims.svg"}


def test_a_damaged_file_is_a_figure_less(report: Report, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_bytes", lambda self: b"PK cut off")
    assert list(predicted_values(report, store)) == []


def test_only_what_a_figure_needs_is_unpacked(report: Report, store: str) -> None:
    run = str(report.chosen["run_id"].iloc[0])
    assert set(reader(store, report.chosen)(run) or ()) == {"value", "target_continuous", "inputs"}
    assert set(reader(store, report.chosen, ("value",))(run) or ()) == {"value", "target_continuous"}


def test_predictions_of_all_seeds_are_pooled_and_fewer_are_said(
    report: Report, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (errors, _) = predicted_values(report, store)
    assert "over all 4 seeds" in errors.caption
    unread = set(report.chosen.loc[report.chosen["seed"] == 0, "run_id"])

    def some(uri: str, rows: pd.DataFrame, needs: Collection[str]) -> Reader:
        read = reader(uri, rows, needs)
        return lambda run: None if run in unread else read(run)

    monkeypatch.setattr("lossbench.report.figures.stored.reader", some)
    (errors, _) = predicted_values(report, store)
    assert "over 3 of 4 seeds, those whose predictions are kept" in errors.caption


def test_few_keeps_the_first_and_the_last() -> None:
    found = [(str(place), pd.DataFrame()) for place in range(9)]
    assert [name for name, _ in few(found, 4)] == ["0", "3", "5", "8"]
    assert [name for name, _ in few(found, 1)] == ["0"]
    assert few(found, 9) == found


def test_conditions_without_room_are_counted_in_the_caption(
    make: Callable[..., pd.DataFrame], store: str
) -> None:
    many = pd.concat([make(seeds=2).assign(**{"data.noise": value}) for value in range(6)])
    crowded = build(Experiment("x", judge="rmse", select="mae"), many)
    (rates,), (headline,) = (part(crowded, store) for part in (gallery._rates, gallery._headline))
    assert rates.caption.endswith("(8 of 12 conditions).")
    assert "of 2 conditions" not in headline.caption


def test_swept_knobs_of_a_loss_are_lines_of_one_panel(make: Callable[..., pd.DataFrame], store: str) -> None:
    runs = make(seeds=4).query("`loss.name` == 'huber'")
    many = pd.concat([runs.assign(**{"loss.delta": delta}) for delta in (0.3, 1.0, 10.0)])
    knobs = build(Experiment("x", judge="rmse", select="mae"), many)
    for part in (gallery._rates, gallery._budget):
        (drawn,) = part(knobs, store)
        assert [axes.get_title(loc="left") for axes in drawn.figure.axes] == [
            "contamination 0",
            "contamination 0.2",
        ]
        names = [text.get_text() for text in drawn.figure.legends[0].get_texts()]
        assert names == ["huber, delta 0.3", "huber, delta 1", "huber, delta 10"]


def test_a_ring_marks_only_who_takes_the_lead(report: Report, store: str) -> None:
    turns = (Crossing({}, "mae", "mse", 2, behind=1, ahead=3, leads=False),)
    for leads, rings in ((False, 0), (True, 1)):
        turning = replace(report, crossings=tuple(replace(turn, leads=leads) for turn in turns))
        (drawn,) = gallery._budget(turning, store)
        found = [line for line in drawn.figure.axes[0].lines if str(line.get_gid()).startswith("crossing")]
        assert len(found) == rings


def test_training_points_are_those_of_the_run_or_none() -> None:
    from lossbench.data.outliers import Outliers

    source = Outliers(name="outliers", curve="sine", train_size=20, contamination=0.5)
    run = pd.Series(
        {
            "data.name": "outliers",
            "data.curve": "sine",
            "data.train_size": 20.0,
            "data.contamination": 0.5,
            "seed": 3,
            "lossbench.fingerprint": source.fingerprint(3),
        }
    )
    found = training_points(run)
    assert found is not None
    np.testing.assert_allclose(found[1], source.load(3, "vector").train.targets["continuous"])
    assert training_points(run.replace({0.5: 0.4})) is None  # another fingerprint
    assert training_points(run.replace({"sine": "friedman1"})) is None


@pytest.mark.parametrize(("seeds", "said"), [(1, "one seed"), (3, "mean over 3 seeds"), (4, "mean and 95%")])
def test_captions_promise_no_band_that_is_not_drawn(
    make: Callable[..., pd.DataFrame], store: str, seeds: int, said: str
) -> None:
    runs = make(seeds=seeds)
    bare = Experiment("bare", judge="rmse", select="mae")
    (over_axis,) = gallery._headline(build(bare, runs), store)
    assert over_axis.name == "metric_by_axis.svg"
    assert said in over_axis.caption
    assert ("95%" in over_axis.caption) == (seeds >= 4)
    one = runs[(runs["data.contamination"] == 0) & (runs["optimizer.lr"] == 0.01)]
    (dots,) = gallery._headline(build(bare, one), store)
    assert dots.name == "metric.svg"
    assert said in dots.caption
    assert "at the learning rate that was given" in dots.caption
