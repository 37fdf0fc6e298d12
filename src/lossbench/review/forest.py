"""The means of a metric with their intervals as one image: MLflow's bars begin at zero and have no intervals.

Drawn by Pillow, which takes hundredths of a second: a sweep ends with it, and has no need of matplotlib.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lossbench.review.summary import Compared, Summary
from lossbench.significant import alike, number

MOST = 30  # rows
_WIDTH, _EDGE, _LETTERS, _LINE, _ROW, _GAP = 640, 20, 30, 40, 84, 10  # pixels
_INK, _GREY, _FAINT = "#222222", "#767676", "#e2e2e2"
_SPAN = 12.0  # of results, from which on their axis is logarithmic


@dataclass(frozen=True)
class Row:
    """A condition as it is drawn: mean and interval of the metric, the mean alone where there is none."""

    name: str
    color: str
    mean: float
    low: float
    high: float

    @property
    def text(self) -> str:
        """`0.859 (0.841 to 0.877)`."""
        if not self.high > self.low:
            return number(self.mean, 4)
        middle, *ends = alike([self.mean, self.low, self.high], (self.high - self.low) / 40)
        return f"{middle} ({' to '.join(ends)})"


@dataclass(frozen=True)
class _Axis:
    """Where numbers stand between two ends, in pixels."""

    low: float
    high: float
    logarithmic: bool

    def place(self, value: float) -> int:
        low, high, own = (math.log(one) if self.logarithmic else one for one in (self.low, self.high, value))
        room = _WIDTH - 2 * (_EDGE + 12)
        return _EDGE + 12 + round(room * (own - low) / ((high - low) or 1.0))

    def ticks(self) -> list[float]:
        """Both ends and the middle."""
        middle = math.sqrt(self.low * self.high) if self.logarithmic else (self.low + self.high) / 2
        return [self.low, middle, self.high]

    def texts(self) -> list[str]:
        return alike(self.ticks(), (self.high - self.low) / 100)


def key(compared: Compared) -> str:
    """What MLflow calls the image, beside the intervals of the metric in numbers."""
    return f"test_interval/{compared.judge}"


def files(compared: Compared, colors: Sequence[str]) -> dict[str, bytes]:
    """What MLflow shows as a logged image, by path among the artifacts of a run; none without an interval.

    The paths are always the same, so that a later image takes the place of this one.

    Args:
        colors: of the summaries, `#rrggbb`.
    """
    found = rows(compared, colors)
    if not any(row.high > row.low for row in found):
        return {}
    image, start = draw(compared, found), f"images/{key(compared).replace('/', '~')}"
    kept = {"lossbench.png": ("PNG", {}), "lossbench+compressed.webp": ("WEBP", {"lossless": True})}
    return {
        f"{start}+step+0+timestamp+0+{name}": _bytes(image, kind, more) for name, (kind, more) in kept.items()
    }


def rows(compared: Compared, colors: Sequence[str]) -> list[Row]:
    """Those that have the judging metric, the best first."""
    name, metric = f"test/{compared.judge}", compared.metrics.get(compared.judge)
    found = [
        _row(one, compared.judge, color)
        for one, color in zip(compared.summaries, colors, strict=True)
        if name in one.metrics
    ]
    return sorted(found, key=lambda row: row.mean, reverse=metric is not None and metric.higher_is_better)


def _row(summary: Summary, judge: str, color: str) -> Row:
    mean = summary.metrics[f"test/{judge}"]
    low, high = (summary.metrics.get(f"test_interval/{judge}_{end}", mean) for end in ("low", "high"))
    return Row(summary.name, color, mean, low, high)


def draw(compared: Compared, found: Sequence[Row]) -> Any:
    """An image of Pillow, whose letters can be read in a small chart: for each row its name and numbers,
    below them a dot at the mean and a bar for the interval. It has its own light ground, and its axis begins
    where the results do."""
    from PIL import Image, ImageDraw, ImageFont

    font, shown = ImageFont.load_default(_LETTERS), found[:MOST]
    ends = [value for row in shown for value in (row.low, row.mean, row.high)]
    axis = _Axis(min(ends), max(ends), min(ends) > 0 and max(ends) > _SPAN * min(ends))
    title = _title(compared, axis, len(shown), len(found))
    below = _EDGE + _LINE * len(title) + _GAP
    bottom = below + _ROW * len(shown)
    image = Image.new("RGB", (_WIDTH, bottom + _LINE + _EDGE), "white")
    pen = ImageDraw.Draw(image)
    for nth, line in enumerate(title):
        pen.text((_EDGE, _EDGE + _LINE * nth), line, fill=_INK, font=font)
    for tick, text, anchor in zip(axis.ticks(), axis.texts(), ("la", "ma", "ra"), strict=True):
        pen.line((axis.place(tick), below, axis.place(tick), bottom), fill=_FAINT, width=2)
        pen.text((axis.place(tick), bottom + 6), text, fill=_GREY, font=font, anchor=anchor)
    for nth, row in enumerate(shown):
        y = below + _ROW * nth
        low, middle, high = (axis.place(value) for value in (row.low, row.mean, row.high))
        pen.text((_EDGE, y), row.name, fill=_INK, font=font)
        left = _WIDTH - _EDGE - int(font.getlength(row.text))
        pen.rectangle((left - 8, y, _WIDTH, y + _LINE), fill="white")  # of a name that is too long
        pen.text((left, y), row.text, fill=_INK, font=font)
        y += _LINE + (_ROW - _LINE) // 2 - 4
        pen.rectangle((low, y - 5, high, y + 5), fill=row.color)
        pen.ellipse((middle - 11, y - 11, middle + 11, y + 11), fill=row.color, outline=_INK, width=2)
    return image


def _title(compared: Compared, axis: _Axis, shown: int, count: int) -> list[str]:
    metric = compared.metrics.get(compared.judge)
    better = f"{metric.direction} is better" if metric else ""
    notes = [better, "log scale" * axis.logarithmic, f"{shown} of {count}" * (shown < count)]
    return [f"test/{compared.judge}, mean and 95% interval", ", ".join(filter(None, notes))]


def _bytes(image: Any, kind: str, more: dict[str, Any]) -> bytes:
    raw = io.BytesIO()
    image.save(raw, kind, **more)
    return raw.getvalue()
