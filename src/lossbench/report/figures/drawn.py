"""What every part of the gallery needs: a figure with its caption, and the conditions it has room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lossbench.verdicts.conditions import Layout
from lossbench.verdicts.contenders import slices

MOST_PANELS = 8

Parts = list[tuple[str, pd.DataFrame]]
"""Conditions: a title in words and the rows of each."""


@dataclass(frozen=True)
class Drawn:
    """A figure by its file name, and what it shows in one sentence."""

    name: str
    figure: Any
    caption: str


def few(found: Parts, most: int = MOST_PANELS) -> Parts:
    """At most so many conditions, evenly spread, the first and the last among them."""
    if len(found) <= most:
        return found
    places = np.linspace(0, len(found) - 1, most).round().astype(int) if most > 1 else [0]
    return [found[place] for place in places]


def conditions(layout: Layout, rows: pd.DataFrame, most: int = MOST_PANELS) -> Parts:
    """The rows of each condition apart from what competes, as many as there is room for."""
    return few(slices(rows, layout.axes), most)


def left_out(shown: int, found: int) -> str:
    """What a caption says where conditions had no room."""
    return f" ({shown} of {found} conditions)" if shown < found else ""


def with_places(caption: str, layout: Layout, rows: pd.DataFrame, shown: Sequence[Any]) -> str:
    """A caption that says how many of the rows' conditions are shown, where some are not."""
    told = left_out(len(shown), len(slices(rows, layout.axes)))
    return f"{caption.removesuffix('.')}{told}."
