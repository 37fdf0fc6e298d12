"""Linear models on the tables that scikit-learn brings are as good as its own, on the same rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, root_mean_squared_error

from lossbench.data.source import DataSet
from lossbench.job import Member
from lossbench.pack.fate import MemberResult

Train = Callable[..., list[tuple[Member, MemberResult]]]
SEEDS = range(8)
# At a rate that decays to zero the last epoch stands near the optimum of the training loss.
KNOBS = "model=linear trainer.max_epochs=40 optimizer.lr=0.03 optimizer.schedule=cosine"
ROWS = {"wine": 106, "breast_cancer": 341, "digits": 1079}  # that train


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables as files, classes by their names."""
    folder = tmp_path_factory.mktemp("tables")
    for name in ("wine", "breast_cancer", "digits", "diabetes"):
        more: dict[str, Any] = {"scaled": False} if name == "diabetes" else {}
        table: Any = getattr(datasets, f"load_{name}")(as_frame=True, **more)
        frame = table.frame
        if "target_names" in table:
            frame["target"] = np.asarray(table.target_names)[frame["target"]]
        frame.to_csv(folder / f"{name}.csv", index=False)
    return folder


def rows(data: DataSet, part: str, kind: str) -> tuple[Any, Any]:
    own = getattr(data, part)
    return data.inputs[own.rows].double().numpy(), own.targets[kind].numpy()


@dataclass(frozen=True)
class Compared:
    """A metric of each seed (S,): of lossbench, and of scikit-learn's model on the same rows."""

    own: NDArray[np.float64]
    theirs: NDArray[np.float64]

    def differ_by_less_than_chance(self) -> bool:
        """One standard error of the difference of the means over seeds."""
        error = np.sqrt((self.own.var(ddof=1) + self.theirs.var(ddof=1)) / len(self.own))
        return bool(abs(self.own.mean() - self.theirs.mean()) <= error)


def compared(train: Train, tables: Path, name: str, loss: str, metric: str) -> tuple[Compared, Compared]:
    """On validation at the end of training, and on test where validation chose the epoch."""
    base = f"data=table data.path={tables}/{name}.csv data.target=target loss={loss} {KNOBS}"
    # LogisticRegression with C=1 adds half the squared weights to the sum of the losses.
    base += f" optimizer.weight_decay={1 / ROWS[name]}" if name in ROWS else ""
    base += f" trainer.batch_size={16 if name == 'wine' else 64}"
    found: dict[str, list[tuple[float, float]]] = {"val": [], "test": []}
    for member, result in train(*(f"{base} seed={seed}" for seed in SEEDS)):
        data = member.source.load(member.seed, "vector")
        assert isinstance(data, DataSet)
        kind = member.target.kind
        model: Any = LinearRegression() if kind == "continuous" else LogisticRegression(max_iter=1000)
        model.fit(*rows(data, "train", kind))
        own = {"val": result.history[f"val/{metric}"][-1][1], "test": result.metrics[f"test/{metric}"]}
        for part, values in found.items():
            inputs, truth = rows(data, part, kind)
            score = accuracy_score if metric == "accuracy" else root_mean_squared_error
            values.append((own[part], float(score(truth, model.predict(inputs)))))
    val, test = (Compared(*np.array(found[part]).T) for part in ("val", "test"))
    return val, test


@pytest.mark.parametrize(
    ("name", "loss", "metric"),
    [
        ("wine", "cce", "accuracy"),
        ("diabetes", "mse", "rmse"),
        pytest.param("breast_cancer", "bce", "accuracy", marks=pytest.mark.slow),
        pytest.param("digits", "cce", "accuracy", marks=pytest.mark.slow),
    ],
)
def test_a_linear_model_is_as_good_as_that_of_scikit_learn(
    train: Train, tables: Path, name: str, loss: str, metric: str
) -> None:
    for found in compared(train, tables, name, loss, metric):
        assert found.differ_by_less_than_chance(), found
