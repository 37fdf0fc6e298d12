"""Linear regression agrees with independent solvers on the very same examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import HuberRegressor, LinearRegression, QuantileRegressor
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from lossbench.data.outliers import Outliers
from lossbench.data.source import DataSet
from lossbench.job import Member
from lossbench.pack.fate import MemberResult
from lossbench.task import Units

Train = Callable[..., list[tuple[Member, MemberResult]]]
Floats = NDArray[np.float64]

# Full batches and a rate that decays to zero: the last epoch stands at the optimum of the training loss.
KNOBS = (
    "data=outliers model=linear trainer.batch_size=1000 trainer.max_epochs=150 "
    "optimizer=sgd optimizer.lr=0.2 optimizer.schedule=cosine"
)
EPSILON = 1.35  # of HuberRegressor, in units of the scale that it estimates beside the weights
EVERY_LOSS = pytest.mark.parametrize("loss", ["mse", "mae", "huber"])


@dataclass(frozen=True)
class Solved:
    """What scikit-learn makes of one data set of outliers, seen as a loss sees it: shifted and scaled."""

    data: DataSet

    @property
    def units(self) -> Units:
        return self.data.units["continuous"]

    def inputs(self, split: str) -> Floats:
        return self.data.inputs[getattr(self.data, split).rows].double().numpy()

    def targets(self, split: str) -> Floats:
        targets: Floats = getattr(self.data, split).targets["continuous"].double().numpy()
        return targets

    def scaled(self, split: str) -> Floats:
        return (self.targets(split) - self.units.shift) / self.units.scale

    def solver(self, loss: str) -> LinearRegression | HuberRegressor | QuantileRegressor:
        solvers = {
            "mse": LinearRegression(),
            "mae": QuantileRegressor(quantile=0.5, alpha=0),
            "huber": HuberRegressor(epsilon=EPSILON, alpha=0, max_iter=1000, tol=1e-8),
        }
        return solvers[loss].fit(self.inputs("train"), self.scaled("train"))

    @property
    def delta(self) -> float:
        """HuberRegressor estimates weights and scale together; at its optimum the weights are those of
        Huber's loss with this delta."""
        return EPSILON * float(self.solver("huber").scale_)

    def predicted(self, loss: str, split: str) -> Floats:
        return self.solver(loss).predict(self.inputs(split)) * self.units.scale + self.units.shift

    def least(self, loss: str) -> float:
        """The training loss at the solver's optimum."""
        error = np.abs(self.solver(loss).predict(self.inputs("train")) - self.scaled("train"))
        inside = np.minimum(error, self.delta)
        values = {"mse": error**2, "mae": error, "huber": inside * (error - inside / 2)}
        return float(values[loss].mean())


Regressions = tuple[Solved, dict[str, MemberResult]]


@pytest.fixture(scope="module", params=[0.0, 0.2], ids=["clean", "contaminated"])
def regressions(request: pytest.FixtureRequest, train: Train) -> Regressions:
    source = Outliers(name="outliers", contamination=request.param)
    solved = Solved(source.load(0, "vector"))
    base = f"{KNOBS} data.contamination={request.param}"
    fitted = train(f"{base} loss=mse", f"{base} loss=mae", f"{base} loss=huber loss.delta={solved.delta}")
    return solved, {member.loss.name: result for member, result in fitted}


@EVERY_LOSS
def test_training_ends_at_the_optimum_of_the_solver(regressions: Regressions, loss: str) -> None:
    """Least squares, least absolute deviations (solved as a linear program), and HuberRegressor."""
    solved, results = regressions
    assert results[loss].history["train/loss"][-1][1] == pytest.approx(solved.least(loss), rel=1e-4)


@EVERY_LOSS
def test_metrics_are_those_of_the_solution(regressions: Regressions, loss: str) -> None:
    """In the units of the data, not in those in which the loss saw it."""
    solved, results = regressions
    truth, predicted = solved.targets("val"), solved.predicted(loss, "val")
    expected = {
        "mae": mean_absolute_error(truth, predicted),
        "rmse": root_mean_squared_error(truth, predicted),
        "median_ae": np.median(np.abs(truth - predicted)),
        "r2": r2_score(truth, predicted),
    }
    found = {name: results[loss].history[f"val/{name}"][-1][1] for name in expected}
    assert found == pytest.approx(expected, rel=2e-3, abs=2e-3)


@EVERY_LOSS
@pytest.mark.parametrize("regressions", [0.0], indirect=True, ids=["clean"])
def test_what_validation_chooses_is_as_good_on_test(regressions: Regressions, loss: str) -> None:
    """On clean targets; with outliers in validation the chosen epoch lies before the optimum."""
    solved, results = regressions
    expected = root_mean_squared_error(solved.targets("test"), solved.predicted(loss, "test"))
    assert results[loss].metrics["test/rmse"] == pytest.approx(expected, rel=0.02)
