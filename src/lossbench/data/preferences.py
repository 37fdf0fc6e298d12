"""Preferences between sequences, and the reward that is learned from them: what a policy is tuned by."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data.sequences import Sequences
from lossbench.data.source import DataSet, DataSource
from lossbench.errors import InputError
from lossbench.metrics.rewards import REWARDS
from lossbench.task import InputKind, Inputs, Target

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.data.baseline import Baseline
    from lossbench.data.proxy_reward import Pairs

_MOST = 1 << 17  # sequences, all of which every evaluation looks at
_BEST_OF = (4, 32, 256, 2048)
_VERSION = "1"  # of all that follows from knobs and seed


@dataclass(frozen=True, kw_only=True)
class Preferences(DataSource):
    """A policy over short sequences, tuned by preferences as language models are, where all can be listed.

    symbols, length: of a sequence: 8 ^ 5 are 32,768.
    train_size: pairs of sequences of a reference, of which the gold reward prefers one, as chance has it.
    beta: what a nat of distance to the reference costs. The task is to get as much of the proxy reward as
        possible, less beta KL(policy || reference); the best policy is known, and its likelihood is
        proportional to reference * exp(proxy / beta).

    Reference and gold reward are the same for every seed; the pairs, and the proxy that a small network makes
    of them, are not. The policy begins as the reference. Validation and test list all sequences, so what they
    measure is exact, and the same; each is one example. Beside the losses stand the policies that say the
    best of several sequences of the reference, which need no training.
    """

    reads = ("preference",)
    judged_by = (REWARDS,)
    select = "regret"
    epochs = 40
    noise_knobs = ("beta",)
    fresh_examples = True

    symbols: int = knob(8, at_least=2)
    length: int = knob(5, at_least=2)
    train_size: int = knob(512, at_least=2)
    beta: float = knob(0.3, at_least=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.symbols ** min(self.length, _MOST.bit_length()) > _MOST:  # of two symbols and more
            raise InputError(
                f"data.symbols={self.symbols} and data.length={self.length} make more "
                f"sequences than can be listed after every epoch: {_MOST:,} at most."
            )

    @property
    def sequences(self) -> Sequences:
        """All that a policy can say."""
        return Sequences(self.symbols, self.length)

    def targets(self) -> tuple[Target, ...]:
        return (Target("preference"),)

    def fingerprint(self, seed: int) -> str:
        parts = (_VERSION, self.sequences, self.train_size, float(self.beta), seed)
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def baselines(self) -> Mapping[str, Baseline]:
        from lossbench.data.best_of import best_of

        return {"reference": best_of(1), **{f"best of {count}": best_of(count) for count in _BEST_OF}}

    def load(self, seed: int, reads: InputKind) -> DataSet:
        import torch

        sequences = self.sequences
        inputs, preferred, proxy = _learned(sequences, self.train_size, seed)
        steps = tuple(map(tuple, sequences.steps().tolist()))
        one = Inputs("symbols", (self.length,), vocabulary=self.symbols)
        kind = Inputs("preference", parts={"first": one, "second": one}, reference=steps)
        rows = torch.split(torch.arange(self.train_size + 2), [self.train_size, 1, 1])
        shared = {
            "gold": sequences.gold().float(),
            "proxy": proxy,
            "reference": sequences.reference().float(),
            "beta": torch.tensor(float(self.beta)),
        }
        told = f"made: {len(sequences):,} sequences, and pairs of them as Bradley and Terry (1952) have it"
        return self.data_set(kind, inputs, {"preference": preferred}, rows, told, shared=shared)


@lru_cache(maxsize=64)
def _learned(sequences: Sequences, count: int, seed: int) -> tuple[Mapping[str, Tensor], Tensor, Tensor]:
    """Inputs, which sequence of each pair is preferred, and the proxy; two pairs more than train."""
    from dataclasses import replace

    from lossbench.data.proxy_reward import drawn_pairs, proxy_reward

    pairs: Pairs = drawn_pairs(sequences, count + 2, seed)
    seen = replace(pairs, **{name: getattr(pairs, name)[:count] for name in ("first", "second", "preferred")})
    every = sequences.all()
    inputs = {"first": every[pairs.first], "second": every[pairs.second]}
    return inputs, pairs.preferred, proxy_reward(sequences, seen, seed)
