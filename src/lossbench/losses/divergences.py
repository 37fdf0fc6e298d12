"""Kullback-Leibler divergences as pure functions; each says which distribution stands first.

KL(a || b) is the mean, under a, of log a - log b: b must cover what a does. All are in nats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def gaussian_to_standard(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(q || p) from q, a Gaussian, to p, the standard normal, of each number by itself.

        KL = (mean^2 + variance - 1 - log variance) / 2

    Args:
        mean, log_variance: of q (...), which broadcast.

    Returns:
        (...), 0 or more; of independent numbers their sum is the divergence of all together.

    Source:
        Kingma, Welling, "Auto-Encoding Variational Bayes" (ICLR 2014), appendix B.
    """
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2


def k1(log_q: Tensor, log_p: Tensor) -> Tensor:
    """KL(q || p) of a sample x of q: log q(x) - log p(x). Unbiased, of either sign, with the widest spread.

    Args:
        log_q, log_p: log densities (...) of samples that q drew.

    Returns:
        (...), whose mean estimates the divergence.

    Source:
        Schulman, "Approximating KL Divergence" (2020), joschu.net/blog/kl-approx.html.
    """
    return log_q - log_p


def k2(log_q: Tensor, log_p: Tensor) -> Tensor:
    """KL(q || p) of a sample x of q: (log q(x) - log p(x))^2 / 2. Biased, 0 or more, narrower than k1.

    Args, Returns, Source:
        As of `k1`.
    """
    return (log_q - log_p).square() / 2


def k3(log_q: Tensor, log_p: Tensor) -> Tensor:
    """KL(q || p) of a sample x of q: p(x)/q(x) - 1 - log(p(x)/q(x)). Unbiased, 0 or more, as narrow as k2.

    Args, Returns, Source:
        As of `k1`.
    """
    ratio = log_p - log_q
    return ratio.expm1() - ratio
