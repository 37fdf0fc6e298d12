"""Modules that give a row of outputs for each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class DownAndUp(nn.Module):
    """Images (N, before, height, width) -> (N, height, width, outputs), as `models.unet` says.

    Args:
        channels: of each size, that of the image first; sides that are odd are halved downwards.
    """

    def __init__(self, before: int, channels: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for own in channels:
            self.down.append(_convolutions(before, own))
            before = own
        for own in reversed(channels[:-1]):
            self.up.append(_convolutions(before + own, own))
            before = own
        self.last = nn.Conv2d(before, outputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        found: list[Tensor] = []
        for layer in self.down:
            images = layer(F.max_pool2d(images, 2) if found else images)
            found.append(images)
        images = found.pop()
        for layer in self.up:
            beside = found.pop()
            images = layer(torch.cat([F.interpolate(images, size=beside.shape[-2:]), beside], dim=-3))
        outputs: Tensor = self.last(images)
        return outputs.movedim(-3, -1)


def _convolutions(before: int, after: int) -> nn.Module:
    """Beyond its edge an image goes on as it ends: zeros there would leave a rim in what is predicted."""
    layers: list[nn.Module] = []
    for channels in (before, after):
        layers += [nn.Conv2d(channels, after, 3, padding=1, padding_mode="replicate"), nn.ReLU()]
    return nn.Sequential(*layers)
