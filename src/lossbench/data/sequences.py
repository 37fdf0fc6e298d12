"""All sequences of a few symbols, so few that they can be listed: what a reference says, and what is good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.seeds import torch_generator

if TYPE_CHECKING:
    from torch import Generator, Tensor

_STAY = 3.0  # logit by which the reference shuns a symbol right behind itself
_TASTE = 0.3  # standard deviation of its other logits
_STUTTER = 3.0  # what a symbol right behind itself costs; each of the best symbol gives 1, of the worst -1
_PAIRS = 0.1  # standard deviation of what two neighbours are worth


@dataclass(frozen=True)
class Sequences:
    """The sequences of `length` symbols, 0 .. symbols-1, in the order of a dictionary: S of them.

    What is said of them is the same for every seed.
    """

    symbols: int
    length: int

    def __len__(self) -> int:
        return int(self.symbols**self.length)

    def all(self) -> Tensor:
        """(S, length) int64."""
        import torch

        return torch.cartesian_prod(*[torch.arange(self.symbols)] * self.length).view(-1, self.length)

    def steps(self) -> Tensor:
        """The reference, float64 (symbols + 1, symbols): log probabilities of a symbol where a sequence
        begins, and behind each symbol. One right behind itself is rare."""
        import torch

        drawn = torch.randn(self.symbols + 1, self.symbols, generator=self._generator("reference"))
        logits = _TASTE * drawn.double()
        logits[1:] -= _STAY * torch.eye(self.symbols, dtype=torch.float64)
        return logits.log_softmax(-1)

    def reference(self) -> Tensor:
        """Log probabilities of all sequences under the reference, float64 (S,)."""
        steps, sequences = self.steps(), self.all()
        found = steps[0, sequences[:, 0]]
        for before, after in zip(sequences.T, sequences.T[1:], strict=False):
            found = found + steps[before + 1, after]
        return found

    def gold(self) -> Tensor:
        """What each sequence is worth, float64 (S,); of the reference the mean is 0, the deviation 1.

        Symbols have a worth each, few a high one, and so have neighbours; a symbol right behind itself costs
        more than any is worth, which hardly anybody learns from sequences of the reference.
        """
        import torch

        sequences = self.all()
        worth = 2 * torch.linspace(0, 1, self.symbols, dtype=torch.float64) ** 3 - 1
        neighbours = torch.randn(self.symbols, self.symbols, generator=self._generator("gold")).double()
        together = _PAIRS * neighbours - _STUTTER * torch.eye(self.symbols, dtype=torch.float64)
        found = worth[sequences].sum(-1) + together[sequences[:, :-1], sequences[:, 1:]].sum(-1)
        centred = self.centred(found)
        return centred / (self.reference().exp() * centred.square()).sum().sqrt()

    def centred(self, reward: Tensor) -> Tensor:
        """A reward (S,) less what the reference gets of it on average."""
        return reward - (self.reference().exp() * reward).sum()

    def _generator(self, what: str) -> Generator:
        return torch_generator(0, "sequences", what, self.symbols)
