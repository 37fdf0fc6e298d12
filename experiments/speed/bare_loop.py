"""Competitor: the sweep as a hand-written PyTorch loop that keeps no record.

It trains and reads test once. It neither validates nor keeps the best weights, which the others do:
the least work that gives a number per run.
"""

from __future__ import annotations

import argparse

import sweep
import torch
from torch import nn
from torch.nn import functional as F

LOSSES: dict[str, nn.Module] = {"mse": nn.MSELoss(), "mae": nn.L1Loss(), "huber": nn.HuberLoss()}


def train(run: sweep.Run) -> float:
    """The run's mean absolute error on test."""
    torch.manual_seed(run.seed)
    model = nn.Sequential(
        nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1), nn.Flatten(0)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=run.rate)
    loss = LOSSES[run.loss]
    inputs, target = sweep.split(run.seed, "train")
    for _ in range(sweep.EPOCHS):
        for rows in torch.split(torch.randperm(len(inputs)), sweep.BATCH):
            optimizer.zero_grad()
            loss(model(inputs[rows]), target[rows]).backward()
            optimizer.step()
    test = sweep.split(run.seed, "test")
    units = sweep.data(run.seed).units["continuous"]
    with torch.no_grad():
        return F.l1_loss(model(test.inputs) * units.scale + units.shift, test.target).item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=240)
    for run in sweep.runs(parser.parse_args().runs):
        print(*run, f"{train(run):.4f}")
