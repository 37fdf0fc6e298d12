"""Lightning, imported once and quietly: the door through which every other module takes it."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

import torch
from lightning_utilities.core import imports


@contextmanager
def _without(*packages: str) -> Iterator[None]:
    """Let torchmetrics believe that packages are not installed while it is imported.

    Lightning imports all of torchmetrics, which imports torchvision for a score of images, scipy for one of
    sounds and matplotlib for plots: 1.1 of the 2.4 s (measured) that every process waits for Lightning, and
    nothing here uses them. They can be imported as ever, and torchmetrics knows of them again afterwards.
    """
    installed, has = imports.RequirementCache.__bool__, imports.package_available

    def told(requirement: imports.RequirementCache) -> bool:
        return str(requirement.requirement).partition(">")[0] not in packages and installed(requirement)

    room: Any = imports
    room.RequirementCache.__bool__ = told
    room.package_available = lambda name: name not in packages and has(name)
    try:
        yield
    finally:
        room.RequirementCache.__bool__, room.package_available = installed, has


@contextmanager
def _without_compiler() -> Iterator[None]:
    """Let Lightning be imported without torch's compiler, which takes 1.1 s more (measured).

    Lightning asks for the class of compiled modules, which no pack is, and keeps a method out of what is
    compiled. The compiler can be imported as ever afterwards.
    """
    if "torch._dynamo" in sys.modules:
        yield
        return
    lacking: Any = ModuleType("torch._dynamo")
    lacking.OptimizedModule = type("OptimizedModule", (torch.nn.Module,), {})
    lacking.disable = lambda function, *_, **__: function
    sys.modules["torch._dynamo"] = lacking
    try:
        yield
    finally:
        del sys.modules["torch._dynamo"]


with _without("torchvision", "scipy", "matplotlib"):
    with suppress(ImportError, AttributeError), _without_compiler():  # another version may ask for more of it
        import pytorch_lightning  # noqa: F401
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
    from pytorch_lightning.utilities.exceptions import SIGTERMException

__all__ = [
    "Callback",
    "LightningDataModule",
    "LightningEnvironment",
    "LightningModule",
    "SIGTERMException",
    "Trainer",
    "quiet",
]

# Each is true of every pack and says nothing to the person who runs it.
_EXPECTED = (
    ".*does not have many workers",  # batches are indices; there is nothing to load
    ".*Your `IterableDataset` has `__len__` defined",  # with several workers; there are none
    ".*configure_optimizers` returned `None`",  # the pack updates its members itself
    ".*LeafSpec.*is deprecated",  # Lightning's own use of torch's pytrees
    ".*GPU available but not used",
    ".*performance drop.*mkldnn_rnn_layer",  # what a stack of LSTMs misses would be slower
    ".*RNN module weights are not part of single contiguous chunk",  # they are the module's, one by one
    ".*The `srun` command is available",  # a pack is one process
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
