"""The module of `models.policy`. Every operation has a batching rule, so that members stack."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from torch import Tensor


class SaidInSymbols(nn.Module):
    """A distribution of sequences of `length` symbols, by what each has before it.

    Args:
        reference: (symbols + 1, symbols), log probabilities where a sequence begins and behind each symbol,
            which it begins with.
        length: of a sequence.
        hidden: numbers of the state of a GRU, whose logits are added to those of the reference.
        wanted: names of what it is to give in training, as `policy.Policy` says.
    """

    reference: Tensor

    def __init__(self, reference: Tensor, length: int, hidden: int, wanted: frozenset[str]) -> None:
        super().__init__()
        self.symbols, self.length, self.hidden, self.wanted = reference.shape[1], length, hidden, wanted
        self.register_buffer("reference", reference)
        self.read = nn.Parameter(torch.randn(self.symbols + 1, 3 * hidden))  # by one symbol, as an embedding
        self.recur = nn.Linear(hidden, 3 * hidden)
        self.say = nn.Linear(hidden, self.symbols)
        nn.init.zeros_(self.say.weight)
        nn.init.zeros_(self.say.bias)

    def forward(self, pair: dict[str, Tensor], noise: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
        """Pairs of sequences (N, length), and uniform numbers (N, length) of those to be drawn."""
        count = len(pair["first"])
        if not self.training:
            return {"policy": self.whole().expand(count, -1)}
        found: dict[str, Tensor] = {}
        if "sequence" in self.wanted and noise is not None:
            found |= self.drawn(noise["draw"])
        if "first" in self.wanted:
            both = self.scored(torch.cat([pair["first"], pair["second"]]))
            for name, values in zip(("", "_reference"), both, strict=True):
                found[f"first{name}"], found[f"second{name}"] = torch.split(values, count)
        if "policy" in self.wanted:
            found["policy"] = self.whole()
        return found

    def _next(self, last: Tensor, state: Tensor) -> Tensor:
        """The state (N, hidden) behind a symbol (N,), counted from 1; 0 is the beginning."""
        return self._state(F.embedding(last, self.read), self.recur(state), state)

    def _state(self, read: Tensor, recurred: Tensor, state: Tensor) -> Tensor:
        """Of a GRU, (..., 3 * hidden) each (Cho and others, EMNLP 2014)."""
        reset, keep, new = read.chunk(3, dim=-1)
        reset_by, keep_by, new_by = recurred.chunk(3, dim=-1)
        kept = (keep + keep_by).sigmoid()
        fresh = (new + (reset + reset_by).sigmoid() * new_by).tanh()
        return fresh + kept * (state - fresh)

    def _logs(self, last: Tensor, state: Tensor) -> Tensor:
        """Log probabilities (N, symbols) of what follows."""
        logits: Tensor = F.embedding(last, self.reference) + self.say(state)
        return logits.log_softmax(-1)

    def drawn(self, uniform: Tensor) -> dict[str, Tensor]:
        """A sequence for each row of uniform numbers (N, length): of each symbol the inverse of its
        cumulative probability."""
        state = self.read.new_zeros(len(uniform), self.hidden)
        last = torch.zeros_like(uniform[:, 0], dtype=torch.int64)
        number, own, theirs = last, uniform.new_zeros(len(uniform)), uniform.new_zeros(len(uniform))
        for draw in uniform.unbind(1):
            state = self._next(last, state)
            logs = self._logs(last, state)
            below = logs.detach().exp().cumsum(-1) < draw.unsqueeze(-1)
            symbol = below.sum(-1, keepdim=True).clamp(max=self.symbols - 1)
            own = own + logs.gather(-1, symbol).squeeze(-1)
            theirs = theirs + F.embedding(last, self.reference).gather(-1, symbol).squeeze(-1)
            number = number * self.symbols + symbol.squeeze(-1)
            last = symbol.squeeze(-1) + 1
        return {"sequence": number, "log_probability": own, "log_reference": theirs}

    def scored(self, sequences: Tensor) -> tuple[Tensor, Tensor]:
        """Log probabilities (N,) of sequences (N, length), by itself and by the reference."""
        state = self.read.new_zeros(len(sequences), self.hidden)
        last = torch.zeros_like(sequences[:, 0])
        own, theirs = state.new_zeros(len(sequences)), state.new_zeros(len(sequences))
        for symbol in sequences.unsqueeze(-1).unbind(1):
            state = self._next(last, state)
            own = own + self._logs(last, state).gather(-1, symbol).squeeze(-1)
            theirs = theirs + F.embedding(last, self.reference).gather(-1, symbol).squeeze(-1)
            last = symbol.squeeze(-1) + 1
        return own, theirs

    def spelled(self, number: Tensor) -> Tensor:
        """The sequences (N, length) of these places (N,) among all."""
        powers = self.symbols ** torch.arange(self.length - 1, -1, -1, device=number.device)
        return number.unsqueeze(-1) // powers % self.symbols

    def whole(self) -> Tensor:
        """Log probabilities of all sequences in the order of a dictionary, (1, S)."""
        state = self._next(torch.zeros(1, dtype=torch.int64, device=self.read.device), self._nothing())
        reached = self._logs(torch.zeros(1, dtype=torch.int64, device=self.read.device), state)
        for _ in range(self.length - 2):
            state, logs = self._level(state)
            reached = (reached.flatten().unsqueeze(-1) + logs).flatten(0, 1)
        # The last symbols are most of all: some at a time, so that they stay in the processor's cache.
        ends = [self._level(some)[1] for some in torch.split(state, max(1, len(state) // self.symbols))]
        return (reached.flatten().unsqueeze(-1) + torch.cat(ends)).view(1, -1)

    def _nothing(self) -> Tensor:
        return self.read.new_zeros(1, self.hidden)

    def _level(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Of states (n, hidden), behind each symbol the states (n * symbols, hidden) and what follows."""
        recurred = self.recur(state).unsqueeze(1)
        behind = self._state(self.read[1:], recurred, state.unsqueeze(1))
        logs = (self.reference[1:] + self.say(behind)).log_softmax(-1)
        return behind.flatten(0, 1), logs.flatten(0, 1)


class SaidAsBefore(nn.Module):
    """A policy whose sequences are drawn by itself as it was up to some updates ago.

    Args:
        policy: that is trained.
        reuse: batches after which it draws as it then is.
    """

    since: Tensor

    def __init__(self, policy: SaidInSymbols, reuse: int) -> None:
        super().__init__()
        self.policy, self.reuse = policy, reuse
        self.before = copy.deepcopy(policy).requires_grad_(requires_grad=False)
        self.register_buffer("since", torch.zeros((), dtype=torch.int64))

    def forward(self, pair: dict[str, Tensor], noise: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
        """As of the policy; `log_when_drawn` (N,) by the policy that drew."""
        if not self.training or noise is None:
            return self.policy(pair, noise)  # type: ignore[no-any-return]
        if int(self.since) % self.reuse == 0:
            self.before.load_state_dict(self.policy.state_dict())
        self.since += 1
        drawn = self.before.drawn(noise["draw"])
        sequences = self.policy.spelled(drawn["sequence"])
        own, theirs = self.policy.scored(sequences)
        found = {"sequence": drawn["sequence"], "log_probability": own, "log_reference": theirs}
        found["log_when_drawn"] = drawn["log_probability"]
        return {**found, "policy": self.policy.whole()} if "policy" in self.policy.wanted else found
