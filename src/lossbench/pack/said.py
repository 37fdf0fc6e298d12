"""What a pack says while it trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Trained:
    """What a pack says after each epoch, of the number `epoch`: so many members are still training.

    One that goes on from a checkpoint tells some epochs again.
    """

    members: int
    epoch: int


@dataclass(frozen=True)
class Curves:
    """The epochs of a pack since it last told of them.

    first:  the number of the first of these epochs, from 1
    values: curve -> epochs -> one value for each member; nan where it has none
    """

    first: int
    values: Mapping[str, list[list[float]]]

    def of(self, member: int) -> dict[str, list[tuple[int, float]]]:
        """One member's points of each curve, as (epoch, value)."""
        return {
            name: [
                (epoch, own[member])
                for epoch, own in enumerate(epochs, self.first)
                if own[member] == own[member]
            ]
            for name, epochs in self.values.items()
        }
