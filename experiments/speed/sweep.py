"""The sweep that all four competitors of part (a) train: what, in which order, on which data."""

from __future__ import annotations

from functools import cache
from itertools import islice, product
from typing import NamedTuple

from torch import Tensor

from lossbench.data.outliers import Outliers
from lossbench.data.source import DataSet

LOSSES = ("mse", "mae", "huber")
RATES = (0.0001, 0.0003, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02)
EPOCHS = 20
BATCH = 64
CONDITIONS = len(LOSSES) * len(RATES)  # runs per seed


class Run(NamedTuple):
    seed: int
    rate: float
    loss: str


class Split(NamedTuple):
    inputs: Tensor  # (N, 10)
    target: Tensor  # (N,), in units of the loss except for the test split


def runs(number: int) -> list[Run]:
    """The first runs of the sweep; 24 a seed."""
    seeds = range(-(-number // CONDITIONS))
    return [Run(*parts) for parts in islice(product(seeds, RATES, LOSSES), number)]


@cache
def data(seed: int) -> DataSet:
    """1,000 rows of Friedman's first function and their splits, as `data=outliers` has them."""
    return Outliers(name="outliers").load(seed, "vector")


def split(seed: int, name: str) -> Split:
    """One split; training and validation targets are scaled as lossbench does it."""
    whole = data(seed)
    part = getattr(whole, name)
    target = part.targets["continuous"]
    if name != "test":
        units = whole.units["continuous"]
        target = (target - units.shift) / units.scale
    return Split(whole.inputs[part.rows], target.float())
