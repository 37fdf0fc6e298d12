"""What data sets of handwritten digits share: checks, images, and what is to be predicted of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data.balance import weighed
from lossbench.data.binarized import WAYS, WHITE, DrawnAnew, Shades, drawn_once
from lossbench.data.image_source import ImageSource, Pictures
from lossbench.data.label_noise import wrong_labels
from lossbench.data.shared import while_used
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
    task: class, or pixels: the image itself is the target, as of an autoencoder, which reads it from 0
        (black) to 1 (white); its class is known to what judges alone.
    binarize: of task=pixels. none: grey values. static: black and white, drawn once by the grey values, the
        same for every seed. dynamic: training images are drawn anew each time they are seen; those of
        validation and test are those of static.
    size: pixels of a side that images are brought to, by the mean of squares.
    """

    noise_knobs = ("label_noise",)
    elsewhere = (("pixels", "data.task=pixels"),)

    label_noise: float = knob(0.0, at_least=0, at_most=1)
    balance: bool = knob(False, later=True)
    task: str = knob("class", choices=("class", "pixels"), later=True)
    binarize: str = knob("none", choices=WAYS, later=True)
    size: int = knob(SIDE, choices=(7, 14, SIDE), later=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.task == "class" and self.binarize != "none":
            raise InputError(
                f"data.binarize={self.binarize} is of images that are to be predicted themselves: add "
                "data.task=pixels, or leave it out."
            )
        if self.task == "pixels" and (self.label_noise or self.balance):
            named = "balance" if self.balance else "label_noise"
            raise InputError(
                f"data.{named} is about classes, and data.task=pixels trains on none: leave it out."
            )

    @property
    def judged_by(self) -> tuple[str, ...]:  # type: ignore[override]
        """By what is to be predicted."""
        return ("pixels",) if self.task == "pixels" else ("classes",)

    @property
    def select(self) -> str:  # type: ignore[override]
        """Of pixels the bound on their likelihood."""
        return "nll_iw" if self.task == "pixels" else "accuracy"

    @abstractmethod
    def read(self) -> Digits:
        """The digits, the same object at every call while the files do not change."""

    @abstractmethod
    def split(self, digits: Digits, seed: int) -> dict[Split, Labels]:
        """Positions of the training, validation and test images."""

    def targets(self) -> tuple[Target, ...]:
        classes = Target("multiclass", CLASSES)
        if self.task == "class":
            return classes, Target("identity", CLASSES)
        values = () if self.binarize == "none" else (0.0, 1.0)
        return Target("pixels", self.size**2, support=values), classes

    def fingerprint(self, seed: int) -> str:
        return self.read().fingerprint

    def pictures(self, seed: int) -> Pictures:
        digits = self.read()
        rows: Mapping[Split, Labels] = self.split(digits, seed)
        if self.task == "class":
            truth = {target.kind: digits.labels for target in self.targets()}
            images = digits.images if self.size == SIDE else _images(self, self.fingerprint(seed))
            return Pictures(images, truth, rows)
        return self._pixels(digits, rows, _images(self, self.fingerprint(seed)))

    def _pixels(self, digits: Digits, rows: Mapping[Split, Labels], images: Tensor) -> Pictures:
        """Of images that are drawn anew those in grey come first, of which training takes its rows."""
        import numpy as np

        count = len(digits.labels)
        ids, labels = np.arange(count), digits.labels
        if self.binarize == "dynamic":
            rows = {part: own if part == "train" else own + count for part, own in rows.items()}
            ids, labels = np.tile(ids, 2), np.tile(labels, 2)
        truth = {"pixels": images.flatten(1).numpy(), "multiclass": labels}
        fresh = DrawnAnew() if self.binarize == "dynamic" else None
        return Pictures(images, truth, rows, fresh=fresh, as_read=Shades(), ids=ids)

    def trained_on(self, truth: Values, seed: int) -> Values:
        if self.task == "pixels":
            return truth
        noisy = wrong_labels(truth["multiclass"], self.label_noise, seed, CLASSES)
        wrong = dict.fromkeys(truth, noisy)
        return weighed(wrong, "multiclass", CLASSES) if self.balance else wrong


def standardised(pixels: npt.NDArray[np.uint8]) -> Tensor:
    """(N, 28, 28) grey values 0..255 -> (N, 1, 28, 28) float32 of about mean 0 and variance 1."""
    import torch

    images = torch.from_numpy(pixels).float().unsqueeze(1)
    return images.div_(255 * _DEVIATION).sub_(_MEAN / _DEVIATION)


@lru_cache(maxsize=2)
@while_used
def _images(source: DigitSource, _content: str) -> Tensor:
    """The images as a source wants them, the same object for every seed.

    Standardised where classes are to be predicted; else bytes, in grey, in black and white, or of images that
    are drawn anew all in grey and then all in black and white.
    """
    import torch
    from torch.nn import functional as F

    images = F.avg_pool2d(source.read().images, SIDE // source.size)
    if source.task == "class":
        return images
    grey = images.mul(_DEVIATION).add_(_MEAN).mul_(WHITE).round_().clamp_(0, WHITE).to(torch.uint8)
    if source.binarize == "none":
        return grey
    white = drawn_once(grey)
    return white if source.binarize == "static" else torch.cat([grey, white])


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
