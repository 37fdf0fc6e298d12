"""A kept model predicts, for rows as they are, what its run predicted."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from omegaconf import DictConfig

import lossbench
from lossbench.errors import InputError
from lossbench.tracking import read_artifact, read_runs
from lossbench.train import train_many

TRAINED = ("optimizer.lr=0.02", "trainer.max_epochs=30", "tracking.models=true", "tracking.predictions=true")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    drawn = np.random.default_rng(0)
    found = pd.DataFrame({"a": drawn.normal(size=200), "b": drawn.choice(["x", "y"], 200)})
    return found.assign(y=100 + 20 * found.a + 5 * (found.b == "x"), up=np.where(found.a > 0, "yes", "no"))


@pytest.fixture(scope="module")
def uri(
    frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory, composed: Callable[..., DictConfig]
) -> str:
    """A number by two losses, and a class by one."""
    folder = tmp_path_factory.mktemp("kept")
    address = f"sqlite:///{folder}/mlflow.db"
    runs = []
    for target, other, losses in (("y", "up", ("mse", "pinball")), ("up", "y", ("cce",))):
        path = folder / f"{target}.csv"
        frame.drop(columns=other).to_csv(path, index=False)
        data = ("data=table", f"data.path={path}", f"data.target={target}", f"experiment.name={target}")
        runs += [composed(*data, *TRAINED, f"loss={one}", f"tracking.uri={address}") for one in losses]
    train_many(runs, n_jobs=1)
    return address


def ids(uri: str, name: str) -> list[str]:
    return list(read_runs(uri, name)["run_id"])


def test_a_number_is_what_the_run_predicted(frame: pd.DataFrame, uri: str) -> None:
    for run_id in ids(uri, "y"):
        model = lossbench.load(run_id, tracking_uri=uri)
        found = model.predict(frame.drop(columns="y"))
        content = read_artifact(uri, run_id, "predictions.npz")
        assert content is not None
        recorded = np.load(io.BytesIO(content))
        assert list(found.columns) == ["y"]
        assert found["y"].to_numpy()[recorded["example_id"]] == pytest.approx(recorded["value"], rel=1e-5)
        with pytest.raises(InputError, match=r"shape \(3, 2\), and the model reads \(N, 3\)"):
            model.predict(np.ones((3, 2)))
        assert len(model.predict(np.ones((3, 3)))) == 3


def test_a_class_is_called_by_its_name_with_the_probability_of_each(frame: pd.DataFrame, uri: str) -> None:
    (run_id,) = ids(uri, "up")
    found = lossbench.load(run_id, tracking_uri=uri).predict(frame.set_index(frame.index + 7))
    assert list(found.index) == list(range(7, 207))
    assert (found["up"].to_numpy() == frame["up"].to_numpy()).mean() > 0.9
    assert found[["p(no)", "p(yes)"]].sum(axis=1).to_numpy() == pytest.approx(1)
    assert found.loc[found["up"] == "yes", "p(yes)"].min() > 0.5


def test_what_cannot_be_loaded_is_refused(frame: pd.DataFrame, uri: str) -> None:
    with pytest.raises(InputError, match="has no run never"):
        lossbench.load("never", tracking_uri=uri)
    file = Path(uri.removeprefix("sqlite:///")).with_name("up.csv")
    frame.drop(columns="y").assign(a=0.5 + np.arange(200)).to_csv(file, index=False)
    with pytest.raises(InputError, match="has changed since"):
        lossbench.load(ids(uri, "up")[0], tracking_uri=uri)
