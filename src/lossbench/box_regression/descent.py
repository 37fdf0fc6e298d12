"""Boxes beside, around and within others, each moved by the gradient of a loss alone.

The setting is that of Zheng et al. (AAAI 2020, section 3), in the units in which losses see boxes here: half
the longer side of the picture, from its middle. Targets of five shapes and one size stand in the middle;
boxes of five shapes and three sizes start evenly spread over a disc around it, three target widths far at
most. What moves are the four edges, which are what a model gives; the authors move centre and size, and take
longer steps where boxes overlap little. The rate falls to a tenth and a hundredth in the end, as theirs does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from lossbench.losses.boxes import beside, from_start, to_start
from lossbench.pack.threads import one_thread
from lossbench.task import Target

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Loss

WIDTH = 0.25  # of a square target; eight of them make the picture
FARTHEST = 3  # target widths between centres
SHAPES = (1 / 4, 1 / 2, 1.0, 2.0, 4.0)  # width over height
AREAS = (0.5, 1.0, 2.0)  # of a box that starts, in those of its target
PLACES = 16  # of centres in the disc
STEPS, DROPS = 200, (160, 180)
BOX = Target("box", size=4)


@dataclass(frozen=True)
class Way:
    """How gradients move boxes, and the rates that are tried; a loss is shown at the best of them."""

    name: str
    optimizer: Callable[[Any], torch.optim.Optimizer]
    rates: tuple[float, ...]


WAYS = (
    Way("gradient descent", torch.optim.SGD, tuple(0.00075 * 2.0**n for n in range(12))),
    Way("Adam", torch.optim.Adam, tuple(0.0025 * 2.0**n for n in range(7))),
)


@dataclass(frozen=True)
class Starts:
    """Boxes and their targets.

    box, target: (N, 4) edges.
    distance: (N,) of their centres, in target widths.
    """

    box: Tensor
    target: Tensor
    distance: Tensor

    @property
    def apart(self) -> Tensor:
        """(N,) whether the two have nothing in common."""
        return beside(self.box, self.target).iou == 0


@dataclass(frozen=True)
class Descent:
    """Where boxes came at one rate.

    iou: (N,) in the end.
    path: (STEPS + 1,) mean IoU on the way.
    moved: (N,) whether it has moved at all.
    """

    rate: float
    iou: Tensor
    path: Tensor
    moved: Tensor

    @property
    def mean(self) -> float:
        """The mean IoU in the end."""
        return float(self.iou.mean())


def starts(places: int = PLACES) -> Starts:
    """All combinations of places, shapes of targets, sizes and shapes of boxes; the same at every call.

    Places are those of sunflower seeds (Vogel 1979), which fill a disc evenly.
    """
    number = torch.arange(places, dtype=torch.float64)
    radius = FARTHEST * ((number + 0.5) / places).sqrt()
    angle = 1 + number * math.pi * (
        3 - math.sqrt(5)
    )  # the first lies beside no axis, where edges would touch
    shapes, areas = torch.tensor(SHAPES, dtype=torch.float64), torch.tensor(AREAS, dtype=torch.float64)
    place, of_target, area, of_box = torch.cartesian_prod(number, shapes, areas, shapes).unbind(-1)
    centre = torch.stack([radius * angle.cos(), radius * angle.sin()], -1)[place.long()]
    box = _edges(centre, of_box, area)
    target = _edges(torch.zeros_like(centre), of_target, torch.ones_like(area))
    return Starts(WIDTH * box, WIDTH * target, radius[place.long()])


def _edges(centre: Tensor, shape: Tensor, area: Tensor) -> Tensor:
    half = torch.stack([(area * shape).sqrt(), (area / shape).sqrt()], -1) / 2
    return torch.cat([centre - half, centre + half], -1)


def gradients(loss: Loss, begin: Starts) -> Tensor:
    """Of each box where it starts, (N, 4)."""
    output = to_start(begin.box).requires_grad_()
    (found,) = torch.autograd.grad(loss(output, begin.target, BOX).sum(), output)
    return found


def descents(loss: Loss, begin: Starts, way: Way) -> list[Descent]:
    """What comes of all boxes at each rate."""
    outputs = [to_start(begin.box).requires_grad_() for _ in way.rates]
    optimizer = way.optimizer([{"params": [own], "lr": r} for own, r in zip(outputs, way.rates, strict=True)])
    falling = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(DROPS))
    target = begin.target.repeat(len(outputs), 1)
    path = [_overlap(outputs, target).mean(-1)]
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss(torch.cat(outputs), target, BOX).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        falling.step()
        path.append(_overlap(outputs, target).mean(-1))
    before, ended, paths = from_start(to_start(begin.box)), _overlap(outputs, target), torch.stack(path, -1)
    return [
        Descent(rate, ended[n], paths[n], (from_start(outputs[n].detach()) != before).any(-1))
        for n, rate in enumerate(way.rates)
    ]


def _overlap(outputs: Sequence[Tensor], target: Tensor) -> Tensor:
    """IoU of what outputs say: (rates, N)."""
    with torch.no_grad():
        return beside(from_start(torch.cat(list(outputs))), target).iou.view(len(outputs), -1)


def best(found: Sequence[Descent]) -> Descent:
    """At the rate with the largest mean IoU in the end; of rates alike the smallest."""
    return max(found, key=lambda one: one.mean)


def all_descents(losses: Sequence[Loss], begin: Starts) -> Mapping[tuple[str, str], list[Descent]]:
    """Of each loss each way, by both names."""
    with one_thread():
        return {(loss.name, way.name): descents(loss, begin, way) for way in WAYS for loss in losses}
