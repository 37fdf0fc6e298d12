"""A long pack writes down its state: interrupted, it goes on from there with the same numbers."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from lossbench.lightning import Callback, LightningModule, Trainer
from lossbench.pack.checkpoint import KEYS, Checkpoint

log = logging.getLogger(__name__)


class Saving(Callback):
    """Writes a pack's checkpoint. A disk that does not take it is told once, and training goes on."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self._refused = False

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        done = trainer.current_epoch + 1
        if done % self.checkpoint.every == 0 and done < (trainer.max_epochs or 0):
            self._save(trainer)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint[KEYS] = list(self.checkpoint.keys)

    def _save(self, trainer: Trainer) -> None:
        path = self.checkpoint.path
        partial = self.checkpoint.partial()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            trainer.save_checkpoint(partial)
            partial.replace(path)
        except (OSError, RuntimeError) as error:  # torch tells of a full disk with a RuntimeError
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            if not self._refused:
                log.warning("No checkpoint can be written to %s (%s); training goes on.", path.parent, error)
            self._refused = True
