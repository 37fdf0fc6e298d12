"""Metrics of the next token at each place, of which windows are kept by what each token costs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from lossbench.metrics import weighing
from lossbench.metrics.classes import calibration_error
from lossbench.metrics.language import GRAM

if TYPE_CHECKING:
    from torch import Tensor


def costs(probabilities: Tensor, token: Tensor) -> Tensor:
    """The negative log probability of each token in nats, (R, n, places) float64.

    A probability below the smallest normal float32 counts as that, as in `classes.of_probabilities`.

    Args:
        probabilities: (R, n, places, tokens).
        token: (R, n, places) int64.
    """
    own = probabilities.gather(-1, token.unsqueeze(-1)).squeeze(-1).double()
    # Not by clamp, which would make a number of nan.
    return -own.where(~(own < torch.finfo(torch.float32).tiny), torch.finfo(torch.float32).tiny).log()


def mean_cost(cost: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """nll in nats and bits_per_token, the weighted means over all places, and perplexity: (R,) float64 each.

    Args:
        cost: (R, N, places), as `costs` gives it.
        weight: (R, N) or (R, N, places).
    """
    mean = _mean(cost, weight)
    return {"nll": mean, "bits_per_token": mean / math.log(2), "perplexity": mean.exp()}


def right(scores: Tensor, token: Tensor) -> Tensor:
    """Whether the largest score is the token's, the first of equal ones: (R, n, places) bool."""
    return scores.argmax(-1) == token


def share_right(hit: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """accuracy, the weighted mean over all places: (R,) float64."""
    return {"accuracy": _mean(hit.double(), weight)}


def confidences(probabilities: Tensor, token: Tensor) -> tuple[Tensor, Tensor]:
    """The largest probability at each place, and whether it is the token's: (R, n, places) each."""
    confidence, found = probabilities.max(-1)
    return confidence, found == token


def calibration(confidence: Tensor, hit: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """ece over all places, as of `classes.of_probabilities`: (R,) float64."""
    weight = None if weight is None else weighing.spread(weight, hit)
    return {"ece": calibration_error(confidence.flatten(1).double(), hit.flatten(1), weight)}


def share_repeated(continuation: Tensor) -> dict[str, Tensor]:
    """repetition, the mean over continuations of the share of their n-grams that stood there before.

    One less the different ones over all of them: seq-rep-4 of Welleck et al., "Neural Text Generation With
    Unlikelihood Training" (ICLR 2020), section 6.1; n is `language.GRAM`.

    Args:
        continuation: (R, P, length) int64, tokens that a model wrote.

    Returns:
        (R,) float64.
    """
    grams = continuation.unfold(-1, GRAM, 1)
    same = (grams.unsqueeze(-2) == grams.unsqueeze(-3)).all(-1)
    before = same.tril(-1).any(-1)
    return {"repetition": before.double().flatten(1).mean(-1)}


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    if weight is None:
        return values.flatten(1).mean(-1)
    return weighing.mean(values.flatten(1), weighing.spread(weight, values))
