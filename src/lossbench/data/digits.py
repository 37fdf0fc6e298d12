"""What data sets of handwritten digits share: checks, standardised images, and wrong training labels."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data.balance import weighed
from lossbench.data.image_source import ImageSource, Pictures
from lossbench.data.label_noise import wrong_labels
from lossbench.data.source import Split
from lossbench.errors import InputError
from lossbench.task import Target

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from lossbench.data.part_examples import Values

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
class DigitSource(ImageSource):
    """Images of digits with `label_noise`: the share of training labels that are wrong, in [0, 1].

    A wrong label is drawn evenly from the nine others. For one seed, the labels that are wrong at a smaller
    share are the same wrong labels at a greater one. Validation and test labels are right.

    balance: training images weigh so that all classes count alike, by the labels that they are trained with.
    """

    judged_by = ("classes",)
    select = "accuracy"
    noise_knobs = ("label_noise",)

    label_noise: float = knob(0.0, at_least=0, at_most=1)
    balance: bool = knob(False, later=True)

    @abstractmethod
    def read(self) -> Digits:
        """The digits, the same object at every call while the files do not change."""

    @abstractmethod
    def split(self, digits: Digits, seed: int) -> dict[Split, Labels]:
        """Positions of the training, validation and test images."""

    def targets(self) -> tuple[Target, ...]:
        return Target("multiclass", CLASSES), Target("identity", CLASSES)

    def fingerprint(self, seed: int) -> str:
        return self.read().fingerprint

    def pictures(self, seed: int) -> Pictures:
        digits = self.read()
        truth = {target.kind: digits.labels for target in self.targets()}
        return Pictures(digits.images, truth, self.split(digits, seed))

    def trained_on(self, truth: Values, seed: int) -> Values:
        noisy = wrong_labels(truth["multiclass"], self.label_noise, seed, CLASSES)
        wrong = dict.fromkeys(truth, noisy)
        return weighed(wrong, "multiclass", CLASSES) if self.balance else wrong


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
