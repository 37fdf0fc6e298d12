"""Inputs are held once while somebody uses them, and no longer."""

from __future__ import annotations

import gc

import torch

from lossbench.data.shared import while_used


def test_a_result_is_shared_while_it_is_held_and_then_forgotten() -> None:
    made = []

    @while_used
    def make(size: int, value: float) -> torch.Tensor:
        made.append((size, value))
        return torch.full((size,), value)

    first = make(3, 1.0)
    assert make(3, 1.0) is first
    assert make(3, 2.0)[0] == 2.0
    assert made == [(3, 1.0), (3, 2.0)]
    del first
    gc.collect()
    assert make(3, 1.0).tolist() == [1.0] * 3
    assert made[2:] == [(3, 1.0)]
