"""ONE real scene, a motorcycle in a garage: its photograph in patches, and the depth of each pixel."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data.depth_scene import ROW, patches, places, scene, shifts
from lossbench.data.mosaic import Mosaic
from lossbench.data.source import DataSet, DataSource, Description, Examples
from lossbench.data.splits import robust_units
from lossbench.errors import InputError
from lossbench.seeds import numpy_generator
from lossbench.task import WEIGHT, InputKind, Inputs, Prediction, Target

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lossbench.data.baseline import Baseline

log = logging.getLogger(__name__)

CREDIT = "one scene: Motorcycle, Middlebury 2014 (Scharstein and others, GCPR 2014), by scikit-image 0.26.0"
ONE = "ONE real scene: what is learned and tested here are parts of one photograph"


@dataclass(frozen=True, kw_only=True)
class Depth(DataSource):
    """ONE real scene: what is learned and tested here are parts of one photograph.

    It is "Motorcycle" of Middlebury 2014. An example is a square patch; the target is the depth of each of
    its pixels in metres (2.1 to 5.0). Where none is known (7% of the pixels) the weight is 0, in losses and
    in metrics. A model reads red, green and blue; how far down a pixel lies in the photograph, which a patch
    alone does not show and nets that see a whole image go by (van Dijk, de Croon, ICCV 2019); and how unlike
    the photograph from a place further right is at each shift, with which stereo matching begins (Scharstein,
    Szeliski, IJCV 47, 2002).

    Parts are columns of the scene: the seed draws where test and validation lie, side by side; what is left
    and right of them trains. No patch holds columns of two parts, and `gap` columns between them are in none.
    Patches of training overlap, those of the test lie side by side.

    size: height and width to which the scene is brought; whole patches high, and whole steps wide.
    patch: side of a patch; whole steps.
    step: from one training patch to the next, and the grid on which all parts begin.
    test_columns, val_columns: whole patches.
    gap: columns; whole steps, and as many as things are shifted, so that none is read in two parts.
    stereo: the second photograph is read, too. From one alone, nets learn here little more than the mean
        depth of a row.
    log_target: losses see the logarithm of the depth; metrics stay in metres.

    Raises:
        InputError: these do not fit together, or leave no patch to train on.
    """

    reads = ("image",)
    judged_by = ("continuous", "depth")
    select = "abs_rel"

    size: tuple[int, ...] = knob((128, 192), at_least=1, at_most=741)
    patch: int = knob(32, at_least=1)
    step: int = knob(8, at_least=1)
    test_columns: int = knob(32, at_least=1)
    val_columns: int = knob(32, at_least=1)
    gap: int = knob(16, at_least=1)
    stereo: bool = knob(True)
    log_target: bool = knob(False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.size) != 2:
            raise InputError(f"data.size must be [height,width]; got {list(self.size)}.")
        height, width = self.size
        of_steps = {"data.size, its width,": width, "data.patch": self.patch, "data.gap": self.gap}
        of_patches = {
            "data.size, its height,": height,
            "data.test_columns": self.test_columns,
            "data.val_columns": self.val_columns,
        }
        for unit, numbers in (("step", of_steps), ("patch", of_patches)):
            for what, number in numbers.items():
                if number % (whole := getattr(self, unit)):
                    raise InputError(f"{what} must be a multiple of data.{unit}={whole}; got {number}.")
        if self.stereo and self.gap < shifts(width):
            raise InputError(
                f"data.gap must be {shifts(width)} or more, as many columns as the nearest things are "
                f"apart in the two photographs; got {self.gap}."
            )
        if (self._free - 2 * self.gap) // 2 // self.step * self.step < self.patch:
            left = self._free - 2 * self.gap
            raise InputError(
                f"data.test_columns and data.val_columns, with gaps, leave {left} of {width} columns, which "
                "may be two halves: too few for a patch to train on; make them smaller."
            )

    @property
    def _free(self) -> int:
        """Columns beside those of test and validation and the gap between."""
        return self.size[1] - self.test_columns - self.gap - self.val_columns

    def targets(self) -> tuple[Target, ...]:
        return (Target("continuous", shape=(self.patch, self.patch)),)

    def account(self) -> list[str]:
        return [f"data={self.name}: {ONE}"]

    def baselines(self) -> Mapping[str, Baseline]:
        return {"mean depth": mean_depth, "mean depth of the row": mean_of_row}

    def mosaic(self) -> Mosaic:
        import numpy as np

        colours = scene(self.size)[0][:ROW]
        corners = np.stack(places(self.size, self.patch, self.step), axis=-1)
        return Mosaic((colours.transpose(1, 2, 0) + 1) / 2, corners)

    def part_sizes(self, seed: int) -> tuple[int, ...]:
        return tuple(len(rows) for rows in self.rows(seed).values())

    def rows(self, seed: int) -> dict[str, npt.NDArray[np.int64]]:
        """The numbers of the patches (N,) of each part, from top left to bottom right."""
        import numpy as np

        generator = numpy_generator(seed, "split")
        start = self.step * int(generator.integers(0, self._free // self.step + 1))
        widths = [("test", self.test_columns), ("val", self.val_columns)]
        (left, first), (right, second) = widths[:: 1 if generator.random() < 0.5 else -1]
        after = start + first + self.gap
        end = after + second
        spans = {left: [(start, start + first)], right: [(after, end)]}
        spans["train"] = [(0, start - self.gap), (end + self.gap, self.size[1])]
        tops, lefts = places(self.size, self.patch, self.step)
        found = {}
        for part in ("train", "val", "test"):
            inside = np.zeros(len(lefts), dtype=bool)
            for low, high in spans[part]:
                whole = (lefts >= low) & (lefts + self.patch <= high)
                by = self.step if part == "train" else self.patch
                inside |= whole & ((lefts - low) % by == 0) & (tops % by == 0)
            found[part] = inside.nonzero()[0]
        return found

    def squares(self) -> npt.NDArray[np.int64]:
        """(M,) in which square of the scene, of a patch's size, the middle of each patch lies.

        Patches overlap those of other seeds: what a verdict counts as drawn are squares.
        """
        tops, lefts = places(self.size, self.patch, self.step)
        down, right = ((own + self.patch // 2) // self.patch for own in (tops, lefts))
        return down * (self.size[1] // self.patch + 1) + right

    def load(self, seed: int, reads: InputKind) -> DataSet:
        import torch

        _say(self)
        inputs, depths, weights = patches(self.size, self.patch, self.step, self.stereo)
        squares = torch.from_numpy(self.squares())
        rows = {part: torch.from_numpy(own) for part, own in self.rows(seed).items()}
        parts = {
            part: Examples(own, {"continuous": depths[own], WEIGHT: weights[own]}, groups=squares[own])
            for part, own in rows.items()
        }
        known = parts["train"].targets["continuous"][parts["train"].targets[WEIGHT] > 0]
        said = Description(
            self.name,
            Inputs("image", tuple(inputs.shape[1:])),
            self.targets(),
            {part: len(own) for part, own in rows.items()},
            CREDIT,
        )
        units = {"continuous": robust_units(known.numpy(), log=self.log_target)}
        return DataSet(said, inputs, parts["train"], parts["val"], parts["test"], units=units)


def mean_depth(data: DataSet, examples: Examples) -> Prediction:
    """The mean depth of all pixels of training."""
    depths, weights = data.train.targets["continuous"], data.train.targets[WEIGHT]
    mean = (depths * weights).sum() / weights.sum()
    return Prediction(value=mean.expand(len(examples), *depths.shape[1:]))


def mean_of_row(data: DataSet, examples: Examples) -> Prediction:
    """The mean depth of what trains in the same row of the photograph, which models are told, too."""
    import torch

    depths, weights = data.train.targets["continuous"], data.train.targets[WEIGHT].double()
    told = data.inputs[:, ROW, :, 0].double()
    heights, row = told.unique(return_inverse=True)
    mean = float((depths * weights).sum() / weights.sum())
    own = row[data.train.rows].flatten()
    sums, counts = (
        torch.zeros(len(heights), dtype=torch.float64).index_add(0, own, values.sum(-1).flatten())
        for values in (depths * weights, weights)
    )
    of_rows = torch.where(counts > 0, sums / counts.clamp(min=1), mean)
    found = of_rows[row[examples.rows]]
    return Prediction(value=found.unsqueeze(-1).expand(-1, -1, depths.shape[-1]))


@functools.cache
def _say(source: Depth) -> None:
    log.info("\n".join(source.account()))
