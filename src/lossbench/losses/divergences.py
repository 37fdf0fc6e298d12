"""Kullback-Leibler divergences as pure functions; each says which distribution stands first.

KL(a || b) is the mean, under a, of log a - log b: b must cover what a does. All are in nats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossbench.losses.targets import check_same

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Knob


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


def kl_of_classes(first: Tensor, second: Tensor, *, temperature: Knob = 1.0) -> Tensor:
    """KL(first || second) of classes, both softened by one temperature.

        sum_c p_c log(p_c / q_c),  p = softmax(first / T),  q = softmax(second / T)

    0 for equal distributions alone, not symmetric. As the second follows its gradient it comes to cover all
    that the first holds likely.

    Args:
        first, second: float (..., C), logits.
        temperature: T, above 0; a tensor of no dimension may stand for it.

    Returns:
        (...), in nats, 0 or more but for rounding.

    Raises:
        ValueError: the shapes differ or have no dimension.

    Source:
        Kullback, Leibler, "On Information and Sufficiency", Annals of Mathematical Statistics 22 (1951),
        section 2.
    """
    check_same(first, second)
    p, q = (first / temperature).log_softmax(-1), (second / temperature).log_softmax(-1)
    return (p.exp() * (p - q)).sum(-1)


def reverse_kl_of_classes(first: Tensor, second: Tensor, *, temperature: Knob = 1.0) -> Tensor:
    """KL(second || first) of classes: the second may leave out what the first holds likely.

        sum_c q_c log(q_c / p_c),  p = softmax(first / T),  q = softmax(second / T)

    As the second follows its gradient it gives up what the first holds unlikely, and may settle on one of
    several classes.

    Args:
        first, second: float (..., C), logits.
        temperature: T, above 0; a tensor of no dimension may stand for it.

    Returns:
        (...), in nats, 0 or more but for rounding.

    Raises:
        ValueError: the shapes differ or have no dimension.

    Source:
        Minka, "Divergence measures and message passing", Microsoft Research TR-2005-173, section 2.
    """
    return kl_of_classes(second, first, temperature=temperature)


def jsd_of_classes(first: Tensor, second: Tensor, *, temperature: Knob = 1.0) -> Tensor:
    """Jensen-Shannon divergence of classes: the mean of KL(first || m) and KL(second || m), m their mean.

        (KL(p || m) + KL(q || m)) / 2,  m = (p + q) / 2,  p = softmax(first / T),  q = softmax(second / T)

    It has no direction: it is symmetric, and at most log 2 however far apart the two are.

    Args:
        first, second: float (..., C), logits.
        temperature: T, above 0; a tensor of no dimension may stand for it.

    Returns:
        (...), in nats, 0 to log 2 but for rounding.

    Raises:
        ValueError: the shapes differ or have no dimension.

    Source:
        Lin, "Divergence Measures Based on the Shannon Entropy", IEEE Transactions on Information Theory 37
        (1991), section IV.
    """
    import math

    import torch

    check_same(first, second)
    p, q = (first / temperature).log_softmax(-1), (second / temperature).log_softmax(-1)
    middle = torch.logaddexp(p, q) - math.log(2)
    return (p.exp() * (p - middle) + q.exp() * (q - middle)).sum(-1) / 2
