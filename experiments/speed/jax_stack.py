"""Competitor: the sweep as one stack of JAX, compiled: vmap over runs, scan over batches, jit over an epoch.

It trains and reads test once: no validation, no best weights, no record, no report, and an error ends
everything. JAX and optax are not needed by lossbench: `pip install "lossbench[bench]"` has them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import jax
import numpy as np
import optax
import sweep
from jax import numpy as jnp

Arrays = Any  # a pytree of arrays
WIDTHS = (10, 64, 64, 1)


def losses(error: Arrays) -> Arrays:
    """MSE, MAE and Huber of errors (N,), as `sweep.LOSSES` names them."""
    small = jnp.minimum(jnp.abs(error), 1.0)
    huber = small * (jnp.abs(error) - 0.5 * small)
    return jnp.stack([jnp.mean(error**2), jnp.mean(jnp.abs(error)), jnp.mean(huber)])


def begin(key: Arrays) -> Arrays:
    """Weights and biases of each layer, drawn as nn.Linear draws them."""
    layers = []
    for size, width in pairwise(WIDTHS):
        key, one, other = jax.random.split(key, 3)
        bound = size**-0.5
        drawn = jax.random.uniform(one, (size, width), minval=-bound, maxval=bound)
        layers.append((drawn, jax.random.uniform(other, (width,), minval=-bound, maxval=bound)))
    return layers


def forward(layers: Arrays, inputs: Arrays) -> Arrays:
    for weight, bias in layers[:-1]:
        inputs = jax.nn.relu(inputs @ weight + bias)
    weight, bias = layers[-1]
    return (inputs @ weight + bias)[:, 0]


def value(layers: Arrays, inputs: Arrays, target: Arrays, which: Arrays) -> Arrays:
    return losses(forward(layers, inputs) - target)[which]


ADAM = optax.scale_by_adam()


def update(state: Arrays, inputs: Arrays, target: Arrays, which: Arrays, rate: Arrays) -> Arrays:
    """One step of one run."""
    layers, moments = state
    slopes = jax.grad(value)(layers, inputs, target, which)
    steps, moments = ADAM.update(slopes, moments)
    return jax.tree.map(lambda own, step: own - rate * step, layers, steps), moments


def updates(
    state: Arrays, order: Arrays, data: Arrays, seeds: Arrays, which: Arrays, rates: Arrays
) -> Arrays:
    """All whole batches, and the rows that are left; order (S, N)."""
    inputs, target = data
    all_runs = jax.vmap(update)

    def batch(state: Arrays, rows: Arrays) -> tuple[Arrays, None]:
        places = seeds[:, None], rows[seeds]
        return all_runs(state, inputs[places], target[places], which, rates), None

    whole = order.shape[1] // sweep.BATCH * sweep.BATCH
    batches = order[:, :whole].reshape(len(order), -1, sweep.BATCH).swapaxes(0, 1)
    state, _ = jax.lax.scan(batch, state, batches)
    return batch(state, order[:, whole:])[0] if whole < order.shape[1] else state


def train(runs: Sequence[sweep.Run]) -> Arrays:
    """Mean absolute error on test, one number for each run."""
    seeds = jnp.array([run.seed for run in runs])
    which = jnp.array([sweep.LOSSES.index(run.loss) for run in runs])
    rates = jnp.array([run.rate for run in runs])
    count = max(run.seed for run in runs) + 1
    layers = jax.vmap(begin)(jax.vmap(jax.random.key)(seeds))
    state = layers, jax.vmap(ADAM.init)(layers)
    data = stacked(count, "train")
    epoch = jax.jit(updates)
    drawn = np.random.default_rng(0)
    for _ in range(sweep.EPOCHS):
        order = jnp.array([drawn.permutation(data[0].shape[1]) for _ in range(count)])
        state = epoch(state, order, data, seeds, which, rates)
    inputs, target = stacked(count, "test")
    units = [sweep.data(seed).units["continuous"] for seed in range(count)]
    scale = jnp.array([float(own.scale) for own in units])[seeds, None]
    shift = jnp.array([float(own.shift) for own in units])[seeds, None]
    output = jax.jit(jax.vmap(forward))(state[0], inputs[seeds])
    return jnp.abs(output * scale + shift - target[seeds]).mean(axis=1)


def stacked(count: int, part: str) -> tuple[Arrays, Arrays]:
    """Inputs (S, N, 10) and target (S, N) of one split, for each seed."""
    splits = [sweep.split(seed, part) for seed in range(count)]
    inputs = jnp.stack([jnp.asarray(own.inputs.numpy()) for own in splits])
    return inputs, jnp.stack([jnp.asarray(own.target.numpy()) for own in splits])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=240)
    planned = sweep.runs(parser.parse_args().runs)
    for run, error in zip(planned, train(planned).tolist(), strict=True):
        print(*run, f"{error:.4f}")
