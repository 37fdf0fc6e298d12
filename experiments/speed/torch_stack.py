"""Competitor: the sweep as one stack of torch.func, as a skilled user would write it today.

All runs are one batch of models (`stack_module_state`, `vmap`, `grad`), and Adam is written for arrays that
hold all of them. It trains and reads test once: no validation, no best weights, no record, no report, and an
error ends everything.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import sweep
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional as F

LOSSES: dict[str, Callable[..., Tensor]] = {"mse": F.mse_loss, "mae": F.l1_loss, "huber": F.huber_loss}
State = dict[str, Tensor]


def model(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1), nn.Flatten(0)
    )


def train(runs: Sequence[sweep.Run]) -> Tensor:
    """Mean absolute error on test, one number for each run."""
    models = [model(run.seed) for run in runs]
    weights, _ = stack_module_state(models)
    weights = {name: value.detach() for name, value in weights.items()}
    seeds = torch.tensor([run.seed for run in runs])
    chosen = torch.tensor([[float(run.loss == name) for name in LOSSES] for run in runs])
    rates = torch.tensor([run.rate for run in runs])

    def value(own: State, inputs: Tensor, target: Tensor, chosen: Tensor) -> Tensor:
        output = functional_call(models[0], own, (inputs,))
        return torch.stack([loss(output, target) for loss in LOSSES.values()]) @ chosen

    gradients = vmap(grad(value))
    first = {name: torch.zeros_like(own) for name, own in weights.items()}
    second = {name: torch.zeros_like(own) for name, own in weights.items()}
    inputs, target = stacked(seeds, "train")
    step = 0
    for _ in range(sweep.EPOCHS):
        order = torch.stack([torch.randperm(inputs.shape[1]) for _ in range(int(seeds.max()) + 1)])
        for rows in torch.split(order, sweep.BATCH, dim=1):
            places = seeds[:, None], rows[seeds]
            found = gradients(weights, inputs[places], target[places], chosen)
            step += 1
            with torch.no_grad():
                for name, own in weights.items():
                    adam(own, found[name], first[name], second[name], rates, step)
    return test_errors(models[0], weights, seeds)


def adam(own: Tensor, slope: Tensor, first: Tensor, second: Tensor, rates: Tensor, step: int) -> None:
    """One update of Kingma and Ba's method, in place; a rate for each run."""
    first.lerp_(slope, 0.1)
    second.mul_(0.999).addcmul_(slope, slope, value=0.001)
    size = (second / (1 - 0.999**step)).sqrt_().add_(1e-8)
    own.sub_(rates.view(-1, *[1] * (own.dim() - 1)) / (1 - 0.9**step) * first / size)


def stacked(seeds: Tensor, part: str) -> tuple[Tensor, Tensor]:
    """Inputs (S, N, 10) and target (S, N) of one split, for each seed."""
    splits = [sweep.split(seed, part) for seed in range(int(seeds.max()) + 1)]
    return torch.stack([own.inputs for own in splits]), torch.stack([own.target for own in splits])


def test_errors(like: nn.Module, weights: State, seeds: Tensor) -> Tensor:
    inputs, target = stacked(seeds, "test")
    units = [sweep.data(seed).units["continuous"] for seed in range(len(inputs))]
    scale = torch.tensor([own.scale for own in units])[seeds, None]
    shift = torch.tensor([own.shift for own in units])[seeds, None]
    with torch.no_grad():
        output = vmap(lambda own, rows: functional_call(like, own, (rows,)))(weights, inputs[seeds])
        errors: Tensor = (output * scale + shift - target[seeds]).abs().mean(dim=1)
        return errors


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=240)
    planned = sweep.runs(parser.parse_args().runs)
    for run, error in zip(planned, train(planned).tolist(), strict=True):
        print(*run, f"{error:.4f}")
