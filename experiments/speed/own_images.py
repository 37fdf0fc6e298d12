"""Images of a person's own: few of them seen by a network that is not trained, and many read batch by batch.

python own_images.py digits     write 1,797 images and the weights of a network, and compute its features
python own_images.py features   compare three losses at eight learning rates over ten seeds on these features
python own_images.py many       write 20,000 images of 64 x 64 pixels
python own_images.py stream     train a CNN on them for an epoch, and tell how long it waited for data
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measure import TOLD
from PIL import Image

MANY, SIDE, CLASSES = 20_000, 64, 10
DIGITS = [
    "data=images",
    "data.path=digits",
    "model=backbone",
    "model.weights=resnet18.pt",
    "model.frozen=true",
]
STREAM = [
    "data=images",
    "data.path=many",
    "data.stream=true",
    "model=cnn",
    "loss=cce",
    "trainer.max_epochs=1",
]


def digits() -> None:
    """Digits of scikit-learn at four times their size. What the features say of them does not matter here."""
    from sklearn.datasets import load_digits

    content = load_digits()
    for number, (image, digit) in enumerate(zip(content.images, content.target, strict=True)):
        _save(np.kron(image * 15, np.ones((4, 4))), Path("digits") / f"is_{digit}" / f"{number}.png")
    import lossbench  # noqa: F401  # torchvision then imports beside any torch

    # isort: split
    import torch
    from torchvision.models import resnet18

    torch.manual_seed(0)
    torch.save(resnet18().state_dict(), "resnet18.pt")
    subprocess.run([sys.executable, "-m", "lossbench", *DIGITS, "--dry-run"], check=True)


def features() -> None:
    """As many runs as in part (a); 60 passes, of whose best rate 118 gain no loss more than 0.004."""
    sweep = [
        "trainer.updates=1000",
        "loss=cce,bce,hinge",
        "optimizer.lr=0.0001,0.0003,0.001,0.002,0.003,0.005,0.01,0.02",
    ]
    command = [sys.executable, "-m", "lossbench", "-m", *DIGITS, *sweep, "seed=range(0,10)"]
    subprocess.run(command, check=True)


def many() -> None:
    """Noise of one colour for each class, as JPEG."""
    generator = np.random.default_rng(0)
    colours = generator.uniform(60, 200, size=(CLASSES, 3))
    for number in range(MANY):
        pixels = colours[number % CLASSES] + generator.normal(0, 40, size=(SIDE, SIDE, 3))
        _save(pixels, Path("many") / f"colour_{number % CLASSES}" / f"{number}.jpg")


def _save(pixels: np.ndarray[Any, Any], place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(place)


class Waiting:
    """How long training waited for its batches, of the time from the first it asked for to the last."""

    def __init__(self) -> None:
        self.waited = self.whole = 0.0

    def timed(self, batches: Iterable[Any]) -> Iterator[Any]:
        before, iterator = time.perf_counter(), iter(batches)
        while True:
            asked = time.perf_counter()
            given = next(iterator, None)
            if given is None:
                return
            now = time.perf_counter()
            self.waited += now - asked
            self.whole += now - before  # here, for the trainer counts: it asks for none behind the last
            before = now
            yield given


def stream() -> None:
    """lossbench itself, with a clock at what its streams give."""
    from lossbench.pack.streamed import StreamData

    clock, given = Waiting(), StreamData.batches
    setattr(StreamData, "batches", lambda data, epoch: clock.timed(given(data, epoch)))  # noqa: B010
    sys.argv = ["lossbench", "-m", *STREAM, "seed=0", "hydra.launcher.n_jobs=1"]
    try:
        runpy.run_module("lossbench", run_name="__main__", alter_sys=True)
    finally:
        TOLD.write_text(json.dumps({"waiting_percent": 100 * clock.waited / clock.whole}))


if __name__ == "__main__":
    os.environ["LOSSBENCH_CACHE"] = str(Path("cache").absolute())
    {"digits": digits, "features": features, "many": many, "stream": stream}[sys.argv[1]]()
