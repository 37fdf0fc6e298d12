"""How should a variational autoencoder be trained? Judged by a bound on the likelihood, whatever the loss."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sklearn.datasets import load_digits
from torch import Tensor, from_numpy, nn, randperm

from lossbench.config.choice import knob
from lossbench.data.source import DataSet, DataSource
from lossbench.losses.loss import Loss
from lossbench.metrics.measure import Measure, Metric
from lossbench.models.model import Model
from lossbench.seeds import torch_generator
from lossbench.task import Inputs, Noise, Prediction, Target

BOUND = Metric("bound", "likelihood", True, "bound on the log likelihood of a picture", "nats", high=0)
LIKELIHOOD = Measure((BOUND,), needs=("log_weights",), fields=(), function="vae:bound")


def bound(log_weights: Tensor) -> dict[str, Tensor]:
    """Of importance weights (R, N, draws): (R,). Burda, Grosse and Salakhutdinov (ICLR 2016), equation 8."""
    return {"bound": (log_weights.double().logsumexp(-1) - math.log(log_weights.shape[-1])).mean(-1)}


def cost(logits: Tensor, picture: Tensor) -> Tensor:
    """Cross-entropy, in nats, of a picture (N, pixels) by each draw's logits (N, draws, pixels)."""
    return (nn.functional.softplus(logits) - logits * picture.unsqueeze(1)).sum(-1)


@dataclass(frozen=True, kw_only=True)
class ELBO(Loss):
    """What a picture costs, given a code, and beta times what that tells (Higgins et al., ICLR 2017)."""

    trains_on = ("pixels",)
    needs = ("logits", "mean", "log_variance")
    beta: float = knob(1.0, at_least=0)

    def outputs(self, target: Target, embedding_size: int) -> int:
        return target.size

    def __call__(self, output: dict[str, Tensor], target: Tensor, kind: Target) -> Tensor:
        logits, mean, log_variance = (output[name] for name in self.needs)
        told = (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1) / 2
        return (cost(logits, target) + self.beta * told).mean(1)

    def predict(self, output: dict[str, Tensor], kind: Target) -> Prediction:
        return Prediction()  # in evaluation the model gives what is judged, whatever trained it


class Autoencoder(nn.Module):
    def __init__(self, pixels: int, code: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(pixels, 64), nn.ReLU(), nn.Linear(64, 2 * code))
        self.decoder = nn.Sequential(nn.Linear(code, 64), nn.ReLU(), nn.Linear(64, pixels))

    def forward(self, picture: Tensor, noise: dict[str, Tensor]) -> dict[str, Tensor]:
        """Of pictures (N, pixels) and noise (N, draws, code): each draw's pixels, or its importance."""
        mean, log_variance = self.encoder(picture).unsqueeze(1).chunk(2, dim=-1)  # (N, 1, code)
        code = mean + (log_variance / 2).exp() * noise["z"]
        logits = self.decoder(code)
        trained = {"logits": logits, "mean": mean, "log_variance": log_variance}
        prior_by_guess = (noise["z"].square() - code.square() + log_variance).sum(-1) / 2
        return trained if self.training else {"log_weights": prior_by_guess - cost(logits, picture)}


@dataclass(frozen=True, kw_only=True)
class VAE(Model):
    """Of Kingma and Welling (ICLR 2014): a picture is told by a code of some numbers."""

    reads = ("vector",)
    code: int = knob(4, at_least=1)

    def noise(self, inputs: Inputs) -> dict[str, Noise]:
        return {"z": Noise((8, self.code))}  # eight draws for each picture

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        return Autoencoder(outputs, self.code)


@dataclass(frozen=True, kw_only=True)
class Digits(DataSource):
    """scikit-learn's digits of 8x8 pixels, each black or white, in three equal parts."""

    reads = ("vector",)
    judged_by = (LIKELIHOOD,)
    select = "bound"

    def targets(self) -> tuple[Target, ...]:
        return (Target("pixels", size=64),)

    def load(self, seed: int, reads: str) -> DataSet:
        pixels = from_numpy(load_digits().data > 7).float()
        rows = randperm(len(pixels), generator=torch_generator(seed, "digits")).chunk(3)
        return self.data_set(Inputs("vector", (64,)), pixels, {"pixels": pixels}, rows, "UCI, scikit-learn")
