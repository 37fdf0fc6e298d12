"""The policy that draws several sequences of the reference and says the one of the largest proxy reward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossbench.task import Prediction

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.data.baseline import Baseline
    from lossbench.data.source import DataSet, Examples

_LEAST = 1e-300  # chance of what is practically never said, so that its logarithm is a number


def best_of(count: int) -> Baseline:
    """Of so many sequences: a baseline of `Preferences`, exact and without a draw."""

    def best(data: DataSet, examples: Examples) -> Prediction:
        logs = chances(data.shared["reference"], data.shared["proxy"], count).clamp(min=_LEAST).log()
        return Prediction(policy=logs.expand(len(examples), -1))

    return best


def chances(reference: Tensor, reward: Tensor, count: int) -> Tensor:
    """How likely each sequence is the one of the largest reward among `count` drawn, float64 (S,).

        F(y)^n - (F(y) - p(y))^n,  F(y) the chance of a reward of at most that of y

    Its divergence to the reference is log n - (n - 1) / n at most, and nearly that where no sequence is
    likely. Of equal rewards the first in the order counts as the largest.

    Args:
        reference: (S,), log probabilities.
        reward: (S,).

    Source:
        Beirami and others, "Theoretical guarantees on the best-of-n alignment policy" (2024), theorem 1.
    """
    import torch

    order = reward.argsort(descending=True, stable=True).flip(0)
    own = reference.double().log_softmax(0).exp()[order]
    below = own.cumsum(0).clamp(max=1)
    share = (own / below).clamp(max=1)
    found = (count * below.log()).exp() * -torch.expm1(count * torch.log1p(-share))
    return torch.empty_like(found).index_copy_(0, order, found)
