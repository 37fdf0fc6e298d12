"""Lightning, imported once and quietly: the door through which every other module takes it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from lossbench._torchvision import mend

mend()  # before Lightning, which imports torchvision

from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer  # noqa: E402
from pytorch_lightning.utilities.exceptions import SIGTERMException  # noqa: E402

__all__ = ["Callback", "LightningDataModule", "LightningModule", "SIGTERMException", "Trainer", "quiet"]

# Each is true of every pack and says nothing to the person who runs it.
_EXPECTED = (
    ".*does not have many workers",  # batches are indices; there is nothing to load
    ".*Your `IterableDataset` has `__len__` defined",  # with several workers; there are none
    ".*configure_optimizers` returned `None`",  # the pack updates its members itself
    ".*LeafSpec.*is deprecated",  # Lightning's own use of torch's pytrees
    ".*GPU available but not used",
)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what Lightning says about hardware and loaders; errors and other warnings pass."""
    logger = logging.getLogger("pytorch_lightning")
    level = logger.level
    logger.setLevel(logging.WARNING)
    with warnings.catch_warnings():
        for message in _EXPECTED:
            warnings.filterwarnings("ignore", message)
        try:
            yield
        finally:
            logger.setLevel(level)
