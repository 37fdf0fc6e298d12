"""What every part of the gallery needs: a figure with its caption, and the conditions it has room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lossbench.report.figures.style import SHADES
from lossbench.verdicts.contenders import slices

MOST_PANELS = 8

Parts = Sequence[tuple[str, pd.DataFrame]]
"""Conditions: a title in words and the rows of each."""


@dataclass(frozen=True)
class Drawn:
    """A figure by its file name; how to read it, in one sentence; what is seen in it; and how many colours
    its PNG has."""

    name: str
    figure: Any
    caption: str
    alt: str
    shades: int = SHADES


def few(found: Parts, most: int = MOST_PANELS) -> Parts:
    """At most so many conditions, evenly spread, the first and the last among them."""
    if len(found) <= most:
        return found
    return [found[place] for place in np.linspace(0, len(found) - 1, most).round().astype(int)]


def left_out(shown: Sequence[Any], found: Sequence[Any]) -> str:
    """What a caption says where some conditions are not shown."""
    return f" ({len(shown)} of {len(found)} conditions)" if len(shown) < len(found) else ""


def conditions(rows: pd.DataFrame, axes: Sequence[str]) -> tuple[Parts, str]:
    """The rows of each condition, as many as there is room for, and what a caption says of the others."""
    found = slices(rows, axes)
    parts = few(found)
    return parts, left_out(parts, found)
