"""Synthetic regression whose truth is known, with outliers in what the model trains and chooses on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data import contamination
from lossbench.data.source import DataSet, DataSource, Description, Examples
from lossbench.data.splits import robust_units
from lossbench.seeds import numpy_generator, stream
from lossbench.task import InputKind, Inputs, Target

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    Singles = npt.NDArray[np.float32]
    Floats = npt.NDArray[np.float64]

SPLITS = ("train", "val", "test")
_SOURCES = {
    "friedman1": "synthetic: Friedman's first function (Friedman 1991; Breiman 1996), scikit-learn",
    "sine": "synthetic: 7 sin(x) for x in [-3, 3]",
}


@dataclass(frozen=True, kw_only=True)
class Outliers(DataSource):
    """A curve, normal noise, and a share of wrong targets among training and validation examples.

    curve: friedman1 has 10 features, 5 of which matter, each standardised; sine is one raw feature x in
        [-3, 3] for pictures. The truth of both has a standard deviation of about 5.
    train_size, val_size, test_size: examples; the test set does not depend on the other two.
    noise: standard deviation of the normal noise on training and validation targets, in their own units.
    contamination: share of training and of validation targets that are outliers, in [0, 1].
    outlier: what stands at their place, with s = outlier_scale * standard deviation of the training truth:
        one_sided     clean target + s * u,    u uniform in [0.5, 1.5]
        symmetric     clean target +- s * u,   either sign equally likely
        heavy_tailed  truth + s * t,           t of Student's distribution with 2 degrees of freedom
    outlier_scale: above 0.

    The test targets are the noise-free truth, so an error measures the distance from the curve itself and
    0 can be reached. For one seed, inputs and clean noise are equal at every contamination, and the outliers
    of a smaller contamination are outliers, with the same target, at a greater one.
    """

    reads = ("vector",)
    judged_by = ("continuous",)
    select = "mae"  # validation holds outliers too: a squared metric would follow them
    noise_knobs = ("contamination", "outlier", "outlier_scale", "noise")
    fresh_examples = True

    curve: str = knob("friedman1", choices=tuple(_SOURCES))
    train_size: int = knob(1000, at_least=4)
    val_size: int = knob(500, at_least=2)
    test_size: int = knob(1000, at_least=2)
    noise: float = knob(1.0, at_least=0)
    contamination: float = knob(0.1, at_least=0, at_most=1)
    outlier: str = knob("one_sided", choices=("one_sided", "symmetric", "heavy_tailed"))
    outlier_scale: float = knob(5.0, above=0)

    def targets(self) -> tuple[Target, ...]:
        return (Target("continuous"),)

    def fingerprint(self, seed: int) -> str:
        return _fingerprint(self, seed)

    def load(self, seed: int, reads: InputKind) -> DataSet:
        import torch

        inputs, targets = _tensor(self.curve, self._sizes, seed), self._targets(seed)
        examples, start = {}, 0
        for split in SPLITS:
            rows = torch.arange(start, start + len(targets[split]))
            examples[split] = Examples(rows, {"continuous": torch.from_numpy(targets[split])})
            start += len(rows)
        units = robust_units(targets["train"])
        description = Description(
            name=self.name,
            inputs=Inputs("vector", tuple(inputs.shape[1:])),
            targets=self.targets(),
            sizes={split: len(part) for split, part in examples.items()},
            source=_SOURCES[self.curve],
            fingerprint=self.fingerprint(seed),
        )
        train, val, test = (examples[split] for split in SPLITS)
        return DataSet(description, inputs, train, val, test, units={"continuous": units})

    @property
    def _sizes(self) -> tuple[int, int, int]:
        return self.train_size, self.val_size, self.test_size

    def _targets(self, seed: int) -> dict[str, Floats]:
        """The targets of each split, in their own units."""
        _, truth = _curve(self.curve, self._sizes, seed)
        spread = float(truth["train"].std())
        targets = {split: self._corrupt(truth[split], spread, seed, split) for split in ("train", "val")}
        return {**targets, "test": truth["test"]}

    def _corrupt(self, truth: Floats, spread: float, seed: int, split: str) -> Floats:
        """Noise on every target, then outliers; every draw is made whatever the knobs are."""
        clean = truth + self.noise * numpy_generator(seed, "noise", split).standard_normal(len(truth))
        found = contamination.drawn(len(truth), self.contamination, seed, split)
        far = self.outlier_scale * spread
        wrong = {
            "one_sided": clean + far * found.distance,
            "symmetric": clean + far * found.distance * found.sign,
            "heavy_tailed": truth + far * found.heavy,
        }[self.outlier]
        clean[found.chosen] = wrong[found.chosen]
        return clean


@lru_cache(maxsize=256)  # runs that differ in loss or learning rate alone share it
def _fingerprint(source: Outliers, seed: int) -> str:
    (inputs, _), targets = _curve(source.curve, source._sizes, seed), source._targets(seed)
    digest = hashlib.sha256(inputs.tobytes())
    for split in SPLITS:
        # Rounded: the last bit of a sine is not the same on all machines, and is no other data.
        digest.update(targets[split].astype("float32").tobytes())
    return digest.hexdigest()


@lru_cache(maxsize=256)  # members that differ in noise alone share one tensor of inputs
def _tensor(curve: str, sizes: tuple[int, int, int], seed: int) -> Tensor:
    import torch

    return torch.from_numpy(_curve(curve, sizes, seed)[0])


@lru_cache(maxsize=256)  # by noise and outliers that are drawn anew
def _curve(curve: str, sizes: tuple[int, int, int], seed: int) -> tuple[Singles, dict[str, Floats]]:
    """Inputs (N, features) float32 of all splits one after another, and each split's noise-free truth."""
    import numpy as np

    inputs, truth = [], {}
    for split, size in zip(SPLITS, sizes, strict=True):
        if curve == "friedman1":
            raw, truth[split] = _friedman1(size, stream(seed, "data", split) % 2**32)
            inputs.append((raw - 0.5) * np.sqrt(12.0))  # uniform on [0, 1]: mean 1/2, variance 1/12
        else:
            raw = numpy_generator(seed, "data", split).uniform(-3.0, 3.0, (size, 1))
            truth[split] = 7.0 * np.sin(raw[:, 0])
            inputs.append(raw)
    return np.concatenate(inputs).astype(np.float32), truth


def _friedman1(size: int, seed: int) -> tuple[Floats, Floats]:
    """What scikit-learn's `make_friedman1(size, random_state=seed)` gives, to the bit; a test compares them.

    Written out because importing scikit-learn takes 1.2 s of every process, as long as 50 runs of a pack.
    """
    import numpy as np

    x = np.random.RandomState(seed).uniform(size=(size, 10))
    curve = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return x, curve
