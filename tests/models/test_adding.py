"""The adding problem (Hochreiter and Schmidhuber 1997): what a constant scores exactly, and a GRU less.

Of each sequence of numbers between 0 and 1, two are marked; their sum is the target. Who knows nothing says
1, and its mean squared error is the variance of the sum of two uniform numbers, 2 / 12.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from lossbench.data.baseline import Baseline
from lossbench.data.contract import check_data
from lossbench.data.source import DataSet, DataSource, Examples
from lossbench.data.splits import robust_units
from lossbench.job import Member
from lossbench.losses.mse import MSE
from lossbench.models.rnn import RNN
from lossbench.optimizer import Adam
from lossbench.pack.baselines import measured
from lossbench.pack.fit import fit
from lossbench.seeds import numpy_generator
from lossbench.task import InputKind, Inputs, Prediction, Target
from lossbench.trainer import TrainerOptions

STEPS, GRID, TRAINING = 6, 40, 3000


def one(data: DataSet, examples: Examples) -> Prediction:
    """The constant 1."""
    return Prediction(value=torch.ones(len(examples), dtype=torch.float64))


@dataclass(frozen=True, kw_only=True)
class Adding(DataSource):
    """Numbers and marks (steps, 2); the test holds each pair of numbers of a grid once."""

    name: str = "adding"
    reads = ("series",)
    judged_by = ("continuous",)
    select = "rmse"

    def targets(self) -> tuple[Target, ...]:
        return (Target("continuous"),)

    def baselines(self) -> Mapping[str, Baseline]:
        return {"one": one}

    def load(self, seed: int, reads: InputKind) -> DataSet:
        draw = numpy_generator(seed, "adding")
        count = TRAINING + 500 + GRID * GRID
        numbers = draw.uniform(size=(count, STEPS))
        first, second = draw.integers(0, STEPS // 2, count), draw.integers(STEPS // 2, STEPS, count)
        rows, ticks = np.arange(count), (np.arange(GRID) + 0.5) / GRID
        pairs = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
        numbers[rows[-len(pairs) :], first[-len(pairs) :]] = pairs[:, 0]
        numbers[rows[-len(pairs) :], second[-len(pairs) :]] = pairs[:, 1]
        marks = np.zeros_like(numbers)
        marks[rows, first] = marks[rows, second] = 1
        inputs = torch.from_numpy(np.stack([numbers, marks], axis=-1)).float()
        sums = torch.from_numpy((numbers * marks).sum(axis=1))
        parts = (rows[:TRAINING], rows[TRAINING : -len(pairs)], rows[-len(pairs) :])
        units = {"continuous": robust_units(sums[:TRAINING])}
        kind = Inputs("series", (STEPS, 2))
        return self.data_set(kind, inputs, {"continuous": sums}, parts, "drawn", units=units)


def test_a_constant_has_a_mean_squared_error_of_one_sixth() -> None:
    source = Adding()
    data = check_data(source, source.load(0, "series"))
    told = measured(source, data, "one")
    # On a grid of n numbers the variance of each is (1 - 1 / n^2) / 12, exactly.
    assert told["test/rmse"] ** 2 == pytest.approx((1 - 1 / GRID**2) / 6, rel=1e-6)
    drawn = data.train.targets["continuous"]
    assert float((drawn - 1).square().mean()) == pytest.approx(1 / 6, rel=0.05)


def test_a_recurrent_network_does_better() -> None:
    source = Adding()
    trainer = TrainerOptions(name="default", max_epochs=10, batch_size=64, accelerator="cpu")
    (target,) = source.targets()
    model, adam = RNN(name="rnn", hidden=16), Adam(name="adam", lr=0.02)
    (result,) = fit([Member(0, source, model, MSE(name="mse"), adam, trainer, "series", target)], "loop")
    assert result.outcome == "finished"
    assert result.metrics["test/rmse"] ** 2 < 0.1 / 6
