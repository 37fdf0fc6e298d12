"""The training loss of an epoch: the mean over the batches as they were trained on, before each update."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class EpochLoss:
    """Of all members (R,), in double precision; of losses that are sums also what each part is."""

    def __init__(self, members: int, device: torch.device) -> None:
        self._zeros = torch.zeros(members, device=device, dtype=torch.float64)
        self._sums: dict[str, Tensor] = {"train/loss": self._zeros}
        self._counted = self._zeros

    def add(self, losses: Tensor, parts: Mapping[str, Tensor], counts: int | Tensor) -> None:
        """Take in a batch.

        Args:
            losses: (R,), its mean loss.
            parts: (R,) each by name, its mean; nan of members whose loss has no such part.
            counts: its examples, or the weight of them (R,).
        """
        named = {"train/loss": losses, **{f"train/loss_{name}": own for name, own in parts.items()}}
        for name, means in named.items():
            own = means.to(self._zeros.device) * counts
            self._sums[name] = self._sums.get(name, self._zeros) + own
        self._counted = self._counted + counts

    def means(self) -> dict[str, Tensor]:
        """Curve -> (R,) of the epoch; `train/loss_giou` of a part."""
        return {name: sums / self._counted for name, sums in self._sums.items()}
