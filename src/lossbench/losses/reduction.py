"""The one mean of a loss: over examples and their places, weighted where the data gives weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    Means = tuple[Tensor, dict[str, Tensor]]
"""Of a loss, and of its parts by name where it is a sum."""


def weighted_means(parted: Means, weight: Tensor | None = None) -> Means:
    """The mean of what `Loss.parted` gives; those of parts are told and train nothing."""
    values, parts = parted
    return weighted_mean(values, weight), {n: weighted_mean(own.detach(), weight) for n, own in parts.items()}


def weighted_mean(values: Tensor, weight: Tensor | None = None) -> Tensor:
    """sum(weight * values) / sum(weight), or the plain mean: a tensor of no dimension.

    What has weight 0 counts for nothing, to the bit. Where all weights are 0 the mean is 0, and so is its
    gradient.

    Args:
        values: float (N, ...).
        weight: (N,) or with further dimensions of `values`, 0 or more; it counts for all that lies below it.

    Raises:
        ValueError: the shapes do not fit.
    """
    import torch

    if weight is None:
        return values.mean()
    weight = for_each(weight, values).to(values.dtype)
    counted = torch.where(weight > 0, values, torch.zeros_like(values)) * weight
    total = weight.sum()
    return counted.sum() / torch.where(total > 0, total, torch.ones_like(total))


def for_each(weight: Tensor, values: Tensor) -> Tensor:
    """Weights of the first dimensions of values (N, ...), in the shape of these.

    Raises:
        ValueError: they are not.
    """
    if weight.shape != values.shape[: weight.ndim]:
        raise ValueError(
            f"weights {tuple(weight.shape)} do not fit values {tuple(values.shape)} of a loss: they must be "
            "those of its first dimensions"
        )
    return weight.reshape(*weight.shape, *[1] * (values.ndim - weight.ndim)).expand(values.shape)
