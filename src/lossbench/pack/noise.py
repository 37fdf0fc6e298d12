"""The random numbers that a model's forward wants, drawn apart from it: one stream for each seed.

Drawn inside a stack they would depend on who is stacked beside a member. Drawn here, from seed, name and
moment, they are the same for all losses of a seed, alone and in company, and after a checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from lossbench.seeds import torch_generator
from lossbench.task import Noise
from lossbench.trees import Tree


def in_evaluation(wanted: Mapping[str, Noise]) -> dict[str, Noise]:
    """The noise that the same forward wants in evaluation."""
    return {
        name: noise if noise.evaluated is None else replace(noise, shape=noise.evaluated)
        for name, noise in wanted.items()
    }


def drawn(
    wanted: Mapping[str, Noise], seeds: Sequence[int], count: int, *moment: str | int
) -> dict[str, Tensor]:
    """Noise by name, (S, count, *shape) float32 on the CPU: a row for each of S seeds.

    A moment is a split and a step, or where in the split an evaluation begins.
    """
    found = {}
    for name, noise in wanted.items():
        draw: Any = torch.randn if noise.distribution == "normal" else torch.rand
        rows = {
            seed: draw(count, *noise.shape, generator=torch_generator(seed, "noise", name, *moment))
            for seed in dict.fromkeys(seeds)
        }
        found[name] = torch.stack([rows[seed] for seed in seeds])
    return found


def arguments(inputs: Tree, noise: dict[str, Tensor]) -> tuple[Tree, ...]:
    """What a module is called with."""
    return (inputs, noise) if noise else (inputs,)
