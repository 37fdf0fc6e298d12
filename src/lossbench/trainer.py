"""How long and in what portions a pack trains: knobs that all members of a pack share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lossbench.config.choice import Choice, knob

FEWEST = 20  # epochs, whatever the size


@dataclass(frozen=True, kw_only=True)
class TrainerOptions(Choice):
    """Knobs of the training loop.

    max_epochs: passes over the training split; null is as many as the data wants (`DataSource.epochs`): 20,
        or for a table as many as `updates` needs, 20 at least.
    updates: steps of training where the size of the data set decides on the epochs: 300 rows need many
        passes, 50,000 need few. It knows nothing of the loss, so the comparison stays fair.
    batch_size: examples in a step; the last batch of an epoch may be smaller.
    patience: a member stops after so many epochs without a better selection metric; null is never, but where
        `updates` has decided on the epochs, after a fifth of them.
    accelerator: as in Lightning's Trainer.
    """

    part = "trainer"
    max_epochs: int | None = knob(None, at_least=1, optional=True)
    updates: int = knob(2000, at_least=1)
    batch_size: int = knob(64, at_least=1)
    patience: int | None = knob(None, at_least=1, optional=True)
    accelerator: str = knob("auto", choices=("auto", "cpu", "gpu", "cuda", "mps"))

    @property
    def epochs(self) -> int:
        """The most epochs that a member trains, once they are known."""
        assert self.max_epochs is not None, "the data set has not been asked"
        return self.max_epochs

    def suited(self, epochs: int | None, examples: Callable[[], int]) -> TrainerOptions:
        """With the epochs, and the patience, that are left to the data.

        Args:
            epochs: that the data set wants; None is by its size.
            examples: gives the size of its training split; asked for only where it decides.
        """
        if self.max_epochs is not None:
            return self
        if epochs is not None:
            return replace(self, max_epochs=epochs)
        most = max(FEWEST, -(-self.updates // -(-examples() // self.batch_size)))
        patience = self.patience if self.patience is not None else max(FEWEST, most // 5)
        return replace(self, max_epochs=most, patience=patience)
