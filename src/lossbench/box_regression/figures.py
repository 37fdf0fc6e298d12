"""Where boxes end by how far away they start, and how they come there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lossbench.box_regression.descent import DROPS, WAYS, best
from lossbench.report.figures.files import svg
from lossbench.report.figures.looks import looks
from lossbench.report.figures.style import GREY, label_ends, lines_behind, painted, panels
from lossbench.report.picture import Picture, Pictures

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.box_regression.findings import All

CAPTIONS = {
    "ends.svg": "Mean IoU in the end by the distance of the centres at the start; each at its best rate.",
    "paths.svg": "Mean IoU step by step; each at its best rate.",
}


def draw(found: All, distance: Tensor) -> Pictures:
    """Figures by file name.

    Args:
        distance: (N,) of the centres where boxes start, in target widths.
    """
    drawn = {"ends.svg": _ends(found, distance), "paths.svg": _paths(found)}
    means = [f"{loss} by {way} {best(descents).mean:.3f}" for (loss, way), descents in found.items()]
    alt = f"Mean IoU in the end, over all boxes: {', '.join(means)}."
    return {name: Picture(svg(figure), CAPTIONS[name], alt) for name, figure in drawn.items()}


@painted
def _ends(found: All, distance: Tensor) -> Any:
    figure, places = panels(len(WAYS), "Which boxes come home", height=3.6)
    rings = np.unique(distance.numpy())
    for way, axes in zip(WAYS, places, strict=True):
        lines = {
            loss: np.array([float(best(descents).iou[distance == float(ring)].mean()) for ring in rings])
            for (loss, name), descents in found.items()
            if name == way.name
        }
        _lines(axes, rings, lines)
        axes.set_title(way.name)
        axes.set_ylim(-0.03, 1.03)
    figure.supxlabel("distance of the centres at the start (target widths)", fontsize=9)
    places[0].set_ylabel("mean IoU in the end")
    return figure


@painted
def _paths(found: All) -> Any:
    figure, places = panels(len(WAYS), "How boxes come home", height=3.6)
    for way, axes in zip(WAYS, places, strict=True):
        paths = {loss: best(one).path.numpy() for (loss, name), one in found.items() if name == way.name}
        _lines(axes, np.arange(len(next(iter(paths.values())))), paths)
        axes.set_title(way.name)
        for drop in DROPS:
            axes.axvline(drop, color=GREY, linewidth=0.7, linestyle=":")
    figure.supxlabel("step (dotted: the rate falls to a tenth)", fontsize=9)
    places[0].set_ylabel("mean IoU")
    return figure


def _lines(axes: Any, x: Any, lines: dict[str, Any]) -> None:
    drawn_as = looks(list(lines))
    for loss, values in lines.items():
        axes.plot(x, values, markevery=max(1, len(x) // 8), **drawn_as[loss].kwargs())
    lines_behind(axes)
    label_ends(axes, [(loss, float(values[-1])) for loss, values in lines.items()], drawn_as)
