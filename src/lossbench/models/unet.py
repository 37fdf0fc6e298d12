"""A small U-Net: a row of outputs for each pixel of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lossbench.config.choice import knob
from lossbench.errors import InputError
from lossbench.models.model import Model
from lossbench.task import InputKind, Inputs

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class UNet(Model):
    """Two 3x3 convolutions with ReLU at each of several sizes of an image, each half of the one before; then
    back to its own size, at each size beside what was found there on the way down (Ronneberger, Fischer,
    Brox, MICCAI 2015; with the image padded, so that no pixel is lost, and without batch statistics: members
    stack). For targets that have the pixels of the image as places: depths, classes of pixels.

    channels: of the convolutions at each size, that of the image first.
    """

    reads: ClassVar[tuple[InputKind, ...]] = ("image",)
    places: ClassVar[bool] = True
    remedy: ClassVar[str] = "unet is for targets at each pixel of an image; for one of a whole image see cnn"
    channels: tuple[int, ...] = knob((8, 16, 32), at_least=1)

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        """(N, channels, height, width) -> (N, height, width, outputs).

        Raises:
            InputError: the image is too small to be halved once per further size.
        """
        from lossbench.models.pixels import DownAndUp

        least = 2 ** (len(self.channels) - 1)
        if min(inputs.shape[1:]) < least:
            shape = "x".join(map(str, inputs.shape[1:]))
            raise InputError(
                f"model={self.name} at {len(self.channels)} sizes needs images of {least}x{least} or more "
                f"and got {shape}; shorten model.channels."
            )
        return DownAndUp(inputs.shape[0], self.channels, outputs)
