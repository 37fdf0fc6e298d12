"""The report `experiment=anatomy`: each loss against its textbook property. Nothing is trained.

A verdict is `supported` where the measured number lies in the range that the sentence allows, else `refuted`;
there is no chance in it, so no p-value and no interval of confidence: `interval` is the range allowed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lossbench.anatomy.properties import PROPERTIES, Property
from lossbench.config.naming import ANATOMY
from lossbench.report import page, rendering
from lossbench.report.picture import Pictures, contents
from lossbench.report.record import check_recordable, record
from lossbench.report.write import pages, replace_files, written
from lossbench.tracking import Store, resolve_uri

QUESTION = "Does each loss do what its textbook says?"
_NOTE = (
    "Measured in double precision by the functions that training uses, gradients by autograd. A sentence is "
    "`supported` where the measured number lies in the range that it allows; no chance is involved, so there "
    "is no p-value."
)


@dataclass(frozen=True)
class Checked:
    """A property and what was measured of it at so many points."""

    of: Property
    value: float
    points: int

    @property
    def verdict(self) -> str:
        """Whether the sentence holds; a number that is not finite refutes it."""
        holds = math.isfinite(self.value) and self.of.low <= self.value <= self.of.high
        return "supported" if holds else "refuted"

    def record(self) -> dict[str, Any]:
        """As `verdicts.json` holds it, with the keys of the other experiments."""
        high = self.of.high
        return {
            "id": self.of.id,
            "sentence": self.of.sentence,
            "source": self.of.source,
            "verdict": self.verdict,
            "estimate": self.value,
            "p": None,
            "interval": [self.of.low, high if math.isfinite(high) else None],
            "n": self.points,
            "metric": self.of.measured,
            "loss": self.of.loss,
        }


def check(properties: Sequence[Property] = PROPERTIES) -> list[Checked]:
    """Measure every property; seconds."""
    found = [(one, one.measure()) for one in properties]
    return [Checked(one, measured.value, measured.points) for one, measured in found]


def allowed(of: Property) -> str:
    """The range in words."""
    if math.isinf(of.high):
        return f"at least {of.low:g}"
    return f"at most {of.high:g}" if of.low == 0 and of.high > 0 else f"{of.low:g} to {of.high:g}"


def show(checked: Sequence[Checked]) -> None:
    """Print the verdicts."""
    from rich import box
    from rich.table import Table

    from lossbench.report.terminal import plain_console

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for head in ("verdict", "loss"):
        grid.add_column(head, no_wrap=True)
    grid.add_column("property", ratio=1)
    grid.add_column("measured", justify="right", no_wrap=True)
    for one in checked:
        grid.add_row(one.verdict, one.of.loss, one.of.sentence, f"{one.value:.2g}")
    plain_console().print(grid)


def write(checked: Sequence[Checked], folder: Path, figures: Pictures) -> str:
    """Write the folder; return the text for the report run in MLflow."""
    told = context(checked, figures)
    records = [one.record() for one in checked]
    readme = rendering.rendered("page.md.j2", told)
    files = pages(readme, rendering.rendered_html(told), _table(checked), records)
    replace_files(folder, {**contents(figures), **files})
    return rendering.rendered("summary.md.j2", told)


def shown(one: Checked) -> dict[str, Any]:
    """A row of the verdicts on a page."""
    return {
        "id": one.of.id,
        "verdict": one.verdict,
        "sentence": one.of.sentence,
        "source": f"{one.of.loss}; {one.of.source}",
        "rule": f"{one.of.measured}: {allowed(one.of)}",
        "difference": f"{one.value:.2g}",
        "repeated": "",
        "p": "-",
        "n": one.points,
        "note": "",
        "beside": "",
    }


def context(checked: Sequence[Checked], figures: Pictures) -> dict[str, Any]:
    """What the pages show."""
    refuted = ", ".join(one.of.id for one in checked if one.verdict != "supported")
    losses = len({one.of.loss for one in checked})
    return {
        **page.EMPTY,
        "name": ANATOMY,
        "question": QUESTION,
        "advice": [f"{len(checked)} properties of {losses} losses; refuted: {refuted or 'none'}."],
        "commands": [f"python -m lossbench.report experiment={ANATOMY}"],
        "verdicts": [shown(one) for one in checked],
        "verdict_heads": ["measured", "p", "points"],
        "verdict_note": _NOTE,
        "figures": figures,
    }


def _table(checked: Sequence[Checked]) -> pd.DataFrame:
    rows = [
        (one.of.id, one.of.loss, one.of.measured, one.value, one.of.low, one.of.high, one.points, one.verdict)
        for one in checked
    ]
    return pd.DataFrame(rows, columns=["id", "loss", "measured", "value", "low", "high", "points", "verdict"])


def main(uri: str | None, folder: Path | None, *, figures: bool, recorded: bool) -> None:
    """Check, print, and write the folder and the report run in MLflow as far as they are wanted; without a
    folder nothing is written or recorded."""
    checked = check()
    if folder is None:
        show(checked)
        return
    address = resolve_uri(uri)
    if recorded:
        Store(address).prepare()
        check_recordable(address)
    images: Pictures = {}
    if figures:
        from lossbench.anatomy.shapes import draw_shapes

        images = draw_shapes()
    summary = write(checked, folder, images)
    if recorded:
        record(address, ANATOMY, folder, summary)
    # Last, so that a reader who has gone costs no file.
    show(checked)
    print(written(folder, images))
