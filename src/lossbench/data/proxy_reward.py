"""A reward that is learned from pairs of which one was preferred: what a policy is trained on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.data.kept_files import place_of, written
from lossbench.seeds import stream, torch_generator

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.data.sequences import Sequences

_VERSION = "1"  # of how pairs are drawn and the reward is fitted
_HIDDEN, _RATE, _DECAY, _STEPS = 32, 0.01, 0.1, 30


@dataclass(frozen=True)
class Pairs:
    """Two sequences each, by their numbers (N,) int64, and whether the first is preferred, (N,) int64."""

    first: Tensor
    second: Tensor
    preferred: Tensor


def drawn_pairs(sequences: Sequences, count: int, seed: int) -> Pairs:
    """Pairs of the reference, judged by the gold reward with the chance of Bradley and Terry.

        P(first is preferred) = sigmoid(gold(first) - gold(second))

    Source:
        Bradley, Terry, "Rank Analysis of Incomplete Block Designs", Biometrika 39 (1952).
    """
    import torch

    generator = torch_generator(seed, "preferences")
    chance, gold = sequences.reference().exp(), sequences.gold()
    first, second = torch.multinomial(chance, 2 * count, True, generator=generator).view(2, count)
    ahead = (gold[first] - gold[second]).sigmoid()
    preferred = torch.rand(count, generator=generator, dtype=torch.float64) < ahead
    return Pairs(first, second, preferred.long())


def proxy_reward(sequences: Sequences, pairs: Pairs, seed: int) -> Tensor:
    """What a small network makes of pairs, for all sequences, float32 (S,); its mean is 0 of the reference.

    Fitted once for pairs and seed and kept in the cache.
    """
    import numpy as np
    import torch

    parts = [_VERSION, torch.__version__, str(sequences), str(seed), _digest(pairs)]
    place = place_of("proxy_rewards", parts, "npy")
    if not place.is_file():
        with written(place) as temporary, temporary.open("wb") as file:
            np.save(file, _fitted(sequences, pairs, seed).float().numpy())
    return torch.from_numpy(np.load(place))


def _digest(pairs: Pairs) -> str:
    found = hashlib.sha256()
    for tensor in (pairs.first, pairs.second, pairs.preferred):
        found.update(tensor.numpy().tobytes())
    return found.hexdigest()


def _fitted(sequences: Sequences, pairs: Pairs, seed: int) -> Tensor:
    """By the likelihood of Bradley and Terry's model, in few steps: it is right of what it has seen alone."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    seen = F.one_hot(sequences.all(), sequences.symbols).flatten(1).double()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(stream(seed, "proxy"))
        layers = [nn.Linear(seen.shape[1], _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, 1)]
        network = nn.Sequential(*layers).double()
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY)
    first, second, preferred = seen[pairs.first], seen[pairs.second], pairs.preferred.double()
    for _ in range(_STEPS):
        ahead = (network(first) - network(second)).squeeze(-1)
        loss = F.binary_cross_entropy_with_logits(ahead, preferred)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        return sequences.centred(network(seen).squeeze(-1))
