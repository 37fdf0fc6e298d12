"""How long and in what portions a pack trains: knobs that all members of a pack share."""

from __future__ import annotations

from dataclasses import dataclass

from lossbench.choice import Choice, knob


@dataclass(frozen=True, kw_only=True)
class TrainerOptions(Choice):
    """Knobs of the training loop.

    max_epochs: passes over the training split.
    batch_size: examples in a step; the last batch of an epoch may be smaller.
    patience: a member stops after so many epochs without a better selection metric; null is never.
    accelerator: as in Lightning's Trainer.
    """

    part = "trainer"
    max_epochs: int = knob(20, at_least=1)
    batch_size: int = knob(64, at_least=1)
    patience: int | None = knob(None, at_least=1, optional=True)
    accelerator: str = knob("auto", choices=("auto", "cpu", "gpu", "cuda", "mps"))
