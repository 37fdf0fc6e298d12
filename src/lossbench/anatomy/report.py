"""The report `experiment=anatomy`: each loss against its textbook property. Nothing is trained.

A verdict is `supported` where the measured number lies in the range that the sentence allows, else `refuted`;
there is no chance in it, so no p-value and no interval of confidence: `interval` is the range allowed.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lossbench.anatomy.properties import PROPERTIES, Property
from lossbench.counting import counted
from lossbench.report import page, rendering
from lossbench.report.record import check_recordable, record
from lossbench.report.write import replace_files
from lossbench.tracking import Store, resolve_uri

NAME = "anatomy"
QUESTION = "Does each loss do what its textbook says?"
CAPTIONS = {
    "shapes_error.png": "Losses of a number and their gradients, against the error.",
    "shapes_margin.png": "Losses of a score and their gradients, against the margin.",
    "shapes_probability.png": "Losses of a distribution, against the probability of the right class.",
    "shapes_contrastive.png": "Contrastive loss of equal and of different pairs, against their distance.",
    "shapes_triplet.png": "Triplet loss, against the difference of its two distances.",
}
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


def write(checked: Sequence[Checked], folder: Path, figures: Mapping[str, bytes]) -> str:
    """Write the folder; return the text for the report run in MLflow."""
    captions = {name: CAPTIONS.get(name, name) for name in figures}
    told = context(checked, captions)
    files: dict[str, bytes] = {
        **figures,
        "verdicts.json": (
            json.dumps([one.record() for one in checked], indent=2, allow_nan=False) + "\n"
        ).encode(),
        "results.csv": _table(checked).encode(),
        "README.md": rendering.rendered("page.md.j2", told).encode(),
    }
    files["report.html"] = rendering.rendered_html(told, files).encode()
    replace_files(folder, files)
    return rendering.rendered("summary.md.j2", told)


def context(checked: Sequence[Checked], captions: Mapping[str, str]) -> dict[str, Any]:
    """What the pages show."""
    refuted = [one.of.id for one in checked if one.verdict != "supported"]
    said = "none" if not refuted else ", ".join(refuted)
    return {
        **page.EMPTY,
        "name": NAME,
        "question": QUESTION,
        "advice": [f"{len(checked)} properties of nine losses; refuted: {said}."],
        "commands": [f"python -m lossbench.report experiment={NAME}"],
        "verdicts": [
            {
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
            for one in checked
        ],
        "verdict_heads": ["measured", "p", "points"],
        "verdict_note": _NOTE,
        "figures": captions,
    }


def _table(checked: Sequence[Checked]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "loss", "measured", "value", "low", "high", "points", "verdict"])
    for one in checked:
        of = one.of
        numbers = [f"{number:.6g}" for number in (one.value, of.low, of.high)]
        row = [of.id, of.loss, of.measured, *numbers, one.points, one.verdict]
        writer.writerow(row)
    return text.getvalue()


def main(uri: str | None, folder: Path | None, *, figures: bool, recorded: bool) -> None:
    """Check, print, and write the folder and the report run in MLflow as far as they are wanted.

    Args:
        uri: of the report run.
        folder: None writes no file and records nothing.
        figures: whether to draw them.
        recorded: whether to record the report run.
    """
    checked = check()
    if folder is None:
        show(checked)
        return
    address = resolve_uri(uri)
    if recorded:
        Store(address).prepare()
        check_recordable(address)
    images: dict[str, bytes] = {}
    if figures:
        from lossbench.anatomy.shapes import draw_shapes

        images = draw_shapes()
    summary = write(checked, folder, images)
    if recorded:
        record(address, NAME, folder, summary)
    # Last, so that a reader who has gone costs no file.
    show(checked)
    print(f"\n{folder}/README.md, report.html, results.csv, verdicts.json, {counted(len(images), 'figure')}")
