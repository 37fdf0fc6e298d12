"""Pinball loss: what elicits a quantile, or several at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.errors import InputError
from lossbench.losses.heads import ValueLoss
from lossbench.losses.targets import check_same
from lossbench.task import Prediction, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from lossbench.losses.loss import Knob


def pinball(output: Tensor, target: Tensor, *, level: Knob) -> Tensor:
    """Pinball (quantile) loss, the mean over the outputs of an example.

        L = 1/K sum_k rho(target_k - output_k),  rho(e) = max(q e, (q - 1) e)

    An error below the target costs q a unit, one above it 1 - q: its minimiser is the conditional q-quantile.
    At q = 1/2 it is half of the absolute error.

    Args:
        output: float (..., K).
        target: float (..., K), the value.
        level: q, above 0 and below 1; a tensor of no dimension may stand for it, or one (K,) of its own for
            each output.

    Returns:
        (...), one value per example.

    Raises:
        ValueError: the shapes differ or have no dimension.

    Source:
        Koenker, Bassett, "Regression Quantiles", Econometrica 46 (1978).
    """
    check_same(output, target)
    error = target - output
    # Not the maximum of both lines, whose gradient at zero would be that of one of them.
    return (level * error.clamp(min=0) - (1 - level) * error.clamp(max=0)).mean(-1)


def pinball_of_levels(output: Tensor, target: Tensor, *, levels: Sequence[float]) -> Tensor:
    """The mean over levels of the pinball loss, each with an output of its own; and over the values.

        L = 1/(K Q) sum_k sum_i rho_i(target_k - output_ki)

    Twice that is an approximation of the CRPS, the closer the more levels there are.

    Args:
        output: float (..., K, Q), of each value a quantile a level.
        target: float (..., K), the value.
        levels: the Q levels, each above 0 and below 1.

    Returns:
        (...), one value per example.

    Raises:
        ValueError: the shapes do not fit.

    Source:
        Wen, Torkkola, Narayanaswamy, Madeka, "A Multi-Horizon Quantile Recurrent Forecaster" (2017, arXiv
        1711.11053), section 2; Gneiting, Raftery, "Strictly Proper Scoring Rules, Prediction, and
        Estimation", JASA 102 (2007), section 4.2.
    """
    import torch

    if output.ndim < 2 or output.shape[:-1] != target.shape or output.shape[-1] != len(levels):
        raise ValueError(
            f"output must be (..., values, {len(levels)} levels) and target (..., values); "
            f"got {tuple(output.shape)} and {tuple(target.shape)}"
        )
    level = torch.tensor(levels, dtype=output.dtype, device=output.device)
    return pinball(output, target.unsqueeze(-1).expand_as(output), level=level).mean(-1)


@dataclass(frozen=True, kw_only=True)
class Pinball(ValueLoss):
    """Pinball loss on a value.

    level: the quantile that it elicits, above 0 and below 1. Not searched: it says what is predicted, not how
        well.
    levels: several quantiles at once, each with outputs of its own, such as [0.1, 0.5, 0.9]; empty: the one
        of `level`. Nothing keeps a higher one above a lower one (metric `crossing`). The forecast of a value,
        by which it is compared with other losses, is the median: the quantile of the level nearest to 0.5, of
        two as near the lower one.

    Raises:
        InputError: both are set.
    """

    trains_on = ("continuous",)
    name: str = "pinball"
    level: float = knob(0.5, above=0, below=1)
    levels: tuple[float, ...] = knob((), above=0, below=1, unordered=True, later=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.levels and self.level != 0.5:
            raise InputError(
                f"loss.level={self.level:g} is one quantile and loss.levels are several: set one of them."
            )

    def float_knobs(self) -> dict[str, float]:
        """The level, but of several, which are no float."""
        return {} if self.levels else super().float_knobs()

    def outputs(self, target: Target, embedding_size: int) -> int:
        """One for each number of a value and each level."""
        return target.size * max(1, len(self.levels))

    def gives(self, target: Target) -> tuple[str, ...]:
        return ("value", "quantiles", "levels") if self.levels else super().gives(target)

    def elicits(self, target: Target) -> str:
        if self.levels:
            return f"quantiles {', '.join(f'{level:g}' for level in self.levels)}"
        return "median" if self.level == 0.5 else f"quantile {self.level:g}"

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        if not self.levels:
            return pinball(*self.compared(output, target, kind), level=self.level)
        wanted = target.unsqueeze(-1) if kind.size == 1 else target
        return pinball_of_levels(self._by_level(output, kind), wanted, levels=self.levels)

    def predict(self, output: Tensor, kind: Target) -> Prediction:
        """The value; of several levels quantiles (..., N, *shape[, size], Q), and levels (..., N, Q), too."""
        if not self.levels:
            return super().predict(output, kind)
        found = self._by_level(output, kind)
        quantiles = found.squeeze(-2) if kind.size == 1 else found
        examples = output.shape[: output.ndim - 1 - len(kind.shape)]
        levels = output.new_tensor(self.levels).expand(*examples, -1)
        return Prediction(value=quantiles[..., self._middle], quantiles=quantiles, levels=levels)

    def _by_level(self, output: Tensor, kind: Target) -> Tensor:
        """Outputs (..., outputs) as (..., size, Q)."""
        return output.reshape(*output.shape[:-1], kind.size, len(self.levels))

    @property
    def _middle(self) -> int:
        return min(range(len(self.levels)), key=lambda place: abs(self.levels[place] - 0.5))
