"""What a model of next tokens knows that looks at none before them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossbench.task import WEIGHT, Prediction

if TYPE_CHECKING:
    from lossbench.data.source import DataSet, Examples


def token_frequencies(data: DataSet, examples: Examples) -> Prediction:
    """The frequencies of all tokens in training, at each place: (N, places, tokens).

    Each counts one more than it occurs (Laplace), for the test may hold others; 0 is no token.
    """
    tokens, targets = data.description.inputs.vocabulary, data.train.targets
    counts = targets["multiclass"][targets[WEIGHT] > 0].bincount(minlength=tokens).double() + 1
    counts[0] = 0
    frequencies = (counts / counts.sum()).float()
    shape = (len(examples), *data.description.inputs.shape, tokens)
    return Prediction(scores=frequencies.expand(shape), probabilities=frequencies.expand(shape))
