"""The module of `models.vae`. Every operation has a batching rule, so that members stack."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.likelihoods import Likelihood

# Codes of an image that are decoded at once in evaluation: their pixels stay in the processor's cache.
_AT_ONCE = 10
_WHITE = 255
_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


class Autoencoder(nn.Module):
    """Encoder and decoder, of images (N, channels, height, width) between 0 and 1.

    Args:
        encoder: images -> (N, 2 * latent), mean and log variance of q(z | x).
        decoder: (M, latent) -> (M, pixels), outputs that the likelihood reads.
        likelihood: p(x | z).
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, likelihood: Likelihood) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood

    def forward(self, images: Tensor, noise: dict[str, Tensor]) -> dict[str, Tensor]:
        """What a loss reads, and in evaluation what is judged.

        Args:
            images: (N, channels, height, width).
            noise: `code` (N, K, latent), standard normal, of K codes for each image.

        Returns:
            In training `mean`, `log_variance` (N, latent), `code` (N, K, latent) and `logits` (N, K, pixels).
            In evaluation mean and log variance, and `log_weights` (N, K), log p(x, z) - log q(z | x);
            `distortion` (N,), the mean of -log p(x | z) over the codes; `reconstruction`, the pixels that the
            mean of q stands for, and `sample`, those of a code of the prior, (N, pixels) in bytes.
        """
        mean, log_variance = self.encoder(images).chunk(2, dim=-1)
        told = {"mean": mean, "log_variance": log_variance}
        if self.training:
            code = _codes(mean, log_variance, noise["code"])
            return {**told, "code": code, "logits": self._decoded(code)}
        pixels = images.flatten(1).unsqueeze(1)
        weights, likelihoods = [], []
        for drawn in torch.split(noise["code"], _AT_ONCE, dim=1):
            code = _codes(mean, log_variance, drawn)
            likely = self.likelihood.log_density(self._decoded(code), pixels)
            prior_by_guess = (drawn.square() - code.square() + log_variance.unsqueeze(1)).sum(-1) / 2
            likelihoods.append(likely)
            weights.append(likely + prior_by_guess)
        return {
            **told,
            "log_weights": torch.cat(weights, dim=1),
            "distortion": -torch.cat(likelihoods, dim=1).mean(1),
            "reconstruction": self._shown(mean),
            "sample": self._shown(noise["code"][:, 0]),
        }

    def _decoded(self, code: Tensor) -> Tensor:
        """(N, K, latent) -> (N, K, pixels)."""
        found: Tensor = self.decoder(code.flatten(0, 1))
        return found.view(*code.shape[:2], -1)

    def _shown(self, code: Tensor) -> Tensor:
        return (self.likelihood.mean(self.decoder(code)) * _WHITE).round().to(torch.uint8)


def _codes(mean: Tensor, log_variance: Tensor, drawn: Tensor) -> Tensor:
    """Codes (N, K, latent) of q(z | x), from as many standard normal numbers."""
    return mean.unsqueeze(1) + (log_variance / 2).exp().unsqueeze(1) * drawn


def perceptrons(
    shape: Sequence[int], hidden: Sequence[int], latent: int, activation: str
) -> tuple[nn.Module, nn.Module]:
    """Linear layers, and the same the other way round."""
    pixels = math.prod(shape)
    encoder = [nn.Flatten(), *_linear([pixels, *hidden, 2 * latent], activation)]
    return nn.Sequential(*encoder), nn.Sequential(*_linear([latent, *hidden[::-1], pixels], activation))


def convolutions(
    shape: Sequence[int], channels: Sequence[int], hidden: Sequence[int], latent: int, activation: str
) -> tuple[nn.Module, nn.Module]:
    """3x3 convolutions of stride 2 and linear layers behind them; and the same the other way round, where
    images are enlarged in front of each convolution."""
    sizes = [(shape[1], shape[2])]
    for _ in channels:
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    act, widths = _ACTIVATIONS[activation], [shape[0], *channels]
    encoder: list[nn.Module] = []
    for before, after in pairwise(widths):
        encoder += [nn.Conv2d(before, after, 3, stride=2, padding=1), act()]
    flat = channels[-1] * math.prod(sizes[-1])
    encoder += [nn.Flatten(), *_linear([flat, *hidden, 2 * latent], activation)]
    decoder = [*_linear([latent, *hidden[::-1], flat], activation), act()]
    decoder.append(nn.Unflatten(1, (channels[-1], *sizes[-1])))
    # A transposed convolution would round in another way in a wider stack.
    for size, (after, before) in reversed(list(zip(sizes[:-1], pairwise(widths), strict=True))):
        decoder += [nn.Upsample(size), nn.Conv2d(before, after, 3, padding=1), act()]
    return nn.Sequential(*encoder), nn.Sequential(*decoder[:-1], nn.Flatten())


def _linear(sizes: Sequence[int], activation: str) -> list[nn.Module]:
    """Linear layers with an activation between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), _ACTIVATIONS[activation]()]
    return layers[:-1]
