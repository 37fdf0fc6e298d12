"""What the members of a pack have reached, while it trains."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lossbench.lightning import Callback, Trainer
from lossbench.pack.said import Curves

EVERY_SECONDS = 8.0  # at least, so that with the epoch that is waited for ten are seldom passed


class Live(Callback):
    """Tells now and then of the training loss and of the measure that validation chooses by.

    These two alone: everything stands in the record when the pack ends, and what is told before then is
    written twice.
    """

    def __init__(self, tell: Callable[[Curves], None]) -> None:
        self._tell = tell
        self._last, self._epochs = time.monotonic(), 0

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        if time.monotonic() - self._last < EVERY_SECONDS:
            return
        curves = dict(_watched(pl_module.curves, pl_module.members[0].source.selects))
        new = {name: [each.tolist() for each in own[self._epochs :]] for name, own in curves.items()}
        self._tell(Curves(self._epochs + 1, new))
        self._epochs = max((len(own) for own in curves.values()), default=0)
        self._last = time.monotonic()


def _watched(curves: Mapping[str, Any], select: str) -> Iterator[tuple[str, Any]]:
    for name in ("train/loss", f"val/{select}"):
        if name in curves:
            yield name, curves[name]
