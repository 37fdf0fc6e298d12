"""What data sets of images share: one tensor of images, of which each part is some rows and their targets."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.data.baseline import mean_of
from lossbench.data.part_examples import part_examples
from lossbench.data.source import SPLITS, DataSet, DataSource, Description, Loaded, Split
from lossbench.data.splits import robust_units
from lossbench.task import NUMBERS, InputKind, Inputs, Units

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.data.baseline import Baseline
    from lossbench.data.part_examples import Values
    from lossbench.data.source import Fresh
    from lossbench.data.splits import Ids
    from lossbench.trees import Tree


@dataclass(frozen=True, eq=False)
class Pictures:
    """M images of one size, and what is to be said of them with one seed.

    images: (M, channels, height, width), as models read them, or as `as_read` does.
    truth: the targets (M, ...), as `task.Target` has them.
    rows: of each part, its images.
    groups: (M,) the group of each, in numbers that mean the same for every seed; None: each is its own.
    fresh: makes a training batch anew.
    as_read: from images as they are kept, such as bytes, to what models read.
    ids: (M,) which example each is, in numbers that mean the same for every seed; None: its row.
    """

    images: Tensor
    truth: Values
    rows: Mapping[Split, Ids]
    groups: Ids | None = None
    fresh: Fresh | None = None
    as_read: Callable[[Tree], Tree] | None = None
    ids: Ids | None = None


@dataclass(frozen=True, kw_only=True)
class ImageSource(DataSource):
    """A data set of images. A subclass says which they are, how they are split, and whom to credit."""

    reads = ("image",)

    @abstractmethod
    def pictures(self, seed: int) -> Pictures:
        """The images with their targets and parts; the same tensor of images at every call.

        Raises:
            InputError: they cannot be had, or a part would be too small.
        """

    @property
    @abstractmethod
    def credit(self) -> str:
        """Where the images come from, in words, with the authors."""

    def baselines(self) -> Mapping[str, Baseline]:
        return {"mean box": mean_of("box")} if "box" in [own.kind for own in self.targets()] else {}

    def trained_on(self, truth: Values, seed: int) -> Values:
        """The targets of the training images (n, ...) as they are trained on: with wrong ones, or weights."""
        return truth

    def load(self, seed: int, reads: InputKind) -> Loaded:
        return self.held(seed)

    def held(self, seed: int) -> DataSet:
        """The data set in memory."""
        known = self.pictures(seed)
        examples = part_examples(
            known.truth, known.rows, lambda truth: self.trained_on(truth, seed), known.groups, known.ids
        )
        numbers = {kind: own for kind, own in examples["train"].targets.items() if kind in NUMBERS}
        description = Description(
            name=self.name,
            inputs=Inputs("image", tuple(known.images.shape[1:])),
            targets=self.targets(),
            sizes={str(part): len(own) for part, own in examples.items()},
            source=self.credit,
            fingerprint=self.fingerprint(seed),
        )
        train, val, test = (examples[part] for part in SPLITS)
        height, width = known.images.shape[-2:]
        units = {
            kind: box_units(height, width) if kind == "box" else robust_units(own)
            for kind, own in numbers.items()
        }
        fresh, as_read = known.fresh, known.as_read
        return DataSet(description, known.images, train, val, test, units, fresh=fresh, as_read=as_read)


def box_units(height: int, width: int) -> Units:
    """Of boxes in an image of that size: its middle is 0, and half its longer side 1.

    One scale for all four numbers: what losses see of a box is a similar picture of it, under which overlaps
    and distances that are counted in sides do not change.
    """
    import torch

    middle = torch.tensor([width, height] * 2, dtype=torch.float64) / 2
    return Units(middle, max(height, width) / 2)
