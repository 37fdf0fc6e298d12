"""One fixed colour per loss: in every figure, and in MLflow's tables and charts.

The nine were searched for, not chosen by taste: their lightness climbs in equal steps (L* 16, 24 ... 80), so
that they stay apart in grey, losses that are often compared far apart; hue and saturation keep every pair
at least 24 apart in CIELAB as seen with normal, red-blind, green-blind and blue-blind eyes.
"""

from __future__ import annotations

import colorsys
import hashlib

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


def color(loss: str) -> str:
    """The colour of a loss as `#rrggbb`; for a name that is not shipped, one derived from the name."""
    return COLORS.get(loss) or _derived(loss)


def _derived(name: str) -> str:
    """A colour of middle lightness and weak saturation, the same everywhere for one name."""
    digest = hashlib.sha256(name.encode()).digest()
    hue, lightness, saturation = digest[0] / 256, 0.3 + 0.35 * digest[1] / 256, 0.3 + 0.3 * digest[2] / 256
    return "#" + "".join(
        f"{round(255 * part):02x}" for part in colorsys.hls_to_rgb(hue, lightness, saturation)
    )
