"""The nine losses and their gradients as curves, computed by the losses themselves.

Values against the error (mse, mae, huber), the margin (bce, hinge), the probability of the right class
(cce, kl), the distance of a pair (contrastive) and the difference of two distances (triplet). Gradients come
from autograd.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lossbench.report.figures.looks import INK, look
from lossbench.report.figures.style import GREY, lines_behind, painted, panels, png

if TYPE_CHECKING:
    from torch import Tensor

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


def draw_shapes() -> dict[str, bytes]:
    """PNGs of all nine losses with their gradients, by file name; knobs at their defaults."""
    return {name: png(figure) for name, figure in figures().items()}


def figures() -> dict[str, Any]:
    """The figures of `draw_shapes`."""
    return {
        "shapes_error.png": draw_shape(
            "Losses of a number, by its error",
            _errors(),
            "error: prediction minus target (units of the scaled target)",
            (-3.0, 3.0),
            "gradient by the prediction",
        ),
        "shapes_margin.png": draw_shape(
            "Losses of a score, by its margin",
            _margins(),
            "margin: score times the sign of the class (below 0: wrong)",
            (-3.0, 4.0),
            "gradient by the margin",
        ),
        "shapes_probability.png": draw_shape(
            "Losses of a distribution, by the probability of the right class",
            _probabilities(),
            "probability of the right class, of two",
            (0.005, 0.995),
            "gradient by the right class's logit",
            by=_logit,
        ),
        "shapes_contrastive.png": draw_shape(
            "Contrastive loss of a pair, by its distance",
            _pairs(),
            "distance between the two embeddings",
            (0.0, 3.0),
            "gradient by the distance",
        ),
        "shapes_triplet.png": draw_shape(
            "Triplet loss, by the difference of distances",
            _triplets(),
            "distance to the same identity minus distance to another",
            (-1.0, 0.9),
            "gradient by the difference",
        ),
    }


@painted
def draw_shape(
    title: str,
    shapes: Sequence[Shape],
    xlabel: str,
    span: tuple[float, float],
    slope: str,
    by: Curve | None = None,
) -> Any:
    """Loss on the left, gradient on the right, one line per shape.

    Args:
        title: of the figure.
        shapes: the lines.
        xlabel: what the loss is drawn against.
        span: first and last point.
        slope: what the gradient is taken by, for its axis.
        by: the quantity the gradient is taken by, from the points; default: the points themselves.
    """
    figure, (left, right) = panels(2, title, height=3.5, most=2, share="x")
    for shape in shapes:
        points, values, gradients = sample(shape.curve, span, by)
        drawn = look(shape.loss).kwargs()
        if shape.line is not None:
            drawn["linestyle"] = shape.line
        name = shape.name or shape.loss
        left.plot(points, values, label=name, markevery=(20, 45), **drawn)
        right.plot(*_broken(points, gradients), label=name, markevery=(20, 45), **drawn)
    left.set_ylabel("loss")
    right.set_ylabel(slope)
    right.axhline(0, color=INK, linewidth=0.7)
    for axes in (left, right):
        axes.set_xlim(span)
        lines_behind(axes, "both")
        if span[0] < 0 < span[1]:
            axes.axvline(0, color=GREY, linewidth=0.7)
    figure.supxlabel(xlabel, fontsize=9)
    left.legend(handlelength=3.4, fontsize=9, loc="best")
    return figure


def sample(curve: Curve, span: tuple[float, float], by: Curve | None = None) -> tuple[Any, Any, Any]:
    """Points, values and gradients of a curve, each (POINTS,) numpy float64.

    The points miss round numbers by a hair, since a gradient is not defined in a kink.
    """
    import torch

    start, end = span
    hair = (end - start) / POINTS / 7
    points = torch.linspace(start + hair, end - hair / 2, POINTS, dtype=torch.float64)
    inner = (by(points) if by is not None else points.clone()).requires_grad_()
    values = curve(inner)
    (gradients,) = torch.autograd.grad(values.sum(), inner)
    return points.numpy(), values.detach().numpy(), gradients.numpy()


def _broken(points: Any, gradients: Any) -> tuple[Any, Any]:
    """The line with a gap at each step, where no gradient lies between."""
    import numpy as np

    changes = np.abs(np.diff(gradients))
    steps = np.flatnonzero((changes > _JUMP * np.ptp(gradients)) & (changes > 12 * np.median(changes))) + 1
    return np.insert(points, steps, np.nan), np.insert(gradients, steps, np.nan)


def _logit(probability: Tensor) -> Tensor:
    return probability.logit()


def _errors() -> list[Shape]:
    from lossbench.losses.huber import Huber, huber
    from lossbench.losses.mae import absolute_error
    from lossbench.losses.mse import squared_error

    delta = Huber().delta

    def of_error(loss: Callable[[Tensor, Tensor], Tensor]) -> Curve:
        return lambda error: loss(error[:, None], error.new_zeros(len(error), 1))

    return [
        Shape("mse", of_error(squared_error)),
        Shape("mae", of_error(absolute_error)),
        Shape(
            "huber", of_error(lambda out, target: huber(out, target, delta=delta)), f"huber, delta {delta:g}"
        ),
    ]


def _margins() -> list[Shape]:
    import torch

    from lossbench.losses.bce import binary_cross_entropy
    from lossbench.losses.hinge import Hinge, hinge

    def right(margin: Tensor) -> Tensor:
        return torch.ones(len(margin), dtype=torch.int64)

    margin = Hinge().margin
    return [
        Shape("bce", lambda score: binary_cross_entropy(score, right(score))),
        Shape("hinge", lambda score: hinge(score, right(score), margin=margin), f"hinge, margin {margin:g}"),
    ]


def _probabilities() -> list[Shape]:
    import torch

    from lossbench.losses.cce import CCE
    from lossbench.losses.kl import KL
    from lossbench.task import Target

    two = Target("multiclass", size=2)

    def of_logit(loss: Any) -> Curve:
        def curve(logit: Tensor) -> Tensor:
            outputs = torch.stack([logit, torch.zeros_like(logit)], -1)
            values: Tensor = loss(outputs, torch.zeros(len(logit), dtype=torch.int64), two)
            return values

        return curve

    smoothing = KL().label_smoothing
    return [
        Shape("cce", of_logit(CCE())),
        Shape("kl", of_logit(KL()), f"kl, label smoothing {smoothing:g}"),
    ]


def _pairs() -> list[Shape]:
    import torch

    from lossbench.losses.contrastive import Contrastive, contrastive

    margin = Contrastive().margin

    def of_distance(identities: tuple[int, int]) -> Curve:
        def one(distance: Tensor) -> Tensor:
            embeddings = torch.stack([torch.zeros_like(distance), distance])[:, None]
            return contrastive(embeddings, torch.tensor(identities), margin=margin, normalize=False).mean()

        return lambda distances: torch.stack([one(distance) for distance in distances])

    return [
        Shape("contrastive", of_distance((0, 0)), "same identity", (0, ())),
        Shape("contrastive", of_distance((0, 1)), f"two identities, margin {margin:g}", (0, (3, 1.5))),
    ]


def _triplets() -> list[Shape]:
    import torch

    from lossbench.losses.triplet import Triplet, triplet

    margin = Triplet().margin
    identities = torch.tensor([0, 0, 1])

    def one(difference: Tensor) -> Tensor:
        # On a line: the anchor at 0, its own at 1, the other on the far side.
        embeddings = torch.stack([difference * 0, difference * 0 + 1, difference - 1])[:, None]
        return triplet(embeddings, identities, margin=margin, normalize=False)[0]

    def curve(differences: Tensor) -> Tensor:
        return torch.stack([one(difference) for difference in differences])

    return [Shape("triplet", curve, f"triplet, margin {margin:g}")]
