"""Pixels that are to be predicted themselves: in grey values, or in black and white that is drawn by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.seeds import torch_generator

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from lossbench.task import TargetKind

WAYS = ("none", "static", "dynamic")
WHITE = 255


@dataclass(frozen=True)
class Shades:
    """`DataSet.as_read` of bytes 0..255: float32 from 0 (black) to 1 (white)."""

    def __call__(self, pixels: Tensor) -> Tensor:
        return pixels.float().div_(WHITE)


@dataclass(frozen=True)
class DrawnAnew:
    """`DataSet.fresh` of a training batch: every pixel is white with the probability of its grey value.

    Each time an image is seen it is drawn anew (Burda, Grosse, Salakhutdinov, ICLR 2016), the
    same for all losses of a seed.
    """

    def __call__(
        self, images: Tensor, targets: dict[TargetKind, Tensor], generator: Generator
    ) -> tuple[Tensor, dict[TargetKind, Tensor]]:
        """Images (B, C, H, W) of 0..1 in black and white; the target `pixels` (B, pixels) is the same."""
        import torch

        white = torch.rand(images.shape, generator=generator).to(images.device) < images
        pixels = (white.flatten(1) * WHITE).to(torch.uint8).to(targets["pixels"].device)
        return white.to(images.dtype), targets | {"pixels": pixels}


def drawn_once(grey: Tensor) -> Tensor:
    """Bytes (M, C, H, W) in black and white: drawn once by the grey values, the same for every seed."""
    import torch

    generator = torch_generator(0, "binarize")
    white = torch.zeros_like(grey)
    for start in range(0, len(grey), 1000):  # floats of all at once would take ten times the memory
        part = grey[start : start + 1000]
        shown = torch.rand(part.shape, generator=generator) * WHITE < part
        white[start : start + 1000] = shown * WHITE
    return white
