"""One fixed colour per loss: in every figure, and in MLflow's tables and charts.

The nine were searched for, not chosen by taste: their lightness climbs in equal steps (L* 16, 24 ... 80), so
that they stay apart in grey, losses that are often compared far apart; hue and saturation keep every pair
at least 24 apart in CIELAB as seen with normal, red-blind, green-blind and blue-blind eyes.
"""

from __future__ import annotations

import colorsys
import hashlib
import math
from collections.abc import Iterator
from itertools import count

COLORS: dict[str, str] = {
    "mse": "#7747a9",
    "mae": "#a2a010",
    "huber": "#2a1f53",
    "bce": "#fdb69a",
    "cce": "#78002b",
    "hinge": "#51954c",
    "kl": "#aa5587",
    "contrastive": "#654601",
    "triplet": "#65b7ff",
}

BASELINE = "#808080"  # of no loss: a grey for what nobody trains
_NEAREST = 24.0  # to any of the nine, in CIELAB: as far as they are from each other
_LIGHTEST = 0.6  # of the way to white


def color(loss: str) -> str:
    """The colour of a loss as `#rrggbb`; for a name that is not shipped, one derived from the name."""
    return COLORS.get(loss) or _derived(loss)


def shades(loss: str, number: int) -> list[str]:
    """The colour of a loss and lighter ones after it: a loss under several conditions, side by side."""
    own = [255 * part for part in _parts(color(loss))]
    steps = [_LIGHTEST * place / max(1, number - 1) for place in range(number)]
    return ["#" + "".join(f"{round(part + (255 - part) * step):02x}" for part in own) for step in steps]


def _derived(name: str) -> str:
    """A colour of middle lightness and weak saturation that is none of the nine, the same everywhere."""
    shipped = [_lab(own) for own in COLORS.values()]
    return next(
        drawn for drawn in _drawn(name) if min(math.dist(_lab(drawn), own) for own in shipped) > _NEAREST
    )


def _drawn(name: str) -> Iterator[str]:
    """Ever more colours of a name."""
    for turn in count():
        digest = hashlib.sha256((f"{name} {turn}" if turn else name).encode()).digest()
        lightness, saturation = 0.3 + 0.35 * digest[1] / 256, 0.3 + 0.3 * digest[2] / 256
        parts = colorsys.hls_to_rgb(digest[0] / 256, lightness, saturation)
        yield "#" + "".join(f"{round(255 * part):02x}" for part in parts)


def _parts(drawn: str) -> list[float]:
    return [int(drawn[place : place + 2], 16) / 255 for place in (1, 3, 5)]


def _lab(drawn: str) -> tuple[float, float, float]:
    """CIELAB (D65), in which distances are about those that an eye sees."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _parts(drawn)
    )
    x, y, z = (
        share ** (1 / 3) if share > 0.008856 else 7.787 * share + 16 / 116
        for share in (
            (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047,
            0.2126729 * red + 0.7151522 * green + 0.0721750 * blue,
            (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883,
        )
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)
