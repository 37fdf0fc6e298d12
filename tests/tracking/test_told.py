"""What a run leaves in MLflow beside its numbers."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import torch
from hydra import compose
from sklearn.metrics import mean_absolute_error, root_mean_squared_error
from torch import nn

from lossbench.claims.claim import Experiment
from lossbench.data.cache import DataCache
from lossbench.data.labels import names_of_text
from lossbench.data.source import DataSet
from lossbench.outcome import Outcome
from lossbench.pack.engine import build_modules
from lossbench.report.figures.stored import class_names, of_losses
from lossbench.review.refresh import refresh
from lossbench.tracking import read_artifact, read_runs
from lossbench.train import train_many
from lossbench.verdicts.build import build
from lossbench.verdicts.results import select_of

pytestmark = pytest.mark.usefixtures("composing")

SMALL = ["data.train_size=60", "data.val_size=20", "data.test_size=20", "trainer.max_epochs=3"]
FILE = "state_dict.pt"


def train(uri: str, *overrides: str) -> tuple[Outcome, bytes | None]:
    (outcome,) = train_many([compose("config", [*overrides, f"tracking.uri={uri}"])], n_jobs=1)
    return outcome, read_artifact(uri, str(outcome.run_id), FILE)


def rebuilt(outcome: Outcome, kept: bytes | None) -> tuple[nn.Module, DataSet]:
    """The run's model with the kept weights, and its data."""
    assert kept is not None
    member = outcome.job.member
    data = DataCache().load(member.source, member.seed, member.reads)
    (module,) = build_modules([member], data.description.inputs)
    module.load_state_dict(torch.load(io.BytesIO(kept), weights_only=True))
    return module.eval(), data


@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_the_weights_that_are_kept_are_those_that_were_tested(uri: str, mode: str) -> None:
    knobs = ["optimizer=sgd", "optimizer.lr=0.3", "trainer.max_epochs=8", "model.dropout=0.2"]
    outcome, kept = train(uri, *SMALL, *knobs, f"pack.mode={mode}", "tracking.models=true")
    module, data = rebuilt(outcome, kept)
    units = data.units["continuous"]
    with torch.no_grad():
        value = module(data.inputs[data.test.rows])[:, 0] * units.scale + units.shift
    truth = data.test.targets["continuous"]
    assert outcome.metrics["test/mae"] == pytest.approx(mean_absolute_error(truth, value), rel=1e-5)
    assert outcome.metrics["test/rmse"] == pytest.approx(root_mean_squared_error(truth, value), rel=1e-5)
    assert outcome.metrics["val_best/epoch"] < 8  # else the last weights would do


OWN = """
from lossbench.data.outliers import Outliers


class Mine(Outliers):
    select = "r2"
"""


def test_the_metric_by_which_a_users_data_set_chooses_is_used_wherever_rates_are_chosen(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_data.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    own = ["data._target_=own_data.Mine", "data.name=mine", "experiment.name=own", f"tracking.uri={uri}"]
    own += ["trainer.max_epochs=20", "data.val_size=100"]  # so that no luck of an epoch hides the better rate
    rates = [f"optimizer.lr={rate}" for rate in (1e-5, 1e-2)]
    train_many([compose("config", [*SMALL, *own, rate]) for rate in rates], n_jobs=1)
    runs = read_runs(uri, "own")
    assert runs["lossbench.select"].tolist() == ["r2"] * 2
    report = build(Experiment("own"), runs, select_of(runs))
    assert report.select == "r2"
    assert report.ranked.iloc[0]["optimizer.lr"] == 1e-2  # of r2 more is better
    refresh(uri, "own")
    (summary,) = read_runs(uri, "own", ["summary"]).to_dict("records")
    assert summary["optimizer.lr"] == 1e-2
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        notes = database.execute("SELECT value FROM tags WHERE key = 'mlflow.note.content'").fetchall()
    assert ["validation r2" in note for (note,) in notes] == [True]


def test_a_run_says_where_its_data_comes_from_and_the_report_shows_it(uri: str, tmp_path: Path) -> None:
    rows = "".join(f"{i * i},{i % 7},{3 * i}\n" for i in range(60))
    (tmp_path / "t.csv").write_text("a,b,y\n" + rows)
    table = ["data=csv", "data.path=t.csv", "data.target=y", "trainer.max_epochs=1", f"tracking.uri={uri}"]
    train_many([compose("config", table)])
    runs = read_runs(uri, "adhoc")
    assert json.loads(runs["lossbench.places"][0]) == ["data.path"]
    (line,) = build(Experiment("adhoc"), runs).data
    assert line.startswith("csv (t.csv, target y), fingerprint ")


def test_a_run_keeps_the_names_of_its_classes_and_figures_have_them(uri: str, tmp_path: Path) -> None:
    rows = "".join(f"{i * i},{('owl', 'cat', 'dog')[i % 3]}\n" for i in range(90))
    (tmp_path / "t.csv").write_text("a,y\n" + rows)
    table = ["data=csv", "data.path=t.csv", "data.target=y", "trainer.max_epochs=1", f"tracking.uri={uri}"]
    train_many([compose("config", [*table, "loss=cce", "tracking.predictions=true"])])
    runs = read_runs(uri, "adhoc")
    names = ("cat", "dog", "owl")
    assert names_of_text(runs["lossbench.classes"][0]) == {"multiclass": names, "identity": names}
    ((run,),) = of_losses(uri, runs, ("scores",)).values()
    assert class_names(run) == names


def test_weights_are_kept_only_when_asked_for(uri: str) -> None:
    assert train(uri, *SMALL)[1] is None


def test_a_model_that_diverged_is_not_kept(uri: str) -> None:
    outcome, kept = train(uri, *SMALL, "optimizer=sgd", "optimizer.lr=1e30", "tracking.models=true")
    assert (outcome.outcome, kept) == ("diverged", None)


@pytest.mark.parametrize(
    ("loss", "log", "word"),
    [
        ("mse", False, "mean"),
        ("mse", True, "geometric mean"),
        ("mae", True, "median"),
        ("quantiles", False, None),
    ],
)
def test_a_run_says_what_its_loss_elicits(
    uri: str, tmp_path: Path, loss: str, log: bool, word: str | None
) -> None:
    rows = "\n".join(f"{row % 7}.5,{1 + row * 7 % 30}.25" for row in range(60))
    (tmp_path / "t.csv").write_text(f"a,y\n{rows}\n")
    own = ["data=csv", "data.path=t.csv", "data.target=y", f"loss={loss}", f"data.log_target={log}"]
    outcome, _ = train(uri, *own, "trainer.max_epochs=1", "experiment.name=told")
    assert outcome.outcome == "finished"
    assert read_runs(uri, "told")["lossbench.elicits"].tolist() == [word or "quantiles 0.1, 0.5, 0.9"]
