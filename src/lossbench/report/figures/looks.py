"""How a loss is drawn, so that it is known again in every figure, and in grey."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lossbench.palette import color, colors, shades
from lossbench.verdicts.conditions import loss_order
from lossbench.verdicts.contenders import loss_of

INK = "#222222"

Mark = str | tuple[int, int, float]
"""A marker of matplotlib; a tuple is a star of so many points, turned."""

_SOLID, _DOT = (0, ()), (0, (1.2, 1.2))
_LINES: dict[str, tuple[Any, str]] = {
    "mse": (_SOLID, "o"),
    "mae": ((0, (5, 1.8)), "s"),
    "huber": (_DOT, "^"),
    "bce": ((0, (6, 1.5, 1.2, 1.5)), "D"),
    "cce": ((0, (9, 1.5)), "v"),
    "hinge": ((0, (3, 1.2, 1.2, 1.2, 1.2, 1.2)), "P"),
    "kl": ((0, (2.5, 1.5)), "X"),
    "contrastive": ((0, (9, 1.5, 3, 1.5)), "<"),
    "triplet": ((0, (1.2, 2.6)), ">"),
}
# Losses of boxes are compared with each other, and stay apart from the four above.
_OF_BOXES: dict[str, tuple[Any, str]] = {
    "iou": ((0, (2, 1, 2, 1, 6, 1)), "H"),
    "giou": ((0, (10, 1.5, 1.2, 1.5)), "p"),
    "diou": ((0, (4, 3)), "d"),
    "ciou": ((0, (1.2, 1, 5, 1)), "*"),
    "l1_giou": ((0, (14, 2)), "8"),
}
_MORE: tuple[tuple[Any, Mark], ...] = (
    ((0, (4, 1, 1, 1, 1, 1, 1, 1)), (4, 1, 0)),
    ((0, (7, 3)), "h"),
    ((0, (1, 1, 3, 1)), (3, 1, 0)),
    ((0, (12, 2, 1, 2)), (6, 1, 0)),
)
_VARIANTS: tuple[tuple[Any, Mark], ...] = (*_MORE, *_OF_BOXES.values(), *_LINES.values())
"""Ways to draw a line, each with a marker that no other has; those of the most common losses last."""


@dataclass(frozen=True)
class Look:
    """How a loss is drawn: `#rrggbb`, a dash pattern of matplotlib, a marker."""

    color: str
    line: Any
    marker: Mark

    def kwargs(self, marker: bool = True) -> dict[str, Any]:
        """For `Axes.plot`; markers have a dark rim, which keeps pale ones visible."""
        drawn = {"color": self.color, "linestyle": self.line, "linewidth": 1.8}
        rim = {"markersize": 5.5, "markeredgecolor": INK, "markeredgewidth": 0.5}
        return {**drawn, "marker": self.marker, **rim} if marker else drawn


def look(loss: str) -> Look:
    """The look of a loss by itself; of a loss that is not shipped, one from its name."""
    return Look(color(loss), *_wanted(loss))


def looks(names: Sequence[str], among: Iterable[str] = ()) -> dict[str, Look]:
    """The look of each name of one figure: of a loss its own; where it has several knobs, shades of it.

    No marker stands for two names, as long as there are enough of them, and no two derived colours are
    alike: who comes later gets the next that is free.

    among: all losses of the report, so that one has the same look in each of its figures.
    """
    own: dict[str, list[str]] = {loss: [] for loss in ordered([*among, *map(loss_of, names)])}
    for name in ordered(names):
        own[loss_of(name)].append(name)
    drawn = colors(own)
    found: dict[str, Look] = {}
    ways = _ways(own)
    firsts = {marker for _, marker in ways.values()}
    for loss, way in ways.items():
        start = _VARIANTS.index(way)
        family = own[loss] or [loss]
        for place, (name, shade) in enumerate(zip(family, shades(drawn[loss], len(family)), strict=True)):
            taken = firsts | {one.marker for one in found.values()}
            found[name] = Look(shade, *(_free(start + place, taken) if place else way))
    return {name: found[name] for name in ordered(names)}


def _wanted(loss: str) -> tuple[Any, Mark]:
    known = _LINES.get(loss) or _OF_BOXES.get(loss)
    return known or _MORE[zlib.crc32(loss.encode()) % len(_MORE)]


def _ways(losses: Iterable[str]) -> dict[str, tuple[Any, Mark]]:
    """Line and marker of each loss: those that have one for themselves first, the others in their order."""
    known = [loss for loss in losses if loss in _LINES or loss in _OF_BOXES]
    found = {loss: _wanted(loss) for loss in known}
    for loss in losses:
        if loss not in found:
            taken = {marker for _, marker in found.values()}
            found[loss] = _free(_VARIANTS.index(_wanted(loss)), taken)
    return {loss: found[loss] for loss in losses}


def _free(start: int, taken: Collection[Mark]) -> tuple[Any, Mark]:
    """The first way from a place on whose marker is not taken; the one at the place where all are."""
    turned = [_VARIANTS[(start + place) % len(_VARIANTS)] for place in range(len(_VARIANTS))]
    return next((way for way in turned if way[1] not in taken), turned[0])


def ordered(names: Iterable[Any]) -> list[str]:
    """Names without repetition: losses as people list them, contenders of one loss as they came."""
    return sorted(dict.fromkeys(map(str, names)), key=lambda name: loss_order(loss_of(name)))
