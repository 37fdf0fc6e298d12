"""Which token comes next? Sentences of unlike length, filled up with a token that weighs nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lossbench.config.choice import knob
from lossbench.data.source import DataSet, DataSource
from lossbench.metrics.measure import Measure, Metric
from lossbench.seeds import numpy_generator
from lossbench.task import Inputs, Target

BITS = Metric("bits", "language", False, "mean cost of a token, in bits", "bits", low=0)
PERPLEXITY = Metric("perplexity", "language", False, "2^bits: among so many tokens one guesses", low=1)
COST = Measure(
    metrics=(BITS, PERPLEXITY),
    needs=("probabilities",),
    fields=("multiclass",),
    function="tokens:mean_cost",
    weighted=True,
    keep="tokens:costs",  # of some sentences at a time, for the probabilities of all are large
)


def costs(probabilities: Tensor, token: Tensor) -> Tensor:
    """(R, n, places, tokens) and (R, n, places) -> the bits that each token costs, (R, n, places)."""
    of_token = probabilities.gather(-1, token.unsqueeze(-1)).squeeze(-1)
    return -of_token.double().clamp(min=1e-38).log2()


def mean_cost(bits: Tensor, weight: Tensor) -> dict[str, Tensor]:
    """The metrics of what was kept of all sentences, (R, N, places): (R,) each."""
    mean = (bits * weight).flatten(1).sum(-1) / weight.double().flatten(1).sum(-1)
    return {"bits": mean, "perplexity": mean.exp2()}


class Window(nn.Module):
    """At each place, a network on the tokens up to there, `last` of them (Bengio et al., JMLR 2003)."""

    def __init__(self, vocabulary: int, outputs: int, width: int, last: int) -> None:
        super().__init__()
        self.last = last
        self.words = nn.Embedding(vocabulary, width)
        self.hidden, self.scores = nn.Linear(last * width, 2 * width), nn.Linear(2 * width, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, places) -> (N, places, outputs)."""
        words = nn.functional.pad(self.words(tokens), (0, 0, self.last - 1, 0))
        seen = torch.cat([words[:, i : i + tokens.shape[1]] for i in range(self.last)], dim=-1)
        return self.scores(self.hidden(seen).tanh())


@dataclass(frozen=True, kw_only=True)
class Chain(DataSource):
    """Sentences of a language in which a token depends on the two before it; each seed draws its own.

    size: sentences in each split.
    tokens: in the language; number 0 is none of them, it fills up what is left behind a sentence.
    length: tokens of the longest sentence.
    """

    reads = ("tokens",)
    judged_by = (COST,)
    select = "bits"
    fresh_examples = True
    size: int = knob(300, at_least=1)
    tokens: int = knob(8, at_least=2)
    length: int = knob(20, at_least=4)

    def targets(self) -> tuple[Target, ...]:
        return (Target("multiclass", size=self.tokens + 1, shape=(self.length - 1,)),)

    def load(self, seed: int, reads: str) -> DataSet:
        draw, count, states = numpy_generator(seed, "sentences"), 3 * self.size, (self.tokens, self.tokens)
        follows = numpy_generator(0, "language").dirichlet([0.3] * self.tokens, states).cumsum(-1)
        sentence = draw.integers(self.tokens, size=(count, self.length))
        for place in range(2, self.length):
            before = follows[sentence[:, place - 2], sentence[:, place - 1]]
            sentence[:, place] = (before[:, :-1] < draw.random((count, 1))).sum(-1)
        ends = draw.integers(3, self.length, (count, 1), endpoint=True)
        text = torch.from_numpy((np.arange(self.length) < ends) * (sentence + 1))
        targets = {"multiclass": text[:, 1:], "weight": (text[:, 1:] > 0).float()}
        rows = torch.arange(count).split(self.size)
        words = Inputs("tokens", (self.length - 1,), vocabulary=self.tokens + 1)
        return self.data_set(words, text[:, :-1], targets, rows, "drawn")
