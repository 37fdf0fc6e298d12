"""The nine losses and their gradients as curves, computed by the losses themselves.

Values against the error (mse, mae, huber), the margin (bce, hinge), the probability of the right class
(cce, kl), the distance of a pair (contrastive) and the difference of two distances (triplet). Gradients come
from autograd.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lossbench.losses.bce import BCE
from lossbench.losses.cce import CCE
from lossbench.losses.contrastive import Contrastive
from lossbench.losses.hinge import Hinge
from lossbench.losses.huber import Huber
from lossbench.losses.kl import KL
from lossbench.losses.mae import MAE
from lossbench.losses.mse import MSE
from lossbench.losses.triplet import Triplet
from lossbench.report.figures.files import svg
from lossbench.report.figures.looks import INK, look
from lossbench.report.figures.style import GREY, lines_behind, painted, panels
from lossbench.report.picture import Picture, Pictures
from lossbench.task import Target

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Loss

Curve = Callable[["Tensor"], "Tensor"]
"""From points (N,) to the loss of each (N,)."""
POINTS = 301
_JUMP = 0.02  # gradients that change by more than this share of their range between two points have a step


@dataclass(frozen=True)
class Shape:
    """One line: a loss, its name in the figure, and how to compute it."""

    loss: str
    curve: Curve
    name: str = ""
    line: Any = None


@dataclass(frozen=True)
class Plot:
    """A figure: losses of one quantity on the left, their gradients on the right, one line per shape.

    span:  first and last point
    slope: what the gradient is taken by, for its axis
    by:    the quantity it is taken by, from the points; None: the points themselves
    """

    title: str
    caption: str
    shapes: Callable[[], list[Shape]]
    xlabel: str
    span: tuple[float, float]
    slope: str
    by: Curve | None = None


def draw_shapes() -> Pictures:
    """All nine losses with their gradients, by file name; knobs at their defaults."""
    return {name: Picture(svg(drawn(plot)), plot.caption, alt(plot)) for name, plot in PLOTS.items()}


def alt(plot: Plot) -> str:
    """Values of each loss at both ends and in the middle."""
    said = []
    for shape in plot.shapes():
        points, values, _ = sample(shape.curve, plot.span, plot.by)
        told = ", ".join(
            f"{values[place].round(2):.2g} at {points[place].round(2) + 0:.2g}"
            for place in (0, POINTS // 2, -1)
        )
        said.append(f"{shape.name or shape.loss} is {told}")
    return f"{plot.title}: {'; '.join(said)}."


@painted
def drawn(plot: Plot) -> Any:
    """The figure of a plot."""
    figure, (left, right) = panels(2, plot.title, height=3.5, most=2, share="x")
    for shape in plot.shapes():
        points, values, gradients = sample(shape.curve, plot.span, plot.by)
        own = look(shape.loss).kwargs()
        if shape.line is not None:
            own["linestyle"] = shape.line
        name = shape.name or shape.loss
        left.plot(points, values, label=name, markevery=(20, 45), **own)
        right.plot(*_broken(points, gradients), label=name, markevery=(20, 45), **own)
    left.set_ylabel("loss")
    right.set_ylabel(plot.slope)
    right.axhline(0, color=INK, linewidth=0.7)
    for axes in (left, right):
        axes.set_xlim(plot.span)
        lines_behind(axes, "both")
        if plot.span[0] < 0 < plot.span[1]:
            axes.axvline(0, color=GREY, linewidth=0.7)
    figure.supxlabel(plot.xlabel, fontsize=9)
    left.legend(handlelength=3.4, fontsize=9, loc="best")
    return figure


def sample(curve: Curve, span: tuple[float, float], by: Curve | None = None) -> tuple[Any, Any, Any]:
    """Points, values and gradients of a curve, each (POINTS,) numpy float64.

    The points miss round numbers by a hair, since a gradient is not defined in a kink.
    """
    start, end = span
    hair = (end - start) / POINTS / 7
    points = torch.linspace(start + hair, end - hair / 2, POINTS, dtype=torch.float64)
    inner = (by(points) if by is not None else points.clone()).requires_grad_()
    values = curve(inner)
    (gradients,) = torch.autograd.grad(values.sum(), inner)
    return points.numpy(), values.detach().numpy(), gradients.numpy()


def _broken(points: Any, gradients: Any) -> tuple[Any, Any]:
    """The line with a gap at each step, where no gradient lies between."""
    changes = np.abs(np.diff(gradients))
    steps = np.flatnonzero((changes > _JUMP * np.ptp(gradients)) & (changes > 12 * np.median(changes))) + 1
    return np.insert(points, steps, np.nan), np.insert(gradients, steps, np.nan)


def _errors() -> list[Shape]:
    def of(loss: Loss) -> Curve:
        return lambda error: loss(error[:, None], torch.zeros_like(error), Target("continuous", 1))

    huber = Huber()
    return [
        Shape("mse", of(MSE())),
        Shape("mae", of(MAE())),
        Shape("huber", of(huber), f"huber, delta {huber.delta:g}"),
    ]


def _margins() -> list[Shape]:
    def of(loss: Loss) -> Curve:
        return lambda score: loss(score[:, None], torch.ones_like(score).long(), Target("binary", 1))

    hinge = Hinge()
    return [Shape("bce", of(BCE())), Shape("hinge", of(hinge), f"hinge, margin {hinge.margin:g}")]


def _probabilities() -> list[Shape]:
    def of(loss: Loss) -> Curve:
        return lambda logit: loss(
            torch.stack([logit, torch.zeros_like(logit)], -1),
            torch.zeros_like(logit).long(),
            Target("multiclass", 2),
        )

    kl = KL()
    return [Shape("cce", of(CCE())), Shape("kl", of(kl), f"kl, label smoothing {kl.label_smoothing:g}")]


def _embedded(loss: Loss, place: Callable[[Tensor], list[Tensor]], identities: list[int]) -> Curve:
    """The loss of so many embeddings on a line, placed by a distance."""
    target = torch.tensor(identities)
    kind = Target("identity", len(identities))

    def one(distance: Tensor) -> Tensor:
        return loss(torch.stack(place(distance))[:, None], target, kind)[0]

    return lambda distances: torch.stack([one(distance) for distance in distances])


def _pairs() -> list[Shape]:
    loss = Contrastive(normalize=False)

    def of(identities: list[int]) -> Curve:
        return _embedded(loss, lambda distance: [distance * 0, distance], identities)

    return [
        Shape("contrastive", of([0, 0]), "same identity", (0, ())),
        Shape("contrastive", of([0, 1]), f"two identities, margin {loss.margin:g}", (0, (3, 1.5))),
    ]


def _triplets() -> list[Shape]:
    loss = Triplet(normalize=False)
    # The anchor at 0, its own at 1, the other on the far side.
    curve = _embedded(loss, lambda apart: [apart * 0, apart * 0 + 1, apart - 1], [0, 0, 1])
    return [Shape("triplet", curve, f"triplet, margin {loss.margin:g}")]


PLOTS = {
    "shapes_error.svg": Plot(
        "Losses of a number, by its error",
        "Losses of a number and their gradients, against the error.",
        _errors,
        "error: prediction minus target (units of the scaled target)",
        (-3.0, 3.0),
        "gradient by the prediction",
    ),
    "shapes_margin.svg": Plot(
        "Losses of a score, by its margin",
        "Losses of a score and their gradients, against the margin.",
        _margins,
        "margin: score times the sign of the class (below 0: wrong)",
        (-3.0, 4.0),
        "gradient by the margin",
    ),
    "shapes_probability.svg": Plot(
        "Losses of a distribution, by the probability of the right class",
        "Losses of a distribution, against the probability of the right class.",
        _probabilities,
        "probability of the right class, of two",
        (0.005, 0.995),
        "gradient by the right class's logit",
        by=lambda probability: probability.logit(),
    ),
    "shapes_contrastive.svg": Plot(
        "Contrastive loss of a pair, by its distance",
        "Contrastive loss of equal and of different pairs, against their distance.",
        _pairs,
        "distance between the two embeddings",
        (0.0, 3.0),
        "gradient by the distance",
    ),
    "shapes_triplet.svg": Plot(
        "Triplet loss, by the difference of distances",
        "Triplet loss, against the difference of its two distances.",
        _triplets,
        "distance to the same identity minus distance to another",
        (-1.0, 0.9),
        "gradient by the difference",
    ),
}
