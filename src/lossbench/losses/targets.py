"""How losses check the shapes that they are given and encode class targets. Plain tensor arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Knob


def check_same(output: Tensor, target: Tensor) -> None:
    """Both are (..., K).

    Raises:
        ValueError: they differ in shape, or have no dimension.
    """
    if output.ndim == 0 or output.shape != target.shape:
        raise _shapes("output and target must both be (..., outputs)", output, target)


def check_classes(output: Tensor, target: Tensor) -> None:
    """output is (..., C), target is (...) and holds whole numbers.

    Raises:
        ValueError: the shapes do not fit, or the target is not of a whole-number type.
    """
    if output.ndim == 0 or output.shape[:-1] != target.shape:
        raise _shapes("output must be (..., classes) and target (...)", output, target)
    check_whole(target)


def check_logits(output: Tensor, target: Tensor) -> None:
    """Both are (...): one number per example, and target holds whole numbers.

    Raises:
        ValueError: the shapes differ, or the target is not of a whole-number type.
    """
    if output.shape != target.shape:
        raise _shapes("output and target must have one shape", output, target)
    check_whole(target)


def check_embeddings(output: Tensor, target: Tensor) -> None:
    """output is (N, E), target is (N,) and holds whole numbers.

    Raises:
        ValueError: the shapes do not fit, or the target is not of a whole-number type.
    """
    if output.ndim != 2 or output.shape[:1] != target.shape:
        raise _shapes("output must be (N, embedding) and target (N,)", output, target)
    check_whole(target)


def check_whole(target: Tensor) -> None:
    """Classes and identities are whole numbers.

    Raises:
        ValueError: the target is of a floating type.
    """
    if target.is_floating_point():
        raise ValueError(f"classes must be of a whole-number type; got {target.dtype}")


def _shapes(wanted: str, output: Tensor, target: Tensor) -> ValueError:
    return ValueError(f"{wanted}; got {tuple(output.shape)} and {tuple(target.shape)}")


def one_hot(target: Tensor, like: Tensor, *, label_smoothing: Knob = 0.0) -> Tensor:
    """Classes (...) as rows (..., C) in the type of `like` (..., C).

    The row of class y is (1 - s) [c = y] + s / C with s = `label_smoothing` in [0, 1)
    (Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", section 7).
    A class outside 0 .. C-1 gives zeros before smoothing; it is not checked, since that would read the data.
    """
    import torch

    classes = like.shape[-1]
    rows = (target.unsqueeze(-1) == torch.arange(classes, device=target.device)).to(like.dtype)
    return rows * (1 - label_smoothing) + label_smoothing / classes
