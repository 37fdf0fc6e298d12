"""torchvision imports beside a torch that it was not built for, and is left alone beside its own."""

from __future__ import annotations

import subprocess
import sys

import pytest


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
def test_torchvision_works_after_mending() -> None:
    code = """
from lossbench._torchvision import mend
assert mend() is mend()
import torch, torchvision
from torchvision.datasets import MNIST
from torchvision.transforms import v2
from torchvision.ops import sigmoid_focal_loss
assert v2.functional.hflip(torch.arange(3).view(1, 1, 3)).flatten().tolist() == [2, 1, 0]
loss = sigmoid_focal_loss(torch.zeros(2), torch.ones(2), reduction="none")
assert mend() is mend()
print(tuple(loss.shape))
"""
    assert _run(code) == "(2,)"


@pytest.mark.slow
def test_a_bare_import_works_from_the_first_import_of_lossbench_on_and_torch_waits_for_it() -> None:
    code = """
import sys, lossbench
assert "torch" not in sys.modules
import torchvision
from torchvision.transforms import v2
assert not [finder for finder in sys.meta_path if "lossbench" in getattr(finder, "__module__", "")]
lossbench.mend_at_import()
print(torchvision.__name__)
"""
    assert _run(code) == "torchvision"


def test_operators_that_exist_are_left_alone() -> None:
    code = """
import torch
from torch import library as operators
library = operators.Library("torchvision", "DEF")
library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
before = torch.ops.torchvision.nms
from lossbench._torchvision import mend
import importlib.util
importlib.util.find_spec = lambda name: None  # no compiled part of torchvision comes in between
assert mend() is None
assert torch.ops.torchvision.nms is before
print("same")
"""
    assert _run(code) == "same"
