"""How a loss is drawn, so that it is known again in every figure, and in grey."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lossbench.palette import color, shades
from lossbench.verdicts.conditions import loss_order
from lossbench.verdicts.contenders import loss_of

INK = "#222222"

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
_OTHERS: tuple[tuple[Any, str], ...] = (
    ((0, (4, 1, 1, 1, 1, 1, 1, 1)), "*"),
    ((0, (7, 3)), "h"),
    ((0, (1, 1, 3, 1)), "p"),
    ((0, (12, 2, 1, 2)), "d"),
)
# Losses of boxes are compared with each other, and stay apart from the four above.
_OF_BOXES: dict[str, tuple[Any, str]] = {
    "iou": ((0, (2, 1, 2, 1, 6, 1)), "H"),
    "giou": ((0, (10, 1.5, 1.2, 1.5)), "p"),
    "diou": ((0, (4, 3)), "d"),
    "ciou": ((0, (1.2, 1, 5, 1)), "*"),
    "l1_giou": ((0, (14, 2)), "8"),
}


@dataclass(frozen=True)
class Look:
    """How a loss is drawn: `#rrggbb`, a dash pattern of matplotlib, a marker."""

    color: str
    line: Any
    marker: str

    def kwargs(self, marker: bool = True) -> dict[str, Any]:
        """For `Axes.plot`; markers have a dark rim, which keeps pale ones visible."""
        drawn = {"color": self.color, "linestyle": self.line, "linewidth": 1.8}
        rim = {"markersize": 5.5, "markeredgecolor": INK, "markeredgewidth": 0.5}
        return {**drawn, "marker": self.marker, **rim} if marker else drawn


def look(loss: str) -> Look:
    """The look of a loss, the same in every figure; of a loss that is not shipped, one from its name."""
    known = _LINES.get(loss) or _OF_BOXES.get(loss)
    line, marker = known or _OTHERS[zlib.crc32(loss.encode()) % len(_OTHERS)]
    return Look(color(loss), line, marker)


def looks(names: Sequence[str]) -> Mapping[str, Look]:
    """The look of each name of one figure: of a loss its own; where it has several knobs, shades of it."""
    own: dict[str, list[str]] = {}
    for name in names:
        own.setdefault(loss_of(name), []).append(name)
    variants = [*_LINES.values(), *_OTHERS, *_OF_BOXES.values()]
    found = {}
    for loss, family in own.items():
        first = look(loss)
        start = variants.index((first.line, first.marker))
        for place, (name, shade) in enumerate(zip(family, shades(loss, len(family)), strict=True)):
            found[name] = Look(shade, *variants[(start + place) % len(variants)])
    return found


def ordered(names: Iterable[Any]) -> list[str]:
    """Names without repetition: losses as people list them, contenders of one loss as they came."""
    return sorted(dict.fromkeys(map(str, names)), key=lambda name: loss_order(loss_of(name)))
