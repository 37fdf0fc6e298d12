"""A finished run is trained again from what MLflow holds; its numbers are the same, or the rest is told."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from lossbench.config.folders import conf_dir
from lossbench.errors import InputError
from lossbench.metrics.recorded import as_text, of_text, of_texts
from lossbench.outcome import Outcome
from lossbench.rerun import TOLERANCE, _newer, _sorted, main, rerun
from lossbench.train import train_many

SMALL = (
    "hydra/launcher=basic data.train_size=64 data.val_size=20 data.test_size=20 trainer.max_epochs=2 "
    "trainer.batch_size=32 model.dropout=0.1"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rerun")


@pytest.fixture(scope="module")
def trained(folder: Path) -> list[Outcome]:
    """A pack of three: two finish, one diverges."""
    overrides = ["loss=huber loss.delta=0.5 seed=3", "loss=mse pack.mode=loop", "loss=mse optimizer.lr=1e30"]
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        uri = f"tracking.uri=sqlite:///{folder}/mlflow.db"
        configs = [compose("config", [*SMALL.split(), *words.split(), uri]) for words in overrides]
    return train_many(configs, n_jobs=1)


def uri(folder: Path) -> str:
    return f"sqlite:///{folder}/mlflow.db"


def test_every_result_is_the_same_to_the_bit(trained: list[Outcome], folder: Path) -> None:
    assert [outcome.outcome for outcome in trained] == ["finished", "finished", "diverged"]
    for outcome in trained:
        comparison = rerun(str(outcome.run_id), uri(folder))
        assert (comparison.close, comparison.apart, comparison.different) == ({}, [], [])
        assert outcome.outcome == "diverged" or comparison.same > 10


def test_what_a_record_knows_nothing_of_is_said_and_no_difference() -> None:
    """Metrics of a later release; one that the record describes and lacks was not finite, and differs."""
    told = as_text(of_text("")[:1])  # mae, rmse, median_ae and r2
    now = {"train/loss": 1.0, "test/mae": 1.0, "test/mcc": 0.5, "val_best/mcc": 0.4, "test_cross/new": 2.0}
    assert _newer({"train/loss": 1.0}, now, told) == ["test/mcc", "test_cross/new", "val_best/mcc"]


def change(folder: Path, run_id: str, statement: str, *values: object) -> None:
    """What another machine, or a fault, would have recorded."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        database.execute(statement + " AND run_uuid = ?", (*values, run_id))


def test_what_differs_is_listed(
    trained: list[Outcome], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = str(trained[0].run_id)
    versions = json.dumps({"torch": "1.0", "lossbench": "0.1.0"})
    for tag, value in ("versions", versions), ("fingerprint", "f" * 64), ("commit", "c0ffee"):
        change(folder, run_id, "UPDATE tags SET value = ? WHERE key = ?", value, f"lossbench.{tag}")
    set_metric = "UPDATE latest_metrics SET value = value * ? WHERE key = ?"
    change(folder, run_id, set_metric, 1 + TOLERANCE / 10, "test/rmse")
    assert main([run_id, f"tracking.uri={uri(folder)}"]) == 0
    told = capsys.readouterr().out
    assert "the same to rounding" in told
    for words in "torch: 1.0 recorded", f"data: {'f' * 64} recorded", "commit: c0ffee recorded":
        assert words in told

    change(folder, run_id, set_metric, 1.5, "test/mae")
    assert main([run_id, f"tracking.uri={uri(folder)}"]) == 1
    assert "NOT the same: 1 of" in (told := capsys.readouterr().out)
    assert "test/mae: " in told


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_results_in_units_of_the_target_are_compared_in_any_unit(unit: float) -> None:
    near, far = {"test/mae": unit * (1 + TOLERANCE / 2)}, {"test/mae": unit * (1 + TOLERANCE * 2)}
    same, close, apart = _sorted({"test/mae": unit}, near, of_texts())
    assert (same, len(close), apart) == (0, 1, [])
    assert _sorted({"test/mae": unit}, far, of_texts())[2] == [("test/mae", unit, far["test/mae"])]


def test_what_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "garbage.db").write_text("no database at all " * 100)
    (tmp_path / "empty.db").touch()
    for name, words in (
        ("folder.db", "names a folder; name a file in it"),
        ("garbage.db", "garbage.db is not a complete MLflow database; move it away"),
        ("empty.db", "empty.db is empty; run a sweep first"),
    ):
        with pytest.raises(InputError) as refusal:
            rerun("0123", f"sqlite:///{tmp_path}/{name}")
        assert words in str(refusal.value)
        assert "\n" not in str(refusal.value)
    assert (tmp_path / "empty.db").stat().st_size == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.db", "folder.db", "garbage.db"]


def test_a_recorded_model_that_is_too_big_is_told_in_a_sentence(
    trained: list[Outcome], folder: Path, program: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    run_id = str(trained[2].run_id)
    recorded = json.loads(tags_of(folder, run_id)["lossbench.config"])
    recorded["model"]["hidden"] = [9223372036854775807]
    change(
        folder, run_id, "UPDATE tags SET value = ? WHERE key = ?", json.dumps(recorded), "lossbench.config"
    )
    done = program(run_id, f"tracking.uri={uri(folder)}", module="lossbench.rerun", folder=folder)
    assert done.returncode == 2
    assert done.stderr.startswith("lossbench: The memory does not suffice (")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("text", ["not JSON", "[1]", "5", "[" * 100_000])
def test_tags_that_somebody_has_changed_are_refused_or_told(
    trained: list[Outcome], folder: Path, text: str
) -> None:
    run_id = str(trained[1].run_id)
    before = tags_of(folder, run_id)
    change(folder, run_id, "UPDATE tags SET value = ? WHERE key = ?", text, "lossbench.versions")
    comparison = rerun(run_id, uri(folder))
    assert comparison.agrees
    assert any(line.startswith("torch: unknown recorded, ") for line in comparison.different)
    change(folder, run_id, "UPDATE tags SET value = ? WHERE key = ?", text, "lossbench.config")
    with pytest.raises(InputError, match=f"The config of run {run_id} cannot be read; train it by its sweep"):
        rerun(run_id, uri(folder))
    for name in ("lossbench.versions", "lossbench.config"):
        change(folder, run_id, "UPDATE tags SET value = ? WHERE key = ?", before[name], name)


def tags_of(folder: Path, run_id: str) -> dict[str, str]:
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        return dict(database.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (run_id,)).fetchall())


def test_what_cannot_be_compared_is_refused(trained: list[Outcome], folder: Path, tmp_path: Path) -> None:
    run_id = str(trained[1].run_id)
    with pytest.raises(InputError, match="has no run 0123"):
        rerun("0123", uri(folder))
    with pytest.raises(InputError, match="There is no tracking database"):
        rerun(run_id, f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(InputError, match="One run id is wanted"):
        main([])
    with pytest.raises(InputError, match="seed is no option"):
        main([run_id, "seed=3"])
    change(folder, run_id, "UPDATE tags SET value = 'failed' WHERE key = ?", "lossbench.outcome")
    with pytest.raises(InputError, match="is failed; only a finished"):
        rerun(run_id, uri(folder))
