"""Lightning comes without what nothing here uses, and takes nothing from whoever does use it."""

from __future__ import annotations

import subprocess
import sys

CHECK = """
import sys
from lossbench.lightning import Trainer
unwanted = {"torchvision", "scipy.signal", "matplotlib"} & set(sys.modules)
assert not unwanted, unwanted

import torch, torchmetrics, torchvision.ops, scipy.signal, matplotlib
from torchmetrics.utilities.imports import _SCIPY_AVAILABLE, _TORCHVISION_AVAILABLE
assert _SCIPY_AVAILABLE and _TORCHVISION_AVAILABLE
accuracy = torchmetrics.classification.MulticlassAccuracy(3, average="micro")
assert accuracy(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 1, 2])) == 0.75
"""


def test_lightning_is_imported_alone_and_the_rest_stays_usable() -> None:
    done = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
