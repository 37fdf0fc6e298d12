"""What data sets of handwritten digits share: checks, standardised images, and wrong training labels."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data.balance import class_weights
from lossbench.data.label_noise import wrong_labels
from lossbench.data.source import DataSet, DataSource, Description, Examples
from lossbench.errors import InputError
from lossbench.task import WEIGHT, InputKind, Inputs, Target

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    Labels = npt.NDArray[np.int64]

CLASSES = 10
SIDE = 28
_MEAN, _DEVIATION = 0.1307, 0.3081  # of all pixels of MNIST's 60,000 training images, scaled to [0, 1]


@dataclass(frozen=True)
class Digits:
    """All images (N, 1, 28, 28) float32, standardised, with their labels (N,) and sha256."""

    images: Tensor
    labels: Labels
    fingerprint: str
    official_training: int = 0  # the first so many are the official training set, where there is one


@dataclass(frozen=True, kw_only=True)
class DigitSource(DataSource):
    """Images of digits with `label_noise`: the share of training labels that are wrong, in [0, 1].

    A wrong label is drawn evenly from the nine others. For one seed, the labels that are wrong at a smaller
    share are the same wrong labels at a greater one. Validation and test labels are right.

    balance: training images weigh so that all classes count alike, by the labels that they are trained with.
    """

    reads = ("image",)
    judged_by = ("classes",)
    select = "accuracy"
    noise_knobs = ("label_noise",)

    label_noise: float = knob(0.0, at_least=0, at_most=1)
    balance: bool = knob(False, later=True)

    @abstractmethod
    def read(self) -> Digits:
        """The digits, the same object at every call while the files do not change."""

    @abstractmethod
    def split(self, digits: Digits, seed: int) -> dict[str, Labels]:
        """Positions of the training, validation and test images."""

    @property
    @abstractmethod
    def credit(self) -> str:
        """Where the digits come from, in words."""

    def targets(self) -> tuple[Target, ...]:
        return Target("multiclass", CLASSES), Target("identity", CLASSES)

    def fingerprint(self, seed: int) -> str:
        return self.read().fingerprint

    def load(self, seed: int, reads: InputKind) -> DataSet:
        import numpy as np
        import torch

        digits = self.read()
        examples = {}
        for split, rows in self.split(digits, seed).items():
            labels = digits.labels[rows]
            if split == "train":
                labels = wrong_labels(labels, self.label_noise, seed, CLASSES)
            target = torch.from_numpy(labels)
            targets = {"multiclass": target, "identity": target}
            if self.balance:
                weight = class_weights(labels, CLASSES) if split == "train" else np.ones(len(labels), "f")
                targets[WEIGHT] = torch.from_numpy(weight)
            examples[split] = Examples(torch.from_numpy(rows), targets)
        description = Description(
            name=self.name,
            inputs=Inputs("image", (1, SIDE, SIDE)),
            targets=self.targets(),
            sizes={split: len(part) for split, part in examples.items()},
            source=self.credit,
            fingerprint=digits.fingerprint,
        )
        return DataSet(description, digits.images, examples["train"], examples["val"], examples["test"])


def standardised(pixels: npt.NDArray[np.uint8]) -> Tensor:
    """(N, 28, 28) grey values 0..255 -> (N, 1, 28, 28) float32 of about mean 0 and variance 1."""
    import torch

    images = torch.from_numpy(pixels).float().unsqueeze(1)
    return images.div_(255 * _DEVIATION).sub_(_MEAN / _DEVIATION)


def check_labels(labels: npt.NDArray[np.integer], where: object) -> Labels:
    """The labels as int64.

    Raises:
        InputError: one of them is no digit.
    """
    import numpy as np

    if len(labels) and not 0 <= labels.min() <= labels.max() < CLASSES:
        raise InputError(
            f"{where} holds the label {labels[(labels < 0) | (labels >= CLASSES)][0]}: "
            f"labels must lie in 0..{CLASSES - 1}; fetch the file again."
        )
    return labels.astype(np.int64)
