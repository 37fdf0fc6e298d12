"""Competitor: wider models on real data as loops that a user would write in PyTorch, one run after another.

    python experiments/speed/plain_loops.py digits --runs 24

They train and read test once. They neither validate nor keep the best weights nor write anything down.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cache
from itertools import islice, product
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lossbench.data.mnist_5k import MNIST5k
from lossbench.data.sentiment import Sentiment
from lossbench.data.source import DataSet, DataSource
from lossbench.task import InputKind

RATES = (0.0003, 0.001, 0.003, 0.01)
EPOCHS = 3
BATCH = 64


class Kind(NamedTuple):
    """What a loop trains, and the words by which lossbench trains the same."""

    source: Callable[[], DataSource]
    reads: InputKind
    target: str
    model: Callable[[], nn.Module]
    words: tuple[str, ...]


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def words() -> nn.Module:
    """The mean of 10,000 words' vectors, and a layer behind it; 0 is padding."""
    mean = nn.EmbeddingBag(10_000, 64, mode="mean", padding_idx=0)
    return nn.Sequential(mean, nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1), nn.Flatten(0))


def convolutions() -> nn.Module:
    first = (nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    second = (nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    behind = (nn.Flatten(), nn.Linear(32 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10))
    return nn.Sequential(*first, *second, *behind)


DIGITS = ("data=mnist_5k", "loss=cce")
KINDS = {
    "digits": Kind(
        lambda: MNIST5k(name="mnist_5k"), "image", "multiclass", perceptron,
        (*DIGITS, "model=mlp", "model.hidden=[256]"),
    ),
    "words": Kind(
        lambda: Sentiment(name="sentiment"), "tokens", "binary", words,
        ("data=sentiment", "loss=bce", "model=text"),
    ),
    "convolutions": Kind(
        lambda: MNIST5k(name="mnist_5k"), "image", "multiclass", convolutions, (*DIGITS, "model=cnn"),
    ),
}  # fmt: skip


@cache
def data(kind: Kind, seed: int) -> DataSet:
    loaded = kind.source().load(seed, kind.reads)
    assert isinstance(loaded, DataSet)
    return loaded


def loss(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of classes, or of one class against the other."""
    if output.dim() == 1:
        return F.binary_cross_entropy_with_logits(output, target.float())
    return F.cross_entropy(output, target)


def train(kind: Kind, seed: int, rate: float) -> float:
    """The accuracy of a run on test."""
    torch.manual_seed(seed)
    model, whole = kind.model(), data(kind, seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    inputs, target = whole.inputs[whole.train.rows], whole.train.targets[kind.target]
    for _ in range(EPOCHS):
        for rows in torch.split(torch.randperm(len(inputs)), BATCH):
            optimizer.zero_grad()
            loss(model(inputs[rows]), target[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    with torch.no_grad():
        output = model(whole.inputs[whole.test.rows])
    said = output > 0 if output.dim() == 1 else output.argmax(1)
    right = said == whole.test.targets[kind.target]
    return float(right.double().mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=list(KINDS))
    parser.add_argument("--runs", type=int, default=24)
    options = parser.parse_args()
    for seed, rate in islice(product(range(options.runs), RATES), options.runs):
        print(options.kind, seed, rate, f"{train(KINDS[options.kind], seed, rate):.4f}")
