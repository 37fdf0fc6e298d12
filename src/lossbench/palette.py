"""One fixed colour per loss: in every figure, and in MLflow's tables and charts.

The nine were searched for, not chosen by taste: their lightness climbs in equal steps (L* 30, 36 ... 80), so
that they stay apart in grey and show on white pages and on dark ones alike; hue and saturation keep every
pair at least 24 apart in CIELAB as seen with normal, red-blind, green-blind and blue-blind eyes.
"""

from __future__ import annotations

import colorsys
import hashlib
import math
from collections.abc import Collection, Iterable, Iterator
from itertools import chain, count, islice

COLORS: dict[str, str] = {
    "mse": "#3468f7",
    "mae": "#aea926",
    "huber": "#6b17a0",
    "bce": "#ffb1be",
    "cce": "#8d3950",
    "hinge": "#779f64",
    "kl": "#f905a3",
    "contrastive": "#656903",
    "triplet": "#65bef7",
}

BASELINE = "#808080"  # of no loss: a grey for what nobody trains
_NEAREST = 24.0  # to any of the nine, in CIELAB: as far as they are from each other
_APART = 18.0  # of two derived colours that are seen together
_TRIES = 200  # until colours of very many losses may be alike
_DARKEST = 30.0  # L*, to show on a dark page
_LEGIBLE, _STEPS = 45.0, 13  # L* of thin lines on a dark page, reached in steps
_LIGHTEST = 0.6  # of the way to white


def color(loss: str) -> str:
    """The colour of a loss as `#rrggbb`; for a name that is not shipped, one derived from the name."""
    return COLORS.get(loss) or _derived(loss)


def colors(names: Iterable[str]) -> dict[str, str]:
    """The colours of losses that are seen together: each its own, but where two derived ones are alike, the
    later name gets the next that differs."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(names):
        found[name] = COLORS.get(name) or _derived(name, found.values())
    return found


def shades(own: str, number: int) -> list[str]:
    """A colour and lighter ones after it: a loss under several conditions, side by side."""
    parts = [255 * part for part in _parts(own)]
    steps = [_LIGHTEST * place / max(1, number - 1) for place in range(number)]
    return ["#" + "".join(f"{round(part + (255 - part) * step):02x}" for part in parts) for step in steps]


def on_dark(own: str) -> str:
    """A colour for lines on a dark page: its own, lightened where it is too dark for that."""
    *steps, last = shades(own, _STEPS)
    return next((step for step in steps if _lab(step)[0] > _LEGIBLE), last)


def _derived(name: str, beside: Collection[str] = ()) -> str:
    """A colour of middle lightness and weak saturation that is none of the nine, the same everywhere, and
    unlike those beside it."""
    shipped, others = ([_lab(own) for own in known] for known in (COLORS.values(), beside))
    fitting = (
        drawn
        for drawn in _drawn(name)
        if (lab := _lab(drawn))[0] > _DARKEST and min(math.dist(lab, own) for own in shipped) > _NEAREST
    )
    first = next(fitting)
    tried = chain((first,), islice(fitting, _TRIES))
    return next((one for one in tried if all(math.dist(_lab(one), own) > _APART for own in others)), first)


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
