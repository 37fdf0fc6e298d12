"""Random numbers that a model or a loss draws from where all of a process draw: every member has its own.

torch has one generator for the CPU and one for each accelerator; Python and numpy have one each. Whoever
draws from them (`torch.randn_like`, `nn.Dropout`, an augmentation) would get other numbers in company. So a
member's turn begins with the states that its last turn left behind, and evaluation begins afresh each time:
how often a member is evaluated depends on its company.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from lossbench.seeds import stream

State = dict[str, Any]  # of one member: "torch", and as far as they are there "device", "python", "numpy"

# Measured for one turn, to set and to get: torch 1 us, Python 9 us, numpy 61 us; a turn itself 1,000 us. So
# the last two are followed where the first turn has drawn from them.
_SELDOM = ("python", "numpy")


class Draws:
    """The states of the generators of R members; members with one seed draw the same numbers."""

    def __init__(self, seeds: Sequence[int], device: torch.device) -> None:
        self.seeds = list(seeds)
        self.device = device
        self._states: list[State | None] = [None] * len(self.seeds)  # None: it has had no turn

    @contextmanager
    def turn(self, member: int) -> Iterator[None]:
        """One training step of a member; what the process had drawn otherwise goes on as if it were not."""
        state = self._states[member]
        before = state if state is not None else _seeded(stream(self.seeds[member], "module"), self.device)
        with _inside(self.device, before):
            try:
                yield
            finally:
                after = _now(self.device, before)
                if state is None:
                    after = {name: own for name, own in after.items() if _is_drawn(name, before, own)}
                self._states[member] = after

    @contextmanager
    def evaluation(self, member: int, moment: Sequence[str | int]) -> Iterator[None]:
        """One evaluation of a member, whose draws follow from its seed and the moment alone."""
        seed = stream(self.seeds[member], "evaluation", *moment)
        with _inside(self.device, _seeded(seed, self.device)):
            yield

    def state(self) -> list[State | None]:
        """Tensors and plain values, for a checkpoint."""
        return list(self._states)

    def load(self, states: Sequence[State | None]) -> None:
        """Go on from such states."""
        self._states = [
            state and {n: own.cpu() if isinstance(own, torch.Tensor) else own for n, own in state.items()}
            for state in states
        ]


@contextmanager
def left_alone() -> Iterator[None]:
    """Put the generators of this process, but for accelerators, back afterwards, whatever was drawn."""
    cpu = torch.device("cpu")
    before = _now(cpu, ("torch", *_SELDOM))
    try:
        yield
    finally:
        _put(cpu, before)


@contextmanager
def _inside(device: torch.device, state: State) -> Iterator[None]:
    """What the process had drawn otherwise goes on afterwards as if nothing were drawn in between."""
    outside = _now(device, state)
    _put(device, state)
    try:
        yield
    finally:
        _put(device, outside)


def drawn_outside_torch() -> State:
    """What `random` and `numpy.random` would give next: equal where nothing was drawn in between."""
    return _now(torch.device("cpu"), _SELDOM)


def _is_drawn(name: str, before: State, after: Any) -> bool:
    return name not in _SELDOM or bool(before[name] != after)


def _seeded(number: int, device: torch.device) -> State:
    state: State = {"torch": torch.Generator().manual_seed(number).get_state()}
    if device.type != "cpu":
        state["device"] = torch.Generator(device).manual_seed(number).get_state()
    state["python"] = random.Random(number).getstate()
    state["numpy"] = _plain(np.random.RandomState(number % 2**32).get_state())
    return state


def _now(device: torch.device, names: Iterable[str]) -> State:
    """The states that this process is in, of the generators of these names."""
    state: State = {}
    for name in names:
        if name == "torch":
            state[name] = torch.get_rng_state()
        elif name == "device":
            state[name] = _of(device).get_rng_state(*_place(device))
        elif name == "python":
            state[name] = random.getstate()
        else:
            state[name] = _plain(np.random.get_state())  # noqa: NPY002 - it is what users' code draws from
    return state


def _put(device: torch.device, state: State) -> None:
    for name, value in state.items():
        if name == "torch":
            torch.set_rng_state(value)
        elif name == "device":
            _of(device).set_rng_state(value, *_place(device))
        elif name == "python":
            random.setstate(value)
        else:
            kind, keys, *rest = value
            np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))  # noqa: NPY002


def _of(device: torch.device) -> Any:
    return torch.get_device_module(device)


def _place(device: torch.device) -> tuple[torch.device, ...]:
    return () if device.type == "mps" else (device,)  # there is one of them


def _plain(state: Any) -> tuple[Any, ...]:
    """numpy's state as a checkpoint can hold it: without an array, which has no plain equality either."""
    kind, keys, place, has_gauss, cached = state
    return (str(kind), tuple(keys.tolist()), int(place), int(has_gauss), float(cached))
