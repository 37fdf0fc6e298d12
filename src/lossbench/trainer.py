"""How long and in what portions a pack trains: knobs that all members of a pack share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lossbench.config.choice import Choice, knob
from lossbench.errors import InputError

FEWEST = 20  # epochs, as long as they are no more examples than SHOWN in all
# Training examples, all epochs together, from which on passes over a large table are left out: 20 epochs of
# 30,000 rows, or 9,375 steps of 64. More rows then take no longer, until few passes are left: fewer than
# FEWEST_OF_MANY, and validation could not show whether the last of them still gained.
SHOWN = 600_000
FEWEST_OF_MANY = 3
KEPT = ("best", "last")


@dataclass(frozen=True, kw_only=True)
class TrainerOptions(Choice):
    """Knobs of the training loop.

    max_epochs: passes over the training split; null is as many as the data wants (`DataSource.epochs`): 20,
        or for a table as many as `updates` needs, 20 at least; of more than 30,000 training rows fewer
        will do, as many as show 600,000 examples in all, and 3 at least.
    updates: steps of training, at least, where the size of the data set decides on the epochs: 300 rows need
        many passes, 50,000 need few. It knows nothing of the loss, so the comparison stays fair.
    batch_size: examples in a step; the last batch of an epoch may be smaller.
    patience: a member stops after so many epochs without a better selection metric; null is never, but where
        `updates` has decided on the epochs, after a fifth of them.
    keep: whose weights are judged, those of the epoch that was best on validation or of the last one, as in
        some papers; then nobody stops early, and validation only chooses among rates and trials.
    accelerator: as in Lightning's Trainer.
    """

    part = "trainer"
    max_epochs: int | None = knob(None, at_least=1, optional=True)
    updates: int = knob(2000, at_least=1)
    batch_size: int = knob(64, at_least=1)
    patience: int | None = knob(None, at_least=1, optional=True)
    keep: str = knob("best", choices=KEPT, later=True)
    accelerator: str = knob("auto", choices=("auto", "cpu", "gpu", "cuda", "mps"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.keep == "last" and self.patience is not None:
            raise InputError(
                f"trainer.patience={self.patience} stops a run before its last epoch, which "
                "trainer.keep=last asks for: leave one of the two out."
            )

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
        size = examples()
        fewest = min(FEWEST, max(FEWEST_OF_MANY, -(-SHOWN // size)))
        most = max(fewest, -(-self.updates // -(-size // self.batch_size)))
        stops = self.patience if self.patience is not None else max(FEWEST, most // 5)
        patience = None if self.keep == "last" else stops
        return replace(self, max_epochs=most, patience=patience)
