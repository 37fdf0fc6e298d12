"""Losses of scores and distributions: bce, cce, hinge, kl, z_loss, unlikelihood."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from lossbench.anatomy.properties.measure import (
    POINTS,
    SEARCHED,
    Found,
    drawn,
    gradient,
    holds,
    largest,
    minimiser,
)
from lossbench.losses.bce import binary_cross_entropy
from lossbench.losses.cce import categorical_cross_entropy
from lossbench.losses.hinge import hinge
from lossbench.losses.kl import kl_divergence
from lossbench.losses.unlikelihood import token_unlikelihood
from lossbench.losses.z_loss import cross_entropy_with_z

if TYPE_CHECKING:
    from torch import Tensor

_ESL = "Hastie, Tibshirani and Friedman (2009)"


@holds(
    "The gradient of BCE is the probability less the target, so no example pulls by more than 1.",
    "Bishop (2006), section 4.3.2",
)
def bce_gradient_is_the_error() -> Found:
    logits = drawn(POINTS, purpose="logits")
    target = (torch.arange(POINTS) % 2).long()
    slopes = gradient(lambda z: binary_cross_entropy(z, target), logits)
    return largest(slopes - (logits.sigmoid() - target))


@holds(
    "The score with the least BCE gives the true probability.",
    f"{_ESL}, table 12.1",
    "largest distance from the probability",
    high=SEARCHED,
)
def bce_finds_probability() -> Found:
    worst = 0.0
    for ones in range(1, 20):
        sample = (torch.arange(20) < ones).long()
        best = minimiser(lambda c, t: binary_cross_entropy(c.expand(-1, 20), t.expand(len(c), -1)), sample)
        worst = max(worst, abs(1 / (1 + math.exp(-best)) - ones / 20))
    return Found(worst, 19)


@holds(
    "BCE still pulls at examples that are right, ever less.",
    f"{_ESL}, section 12.3.2",
    "smallest gradient at scores of 1 to 10",
    low=1e-5,
    high=1.0,
)
def bce_never_rests() -> Found:
    """The smallest gradient where the class is right by 1 to 10."""
    scores = torch.linspace(1, 10, POINTS, dtype=torch.float64)
    slopes = gradient(lambda s: binary_cross_entropy(s, torch.ones(POINTS, dtype=torch.long)), scores)
    return Found(float(slopes.abs().min()), POINTS)


@holds("The gradient of cross-entropy is the softmax less the target.", "Bishop (2006), section 4.3.4")
def cce_gradient_is_the_error() -> Found:
    logits, target = drawn(POINTS, 10, purpose="class logits"), torch.arange(POINTS) % 10
    slopes = gradient(lambda z: categorical_cross_entropy(z, target), logits)
    return largest(slopes - (logits.softmax(-1) - torch.nn.functional.one_hot(target, 10)))


@holds("Cross-entropy depends on the probability of the right class alone.", "Bishop (2006), section 4.3.4")
def cce_reads_right_class_only() -> Found:
    logits, target = drawn(POINTS, 10, purpose="class logits"), torch.arange(POINTS) % 10
    right = logits.softmax(-1).gather(-1, target[:, None]).squeeze(-1)
    return largest(categorical_cross_entropy(logits, target) + right.log())


@holds(
    "Hinge leaves alone what is right by the margin.",
    "Cortes and Vapnik (1995), section 3",
    "largest gradient beyond the margin",
    high=0,
)
def hinge_rests_beyond_margin() -> Found:
    scores = 1 + drawn(POINTS, purpose="scores").abs() + 1e-6
    slopes = gradient(lambda s: hinge(s, torch.ones(POINTS, dtype=torch.long)), scores)
    return largest(slopes)


@holds(
    "The score with the least hinge tells which class is likelier, not how likely it is.",
    f"{_ESL}, table 12.1",
    "largest distance from -1 or +1",
    high=SEARCHED,
)
def hinge_finds_side_only() -> Found:
    """How far its best score lies from -1 or +1, whatever the probability of the class."""
    worst = 0.0
    for ones in (1, 3, 5, 7, 9, 11, 13, 15, 17, 19):
        sample = (torch.arange(20) < ones).long()
        best = minimiser(lambda c, t: hinge(c.expand(-1, 20), t.expand(len(c), -1)), sample)
        worst = max(worst, abs(best - math.copysign(1, ones - 10)))
    return Found(worst, 10)


def _distributions(purpose: str) -> Tensor:
    return drawn(POINTS, 5, purpose=purpose, scale=1.0).softmax(-1)


@holds(
    "KL is zero for equal distributions.",
    "Kullback and Leibler (1951), section 2",
    "largest divergence of a distribution from itself",
)
def kl_is_zero_for_equals() -> Found:
    model = _distributions("model")
    return largest(kl_divergence(model.log(), model))


@holds(
    "KL is positive for distributions that differ.",
    "Kullback and Leibler (1951), section 2",
    "smallest divergence",
    low=1e-6,
    high=math.inf,
)
def kl_is_positive_else() -> Found:
    divergence = kl_divergence(_distributions("model").log(), _distributions("target"))
    return Found(float(divergence.min()), POINTS)


@holds(
    "KL is not symmetric.",
    "Cover and Thomas (2006), section 2.3",
    "median difference between the two directions",
    low=1e-3,
    high=math.inf,
)
def kl_is_not_symmetric() -> Found:
    one, other = _distributions("model"), _distributions("target")
    apart = (kl_divergence(one.log(), other) - kl_divergence(other.log(), one)).abs()
    return Found(float(apart.median()), POINTS)


@holds("With one-hot targets KL has the gradient of cross-entropy.", "Cover and Thomas (2006), section 2.3")
def kl_gradient_is_that_of_cce() -> Found:
    logits, target = drawn(POINTS, 10, purpose="class logits"), torch.arange(POINTS) % 10
    rows = torch.nn.functional.one_hot(target, 10).double()
    slopes = gradient(lambda z: kl_divergence(z, rows), logits)
    return largest(slopes - gradient(lambda z: categorical_cross_entropy(z, target), logits))


@holds(
    "The price of z_loss moves no probability: its gradient is least where they are true and sum to 1 by "
    "themselves.",
    "Chowdhery et al. (PaLM, 2023), section 5",
    "largest gradient there",
    of="z_loss",
)
def z_loss_rests_at_true_probabilities() -> Found:
    shares = torch.tensor([6, 3, 1])
    target = torch.arange(3).repeat_interleave(shares)
    best = (shares.double() / 10).log()
    slopes = gradient(lambda z: cross_entropy_with_z(z.expand(10, -1), target, coefficient=0.5), best)
    return largest(slopes)


@holds(
    "Unlikelihood pushes down what stood before, but not the token that is right.",
    "Welleck et al. (ICLR 2020), section 5.1",
    "smallest gradient by its score of a token that stood before, less cross-entropy's",
    low=1e-6,
    high=math.inf,
)
def unlikelihood_lowers_what_stood_before() -> Found:
    logits = drawn(POINTS, 2, 5, purpose="token logits", scale=1.0)
    target = torch.tensor([0, 1]).expand(POINTS, -1)

    def more(z: Tensor) -> Tensor:
        return token_unlikelihood(z, target) - categorical_cross_entropy(z, target)

    return Found(float(gradient(more, logits)[:, 1, 0].min()), POINTS)
