"""Metrics of models whose target is the image itself, in nats summed over its pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from lossbench.metrics import weighing

if TYPE_CHECKING:
    from torch import Tensor

ACTIVE = 0.01  # variance from which on a number of the code tells something
_RIDGE = 1e-3  # of the variance of the means, so that a number that tells nothing does no harm


def of_weights(log_weights: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """nll_iw: the mean of -log(1/K sum_k w_k), an upper bound on -log p(x) that K codes make the tighter.

    Args:
        log_weights: (R, N, K), log p(x, z) - log q(z | x) of K codes.
        weight: (R, N), 0 or more.

    Returns:
        (R,) float64.

    Source:
        Burda, Grosse, Salakhutdinov, "Importance Weighted Autoencoders" (ICLR 2016), equation 8.
    """
    each = math.log(log_weights.shape[-1]) - log_weights.double().logsumexp(-1)
    return {"nll_iw": _mean(each, weight)}


def of_codes(
    mean: Tensor, log_variance: Tensor, distortion: Tensor, weight: Tensor | None = None
) -> dict[str, Tensor]:
    """rate, the mean of KL(q(z | x) || p(z)), distortion, that of -log p(x | z), neg_elbo, their sum, and
    active_units.

    A unit is active where its mean has a variance above 0.01 over the images (Burda and others 2016); free
    bits or a weight of the loss change none of them.

    Args:
        mean, log_variance: (R, N, latent) of q(z | x).
        distortion: (R, N).
        weight: (R, N), 0 or more.

    Returns:
        (R,) float64 each.
    """
    means, log_variances = mean.double(), log_variance.double()
    rate = (means.square() + log_variances.exp() - 1 - log_variances).sum(-1) / 2
    counts = torch.ones_like(distortion, dtype=torch.float64) if weight is None else weight.double()
    share = (counts / counts.sum(-1, keepdim=True)).unsqueeze(-1)
    variance = (share * (means - (share * means).sum(-2, keepdim=True)).square()).sum(-2)
    told, costs = _mean(rate, weight), _mean(distortion.double(), weight)
    return {
        "neg_elbo": told + costs,
        "rate": told,
        "distortion": costs,
        "active_units": (variance > ACTIVE).sum(-1).double(),
    }


def of_probe(mean: Tensor, labels: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    """probe_accuracy: of a linear classifier of means, fitted by least squares to one half of the images.

    It says of the other half which class is the largest, and the other way round; halves have every class
    by halves.

    Args:
        mean: (R, N, latent), standardised here.
        labels: (R, N) int64, from 0.
        weight: (R, N), 0 or more; it weighs what is judged, not what is fitted.

    Returns:
        (R,) float64.
    """
    # Each member by itself, for sums of several at once may round in another way.
    right = torch.stack([_right(own, said) for own, said in zip(mean.double(), labels, strict=True)])
    return {"probe_accuracy": _mean(right.double(), weight)}


def _right(means: Tensor, labels: Tensor) -> Tensor:
    """Which of the images (N,) are told right by a classifier that was fitted to the other half."""
    spread = means.std(0, correction=0)
    scaled = (means - means.mean(0)) / spread.where(spread > 0, 1)
    rows = torch.cat([scaled, torch.ones_like(scaled[:, :1])], dim=1)
    wanted = F.one_hot(labels, int(labels.max()) + 1).double()
    right = torch.zeros_like(labels, dtype=torch.bool)
    by_class = labels.argsort(stable=True)
    halves = by_class[::2], by_class[1::2]
    for fitted, judged in (halves, halves[::-1]):
        own = rows[fitted]
        ridge = _RIDGE * max(len(own), 1) * torch.eye(rows.shape[1], dtype=rows.dtype, device=rows.device)
        weights = torch.linalg.solve(own.T @ own + ridge, own.T @ wanted[fitted])
        right[judged] = (rows[judged] @ weights).argmax(-1) == labels[judged]
    return right


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    counts = torch.ones_like(values) if weight is None else weight.double()
    return weighing.mean(values, counts)
