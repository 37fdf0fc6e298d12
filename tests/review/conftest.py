"""Made-up sweeps in real databases, whose results are known in advance."""

from __future__ import annotations

import math
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lossbench.data.source import Description
from lossbench.task import Inputs, Target
from lossbench.tracking import RunResult, RunStart, Store
from lossbench.tracking.creation import prepare_database

LEVEL = {"mse": 3.0, "mae": 2.0, "huber": 1.0}
EPOCHS = 5


def result_of(loss: str, rate: float, seed: int) -> float:
    """The planted test rmse: rate 0.01 is the best for every loss."""
    return LEVEL[loss] + abs(math.log10(rate / 0.01)) + 0.1 * seed


def record(
    uri: str,
    losses: Sequence[str] = tuple(LEVEL),
    rates: Sequence[float] = (0.001, 0.01, 0.1),
    seeds: Sequence[int] = (0, 1, 2),
    outcomes: dict[tuple[str, float, int], str] | None = None,
    experiment: str = "demo",
    metric: str = "rmse",
    **params: str,
) -> None:
    """Record a sweep as training would; `outcomes` names the runs that did not finish."""
    given = {"data.name": "outliers", "model.name": "mlp", "trainer.name": "default", **params}
    name = given["data.name"]
    description = Description(
        name, Inputs("vector", (10,)), (Target("continuous"),), {"train": 800}, "made up", f"{name}-0"
    )
    grid = [(loss, rate, seed) for loss in losses for rate in rates for seed in seeds]
    starts, results = [], []
    for loss, rate, seed in grid:
        own = {**given, "loss.name": loss, "optimizer.lr": str(rate), "seed": str(seed)}
        tags = {"lossbench.loss": loss, "lossbench.data": name}
        title = f"{loss} lr={rate} seed={seed}"
        starts.append(RunStart(str(sorted(own.items())), experiment, title, own, tags, description))
    with Store(uri) as store:
        for run_id, (loss, rate, seed) in zip(store.start(starts), grid, strict=True):
            outcome: Any = (outcomes or {}).get((loss, rate, seed), "finished")
            value = result_of(loss, rate, seed)
            curve = [(epoch, value + 1 / epoch) for epoch in range(1, EPOCHS + 1)]
            history = {f"val/{metric}": curve, "train/loss": curve}
            metrics = {f"test/{metric}": value, f"best/{metric}": value + 0.2, "best/epoch": 5.0}
            if outcome == "finished":
                results.append(RunResult(run_id, outcome, history=history, metrics=metrics))
            else:
                results.append(RunResult(run_id, outcome, "it was planted"))
        store.finish(results)


@pytest.fixture(scope="session")
def sweep() -> Callable[..., None]:
    return record


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "mlflow.db"
    prepare_database(path)
    return path


@pytest.fixture
def uri(empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty database in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path / "cache"))
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def query(uri: str) -> Callable[..., list[tuple[Any, ...]]]:
    """Rows of the database."""

    def ask(statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as database:
            return database.execute(statement, values).fetchall()

    return ask
