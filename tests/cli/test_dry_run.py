"""A dry run shows columns, splits, packs and an estimate, and leaves no trace."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from lossbench.cli import app
from lossbench.cli.dry_run import Shown, duration, instead, show
from lossbench.config.folders import conf_dir
from lossbench.errors import InputError
from lossbench.job import jobs_from
from lossbench.pack.plan import plan
from lossbench.pack.timing import _side_by_side, estimate
from lossbench.train import train_many

CSV = ["data=csv", "data.path=t.csv", "data.target=y"]
SHORT = ["data.train_size=64", "data.val_size=20", "data.test_size=20"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a table."""
    generator = np.random.default_rng(0)
    table = pd.DataFrame({"a": generator.normal(size=100), "id": range(100), "y": generator.normal(size=100)})
    table.to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def configs() -> Iterator[list[DictConfig]]:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        yield [compose("config", [*CSV, "trainer.max_epochs=3", f"seed={seed}"]) for seed in range(4)]


def typed(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """The command in this process."""
    monkeypatch.setattr("sys.argv", ["lossbench", *arguments])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")  # so that what `run` sets does not stay
    monkeypatch.setattr("logging.raiseExceptions", True)
    app.run()


@pytest.mark.parametrize(
    ("line", "runs"),
    [
        (["-m", *CSV, "loss=mse,huber", "seed=0,1", "hydra.sweep.dir=mine"], "4 runs in 1 pack"),
        ([*CSV, "hydra.run.dir=mine", "hydra.job.chdir=true"], "1 run in 1 pack"),
        (["-m", "experiment=demo_outliers", *SHORT], "144 runs in 2 packs"),
    ],
)
def test_everything_is_shown_and_no_file_or_folder_made(
    line: list[str],
    runs: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="0"):
        typed(monkeypatch, "--dry-run", *line)
    said = capsys.readouterr()
    assert [path.name for path in folder.iterdir()] == ["t.csv"]
    assert said.out.startswith("Dry run: nothing is recorded or kept.\n")
    assert f"\n{runs}\n" in said.out
    assert "stacked (its members stack), " in said.out
    assert "training in 1 process: about " in said.out
    assert "Error" not in said.err
    if CSV[0] in line:
        assert "t.csv: 100 rows\n  target: y, " in said.out
        assert "numbers: a\n  left out: id (numbers of the rows" in said.out
        assert "inputs vector 1, targets continuous; 60 rows to train, 20 to validate, 20 to test" in said.out


def test_of_a_sweep_with_halving_the_first_round_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        typed(monkeypatch, "--dry-run", "-m", *SHORT, "trials=8", "halving=true", "seed=range(5)")
    said = capsys.readouterr()
    assert "\n16 runs in 1 pack\n" in said.out  # 8 trials on 2 of the 5 seeds
    assert "first round of halving=true: the better half of the trials goes on to more seeds.\n" in said.out
    assert not said.err


def test_what_is_finished_is_not_planned_and_the_record_stays_as_it_is(
    configs: list[DictConfig], folder: Path, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(database, folder / "mlflow.db")
    train_many(configs[:3])
    before = hashlib.sha256((folder / "mlflow.db").read_bytes()).digest()
    names = sorted(path.name for path in folder.iterdir())
    capsys.readouterr()
    with pytest.raises(Shown):
        show(configs)
    assert "1 run in 1 pack, 3 of 4 are finished" in capsys.readouterr().out
    with pytest.raises(Shown):
        show(configs[:3])
    assert "3 runs, all finished: nothing to train" in capsys.readouterr().out
    assert hashlib.sha256((folder / "mlflow.db").read_bytes()).digest() == before
    assert sorted(path.name for path in folder.iterdir()) == names


def test_a_fault_is_refused_as_in_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        typed(monkeypatch, "--dry-run", "-m", *CSV[:2], "data.target=z", "seed=0,1")
    assert "data.target=z is no column of t.csv" in capsys.readouterr().err
    with pytest.raises(InputError, match="leave hydra/launcher=basic out"), instead(["hydra/launcher=basic"]):
        pass


def test_each_kind_of_pack_is_timed_and_work_scales_the_estimate(configs: list[DictConfig]) -> None:
    jobs = jobs_from(configs)
    short = estimate(plan(jobs, 1, 128))
    assert (short.timed, short.kinds, len(short.of_pack)) == (1, 1, 1)
    assert short.seconds == short.of_pack[0] > 0
    for config in configs[2:]:
        config.trainer.batch_size = 32
    both = estimate(plan(jobs_from(configs), 1, 128))
    assert (both.timed, both.kinds) == (2, 2)


def test_packs_run_side_by_side_in_their_order() -> None:
    assert _side_by_side([3, 1, 1, 1], 2) == 3
    assert _side_by_side([1, 1, 4], 2) == 5
    assert _side_by_side([1, 2], 1) == 3


def test_durations_have_two_digits() -> None:
    told = [duration(seconds) for seconds in (0.04, 0.83, 1.26, 42, 95, 5000, 20000)]
    assert told == ["0.04 s", "0.8 s", "1.3 s", "42 s", "1.6 min", "83 min", "5.6 h"]
