"""Lightning comes without what nothing here uses, and takes nothing from whoever does use it."""

from __future__ import annotations

import subprocess
import sys

import pytest

CHECK = """
import sys
from lossbench.lightning import Trainer
unwanted = {"torchvision", "scipy.signal", "matplotlib", "torch._dynamo"} & set(sys.modules)
assert not unwanted, unwanted

import torch, torchmetrics, torchvision.ops, scipy.signal, matplotlib
from torchmetrics.utilities.imports import _SCIPY_AVAILABLE, _TORCHVISION_AVAILABLE
assert _SCIPY_AVAILABLE and _TORCHVISION_AVAILABLE
accuracy = torchmetrics.classification.MulticlassAccuracy(3, average="micro")
assert accuracy(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 1, 2])) == 0.75
compiled = torch.compile(torch.nn.Linear(2, 1), backend="eager")
assert isinstance(compiled, torch._dynamo.OptimizedModule)
assert compiled(torch.zeros(3, 2)).shape == (3, 1)
"""

COMPILER_FIRST = """
import torch._dynamo
from lossbench.lightning import Trainer
from lightning_fabric.wrappers import OptimizedModule
assert OptimizedModule is torch._dynamo.OptimizedModule
"""

TRAINED = """
import sys
from hydra import compose, initialize_config_dir
from lossbench.config.folders import conf_dir
from lossbench.job import jobs_from
from lossbench.pack.fit import fit

small = "data=outliers data.train_size=40 data.val_size=20 data.test_size=20 trainer.max_epochs=2"
with initialize_config_dir(str(conf_dir()), version_base="1.3"):
    for optimizer in ("sgd", "adam", "adamw", "adagrad"):
        lines = [f"{small} optimizer={optimizer} loss={loss}".split() for loss in ("mse", "huber")]
        members = [job.member for job in jobs_from([compose("config", line) for line in lines])]
        for mode in ("vmap", "loop"):
            assert {result.outcome for result in fit(members, mode)} == {"finished"}
assert "torch._dynamo" not in sys.modules
"""


@pytest.mark.slow
@pytest.mark.parametrize("code", [CHECK, COMPILER_FIRST], ids=["the rest after it", "the compiler before it"])
def test_lightning_is_imported_alone_and_the_rest_stays_usable(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_training_imports_no_compiler_of_torch() -> None:
    """It takes more than a second in each process, and torch.optim would import it."""
    done = subprocess.run([sys.executable, "-c", TRAINED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
