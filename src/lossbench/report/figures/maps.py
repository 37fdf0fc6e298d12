"""What is predicted of each pixel, as a map beside the image and the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps

from lossbench.report.figures.looks import ordered
from lossbench.report.figures.stored import Runs
from lossbench.report.figures.style import painted, panels
from lossbench.significant import number
from lossbench.task import WEIGHT

if TYPE_CHECKING:
    from lossbench.data.mosaic import Mosaic
    from lossbench.verdicts.predictions import Arrays

SHOWN = 3  # images
_ENDS = (1.0, 99.0)  # percentiles of the truth that colours reach to
_UNKNOWN = 0.72  # a grey


@dataclass(frozen=True)
class Maps:
    """An image (height, width[, 3]) in 0..1, what is true of its pixels (height, width), and what each loss
    predicts of them; nan where nothing is known, or nothing was predicted."""

    image: Any
    truth: Any
    predicted: Mapping[str, Any]

    @property
    def tested(self) -> Any:
        """(height, width) where a loss predicts something."""
        return np.any([np.isfinite(values) for values in self.predicted.values()], axis=0)


def of_one(runs: Runs, place: int, image: Any) -> Maps:
    """Of one test example of the losses' first runs."""
    predicted = {loss: np.asarray(runs[loss][0]["value"][place], float) for loss in ordered(runs)}
    return Maps(image, _known(next(iter(runs.values()))[0])[place], predicted)


def assembled(runs: Runs, mosaic: Mosaic) -> Maps:
    """Of the picture that examples are parts of, where they are tested: of several runs of a loss that were
    tested at one place, the first."""
    shape = mosaic.image.shape[:2]

    def laid_out(of: Sequence[Arrays], parts: Sequence[Any]) -> Any:
        found = np.full(shape, np.nan)
        for run, values in zip(of[::-1], parts[::-1], strict=True):
            corners = mosaic.corners[np.asarray(run["example_id"])]
            for (top, left), own in zip(corners.tolist(), values, strict=True):
                found[top : top + own.shape[0], left : left + own.shape[1]] = own
        return found

    predicted = {loss: laid_out(runs[loss], [run["value"] for run in runs[loss]]) for loss in ordered(runs)}
    longest = max(runs.values(), key=len)
    return Maps(mosaic.image, laid_out(longest, [_known(run) for run in longest]), predicted)


@painted
def drawn(found: Sequence[Maps], where: str = "") -> Any:
    """One picture: a panel each for the image, the truth and the losses; several: a row each."""
    names = ["image", "truth", *found[0].predicted]
    height, width = found[0].truth.shape
    most = 3 if len(found) == 1 else len(names)
    figure, cells = panels(
        len(names) * len(found),
        "The target at each pixel: true, and as each loss predicts it",
        where=where,
        height=0.25 + (8.0 / most - 0.25) * height / width,
        most=most,
        share="none",
    )
    low, high = np.nanpercentile(np.concatenate([one.truth.ravel() for one in found]), _ENDS)
    shown = None
    for place, axes in enumerate(cells):
        one, name = found[place // len(names)], names[place % len(names)]
        if name == "image":
            axes.imshow(one.image, cmap="gray", vmin=0, vmax=1)
        else:
            values = one.truth if name == "truth" else one.predicted[name]
            if name == "truth":
                axes.imshow(np.where(one.tested, _UNKNOWN, np.nan), cmap="gray", vmin=0, vmax=1)
            shown = axes.imshow(values, cmap=colormaps["viridis"], vmin=low, vmax=high)
        if place < len(names):
            axes.set_title(name, fontsize=8, pad=3)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    figure.colorbar(shown, ax=cells, shrink=0.6, label="target", pad=0.01)
    return figure


def distances(found: Sequence[Maps]) -> str:
    """How far each loss's map is from the truth, on average."""
    far = {}
    for loss in found[0].predicted:
        apart = [np.abs(one.predicted[loss] - one.truth).ravel() for one in found]
        far[loss] = float(np.nanmean(np.concatenate(apart)))
    told = ", ".join(f"{loss} {number(value, 3)}" for loss, value in far.items())
    return f"An image, its true map, and the map of each loss; mean distance from the truth: {told}."


def _known(run: Arrays) -> Any:
    """The truth (N, height, width), nan where it weighs nothing."""
    truth = np.asarray(run["target_continuous"], float)
    weight = run.get(f"target_{WEIGHT}")
    if weight is None:
        return truth
    counts = np.asarray(weight)[(..., *(None,) * (truth.ndim - np.ndim(weight)))] > 0
    return np.where(counts, truth, np.nan)
