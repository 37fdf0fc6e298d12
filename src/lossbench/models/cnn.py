"""A small convolutional network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lossbench.config.choice import knob
from lossbench.config.search import linear
from lossbench.errors import InputError
from lossbench.models.model import Model
from lossbench.task import InputKind, Inputs

if TYPE_CHECKING:
    from torch import nn

_MANY_WEIGHTS = 2_000_000


@dataclass(frozen=True, kw_only=True)
class CNN(Model):
    """3x3 convolutions with ReLU and 2x2 max pooling, then an MLP; for images of any size and channels that
    can be halved so often. No batch statistics: members stack.

    channels: of the convolutions, input side first; each halves height and width.
    hidden: width of the hidden layer.
    dropout: share that is dropped in training, in front of and behind the hidden layer. Searched as that of
        an mlp.
    """

    reads: ClassVar[tuple[InputKind, ...]] = ("image",)
    channels: tuple[int, ...] = knob((16, 32), at_least=1)
    hidden: int = knob(64, at_least=1)
    dropout: float = knob(0.0, at_least=0, below=1, search=linear(0, 0.5))

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        """(N, channels, height, width) -> (N, outputs).

        Raises:
            InputError: the image is too small to be halved once per convolution.
        """
        from torch import nn

        from lossbench.models.dropout import Dropout
        from lossbench.models.layers import perceptron

        before, height, width = inputs.shape
        layers: list[nn.Module] = []
        for channels in self.channels:
            layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            before, height, width = channels, height // 2, width // 2
        if height * width == 0:
            least = 2 ** len(self.channels)
            shape = "x".join(map(str, inputs.shape[1:]))
            raise InputError(
                f"model={self.name} with {len(self.channels)} convolutions needs images of {least}x{least} "
                f"or more and got {shape}; shorten model.channels or choose model=mlp."
            )
        layers.append(nn.Flatten())
        if self.dropout > 0:
            layers.append(Dropout(self.dropout))
        layers.append(nn.Linear(before * height * width, self.hidden))
        return perceptron(nn.Sequential(*layers), [self.hidden], outputs, self.dropout)

    def remark(self, module: nn.Module) -> str | None:
        """That large images make a large hidden layer, which more convolutions make smaller."""
        largest = max(weight.numel() for weight in module.parameters())
        if largest < _MANY_WEIGHTS:
            return None
        more = [*self.channels, 2 * self.channels[-1], 4 * self.channels[-1]]
        return (
            f"model={self.name}: its hidden layer has {largest / 1e6:.1f} million weights, for images so "
            f"large; more convolutions halve them before, as model.channels={str(more).replace(' ', '')}"
        )
