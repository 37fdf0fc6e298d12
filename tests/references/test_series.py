"""Linear forecasts on the windows of our series have the errors that the same split and lags have elsewhere.

The figures were computed apart from this program, on the same files: linear on the last 24 values and the one
a season before the step that is predicted, the last 15% as the test.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from lossbench.data.appliances import Appliances
from lossbench.data.electricity import Electricity
from lossbench.data.series import Series

Numbers = npt.NDArray[np.float64]
_LAGS = 24


def lags(source: Series, season: int) -> dict[str, tuple[Numbers, Numbers]]:
    """Of each part the lags (N, 26), with a constant, and the last step that is predicted, in own units."""
    steps, data = source.steps(), source.load(0, "vector")
    values, found = steps.values[:, 0], {}
    block = source.blocks(steps)["train"]
    mean, spread = values[block.start : block.stop].mean(), values[block.start : block.stop].std()
    for part in ("train", "val", "test"):
        examples = getattr(data, part)
        read = data.inputs[examples.rows].double().numpy() * spread + mean
        wanted = examples.targets["continuous"].reshape(len(examples), -1).numpy()[:, -1]
        back = read.shape[1] + source.horizon - season - 1  # its place in the window
        columns = [read[:, -_LAGS:], read[:, back : back + 1], np.ones((len(read), 1))]
        found[part] = (np.concatenate(columns, axis=1), wanted)
    return found


def least_absolute(inputs: Numbers, targets: Numbers) -> Numbers:
    """By least squares that are weighted anew with the errors before (Schlossmacher 1973)."""
    weights = np.ones(len(targets))
    for _ in range(60):
        root = np.sqrt(weights)
        found: Numbers = np.linalg.lstsq(inputs * root[:, None], targets * root)[0]
        weights = 1 / np.maximum(np.abs(inputs @ found - targets), 1e-3)
    return found


def errors(forecast: Numbers, truth: Numbers) -> tuple[float, float]:
    """Mean absolute error and root of the mean square."""
    off = forecast - truth
    return float(np.abs(off).mean()), float(np.sqrt(np.square(off).mean()))


APPLIANCES = Appliances(name="appliances", past=144, val_share=0.15, test_share=0.15)
ELECTRICITY = Electricity(name="electricity", val_share=0.15, test_share=0.15)


@pytest.mark.parametrize(
    ("source", "season", "squares", "absolute"),
    [(APPLIANCES, 144, (40.6, 79.7), (35.4, 84.5)), (ELECTRICITY, 168, (74.2, 111), None)],
    ids=["appliances", "electricity"],
)
def test_linear_forecasts_have_the_errors_that_they_have_elsewhere(
    source: Series, season: int, squares: tuple[float, float], absolute: tuple[float, float] | None
) -> None:
    found = lags(source, season)
    inputs, targets = (np.concatenate(both) for both in zip(found["train"], found["val"], strict=True))
    test, truth = found["test"]
    fitted = np.linalg.lstsq(inputs, targets)[0]
    assert errors(test @ fitted, truth) == pytest.approx(squares, rel=0.03)
    if absolute is not None:
        assert errors(test @ least_absolute(inputs, targets), truth) == pytest.approx(absolute, rel=0.03)


@pytest.mark.parametrize(
    ("source", "name", "wanted"),
    [(APPLIANCES, "naive", (46.3, 102)), (ELECTRICITY, "seasonal naive", (148, 232))],
    ids=["appliances", "electricity"],
)
def test_naive_forecasts_have_the_errors_that_they_have_elsewhere(
    source: Series, name: str, wanted: tuple[float, float]
) -> None:
    data = source.load(0, "vector")
    forecast = source.baselines()[name](data, data.test)["value"].numpy()
    truth = data.test.targets["continuous"].numpy()
    last = (slice(None), -1) if source.horizon > 1 else slice(None)  # the figures are of the last step alone
    assert errors(forecast[last], truth[last]) == pytest.approx(wanted, rel=0.01)
