"""A figure as the content of a file: an SVG for light and dark pages, or a small PNG.

Lines and text are an SVG: sharp at any size, and in dark where a page is. It carries its own ground, so that
it can be read where page and reader's system disagree, and needs nothing from outside, so that it shows as
an image of a README on GitHub, in MLflow's artifacts, and within the report.
What is made of pixels (photographs, maps, clouds of points) is a PNG: as parts of an SVG they would be images
within an image, which GitHub's policy for files of a repository forbids.
"""

from __future__ import annotations

import io
import re
from typing import Any

from matplotlib import rc_context
from PIL import Image

from lossbench.palette import on_dark
from lossbench.report.figures.looks import INK
from lossbench.report.figures.style import DPI, FAINT, GREY, PAINT, SHADES

# What is not the colour of a loss: on a light ground and on a dark one.
DARK: dict[str, str] = {
    "#ffffff": "#17191c",
    INK: "#e4e4e4",
    GREY: "#a0a4aa",
    FAINT: "#34383d",
    "#555555": "#b9bdc3",
    "#a8a8a8": "#787d84",
    "#bdbdbd": "#5a5f66",
    "#bbbbbb": "#5a5f66",
    "#1a6b2a": "#7fd08f",
    "#a3161f": "#ff8d8d",
}
_FIXED = PAINT | {"svg.hashsalt": "lossbench", "svg.fonttype": "none"}  # the same bytes from the same data
_COLOR = re.compile(rb"(fill|stroke): (#[0-9a-f]{6})")
_HEAD = re.compile(rb"<\?xml.*?<svg ", re.DOTALL)
_PATH = re.compile(rb'(?<= d=")[^"]+')
_DIGITS = re.compile(rb"(\.\d{2})\d+")


def content(figure: Any, name: str, shades: int = SHADES) -> bytes:
    """The file of a figure, by the ending of its name.

    Args:
        shades: colours of a PNG, 256 at most.
    """
    return svg(figure) if name.endswith(".svg") else png(figure, shades)


def svg(figure: Any) -> bytes:
    """The figure as an SVG; its text stays text, in a font as wide as the one that it was laid out with, or
    a narrower one."""
    raw = io.BytesIO()
    with rc_context(_FIXED):
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(raw, format="svg", facecolor="white", metadata=nothing)
    short = _PATH.sub(lambda path: _DIGITS.sub(rb"\1", path[0]), raw.getvalue())
    short = short.replace(b"font-family: 'DejaVu Sans'", b"font-family: 'DejaVu Sans',Verdana,sans-serif")
    dark = f"<style>@media (prefers-color-scheme: dark) {{{_dark(short)}}}</style>\n</svg>"
    return _HEAD.sub(b"<svg ", short, count=1).replace(b"</svg>", dark.encode())


def _dark(drawn: bytes) -> str:
    """Rules that put other colours in the place of those that are there: losses keep theirs, but for those
    that are too dark."""
    used = sorted({(kind.decode(), color.decode()) for kind, color in _COLOR.findall(drawn)})
    rules = [(kind, light, DARK.get(light) or on_dark(light)) for kind, light in used]
    return "".join(
        f'[style*="{kind}: {light}"]{{{kind}:{dark}!important}}'
        for kind, light, dark in rules
        if dark != light
    )


def png(figure: Any, shades: int = SHADES) -> bytes:
    """The figure as a PNG of few colours, 256 at most."""
    raw = io.BytesIO()
    with rc_context(PAINT):
        figure.savefig(raw, format="png", dpi=DPI, facecolor="white")
    small = io.BytesIO()
    image = Image.open(raw).convert("RGB").quantize(shades, dither=Image.Dither.NONE)
    image.save(small, format="PNG", optimize=True)
    return small.getvalue()
