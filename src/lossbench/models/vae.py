"""A variational autoencoder: an image is told by a code of a few numbers, which the encoder guesses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from lossbench.config.choice import knob
from lossbench.errors import InputError
from lossbench.likelihoods import BERNOULLI, Likelihood
from lossbench.models.model import Model
from lossbench.task import InputKind, Inputs, Noise

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class VAE(Model):
    """Of Kingma and Welling (ICLR 2014): q(z | x) and p(z) are Gaussian with a variance for each number.

    latent: numbers of a code.
    encoder: mlp, or cnn, whose decoder is its mirror image.
    hidden: widths of the hidden layers of the encoder, input side first; the decoder has them the other way
        round.
    channels: of an encoder with convolutions, each of which halves height and width; `hidden` comes behind.
    activation: relu, or tanh as Burda and others have it.
    draws: codes for each image in evaluation, by which the bound on its likelihood is estimated.
    """

    reads: ClassVar[tuple[InputKind, ...]] = ("image",)
    gives: ClassVar[tuple[str, ...]] = ("logits", "mean", "log_variance", "code")
    remedy: ClassVar[str] = "it trains with loss=elbo, iwae or pixel_mean, on data.task=pixels"
    latent: int = knob(20, at_least=1)
    encoder: str = knob("mlp", choices=("mlp", "cnn"))
    hidden: tuple[int, ...] = knob((200,), at_least=1)
    channels: tuple[int, ...] = knob((16, 32), at_least=1)
    activation: str = knob("relu", choices=("relu", "tanh"))
    draws: int = knob(100, at_least=1)
    likelihood: str = field(init=False, default=BERNOULLI)
    deviation: float = field(init=False, default=Likelihood.deviation)
    trained_draws: int = field(init=False, default=1)

    def asked(self, asks: Mapping[str, Any]) -> Model:
        """One that draws as many codes in training, and has the likelihood, as the loss says."""
        if not asks:
            return self
        likelihood, deviation = asks["likelihood"], asks["deviation"]
        return self.altered(likelihood=likelihood, deviation=deviation, trained_draws=asks["draws"])

    def noise(self, inputs: Inputs) -> dict[str, Noise]:
        """Of each code, (draws, latent)."""
        return {"code": Noise((self.trained_draws, self.latent), evaluated=(self.draws, self.latent))}

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        """(N, channels, height, width) of 0..1 -> what `autoencoder.Autoencoder` says.

        Raises:
            InputError: the image is too small to be halved once per convolution.
        """
        from lossbench.models import autoencoder

        shape = inputs.shape
        if self.encoder == "mlp":
            coders = autoencoder.perceptrons(shape, self.hidden, self.latent, self.activation)
        else:
            least = 2 ** len(self.channels)
            if min(shape[1:]) < least:
                raise InputError(
                    f"model={self.name} with {len(self.channels)} convolutions needs images of "
                    f"{least}x{least} or more and got {'x'.join(map(str, shape[1:]))}; shorten "
                    "model.channels or choose model.encoder=mlp."
                )
            layers = (self.channels, self.hidden, self.latent, self.activation)
            coders = autoencoder.convolutions(shape, *layers)
        return autoencoder.Autoencoder(*coders, Likelihood(self.likelihood, self.deviation))
