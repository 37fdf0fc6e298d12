"""What losses of variational autoencoders share: the likelihood of pixels, and what they ask of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lossbench.config.choice import knob
from lossbench.errors import InputError
from lossbench.likelihoods import BERNOULLI, LIKELIHOODS, Likelihood
from lossbench.losses.loss import Loss
from lossbench.task import Prediction, Target, TargetKind

if TYPE_CHECKING:
    from torch import Tensor

_WHITE = 255


@dataclass(frozen=True, kw_only=True)
class VariationalLoss(Loss):
    """Trains encoder and decoder at once.

    k: codes that are drawn for each image in training. Not searched, nor the next two: more codes cost more
        time, and densities of another shape do not compare.
    likelihood: p(x | z), as `lossbench.likelihoods.Likelihood` has it: bernoulli of pixels in black and
        white; continuous_bernoulli or gaussian of grey ones.
    deviation: the standard deviation of the Gaussian, where white is 1.
    """

    trains_on: ClassVar[tuple[TargetKind, ...]] = ("pixels",)
    needs: ClassVar[tuple[str, ...]] = ("logits", "mean", "log_variance")
    k: int = knob(1, at_least=1)
    likelihood: str = knob(BERNOULLI, choices=tuple(LIKELIHOODS))
    deviation: float = knob(0.1, above=0)

    @property
    def asks(self) -> Mapping[str, Any]:
        return {"draws": self.k, "likelihood": self.likelihood, "deviation": float(self.deviation)}

    def outputs(self, target: Target, embedding_size: int) -> int:
        return target.size

    def log_density(self, output: Mapping[str, Tensor], target: Tensor) -> Tensor:
        """log p(x | z) in nats, (N, K), of `logits` (N, K, pixels) and pixels (N, pixels) in bytes."""
        logits = output["logits"]
        pixels = target.to(logits.dtype).unsqueeze(-2) / _WHITE
        return Likelihood(self.likelihood, self.deviation).log_density(logits, pixels)

    def predict(self, output: Any, kind: Target) -> Prediction:
        """Nothing: in evaluation the model gives what is judged, whatever trained it."""
        return Prediction()

    def check(self, target: Target) -> None:
        """Refuse a likelihood of other pixels than there are."""
        black_and_white = bool(target.support)
        if LIKELIHOODS[self.likelihood] == black_and_white:
            return
        fitting = [kind for kind, discrete in LIKELIHOODS.items() if discrete == black_and_white]
        if black_and_white:
            why = "a density on pixels of any shade, which has no bound on pixels in black and white"
            remedy = f"set loss.likelihood={fitting[0]}, or data.binarize=none"
        else:
            why = "the probability of black or white, and the pixels are grey"
            remedy = f"set data.binarize=static or dynamic, or loss.likelihood={' or '.join(fitting)}"
        raise InputError(f"loss={self.name} has likelihood={self.likelihood}, {why}: {remedy}.")
