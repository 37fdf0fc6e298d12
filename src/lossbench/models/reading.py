"""How a network that others trained reads images as lossbench's data gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from lossbench.data.pixels import IMAGENET

if TYPE_CHECKING:
    from torch import Tensor

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Reading(nn.Module):
    """(N, channels, height, width) -> what the network gives for (N, 3, height, width).

    Gray images are read in all three channels. A training batch of one image has no deviation: batch norm
    takes its running statistics, as in evaluation, and leaves them as they are.

    Args:
        net: the network.
        channels: 1 or 3.
        mean, deviation: of the images that its weights were trained on, 0..1, by channel.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        net: nn.Module,
        channels: int,
        mean: Sequence[float] = IMAGENET[3].mean,
        deviation: Sequence[float] = IMAGENET[3].deviation,
    ) -> None:
        super().__init__()
        self.net = net
        given = IMAGENET[channels]
        before, wide = torch.tensor(given.mean).expand(3), torch.tensor(given.deviation).expand(3)
        own, narrow = torch.tensor(tuple(mean)), torch.tensor(tuple(deviation))
        self.as_given = bool((before == own).all()) and bool((wide == narrow).all())
        self.register_buffer("scale", (wide / narrow).view(-1, 1, 1), persistent=False)
        self.register_buffer("shift", ((before - own) / narrow).view(-1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        if not self.as_given:
            images = images * self.scale + self.shift  # of one channel, three
        alone = self.training and len(images) == 1
        norms = [layer for layer in self.net.modules() if isinstance(layer, _NORMS)] if alone else []
        for layer in norms:
            layer.eval()
        try:
            found: Tensor = self.net(images)
        finally:
            for layer in norms:
                layer.train()
        return found
