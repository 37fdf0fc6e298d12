"""Autoencoders: images that come back from their codes, images of new codes, and what codes cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lossbench.report.figures import seen
from lossbench.report.figures.drawn import Drawn, Parts, conditions, few, left_out
from lossbench.report.figures.looks import INK, looks, ordered
from lossbench.report.figures.stored import Runs, of_losses
from lossbench.report.figures.style import GREY, legend, lines_behind, name_y, only, painted, panels
from lossbench.verdicts.conditions import LOSS
from lossbench.verdicts.contenders import Contenders, slices
from lossbench.verdicts.results import results

if TYPE_CHECKING:
    from lossbench.verdicts.findings import Report

SHOWN = 10  # images
_COSTS = ("rate", "distortion")
_HOW = "data.binarize"
_WAYS = {
    "static": "in black and white, drawn once",
    "dynamic": "in black and white, for training drawn anew in each batch",
    "none": "in grey values",
}


def images_of_codes(report: Report, uri: str) -> Iterator[Drawn]:
    """What comes back of some test images, and samples, under the first condition."""
    own = Contenders.of(report.chosen, report.layout)
    found = slices(own.rows, own.layout.axes)
    for where, rows in few(found, 1):
        runs = of_losses(uri, rows, ("reconstruction", "sample", "target_pixels"), 1, whole=True)
        if not runs:
            continue
        runs = {loss: runs[loss] for loss in ordered(rows[LOSS]) if loss in runs}  # knobs in their order
        some, how = left_out([where], found), images_in_words(rows)
        text = f"Test images, {how}, and what the mean of each code gives back, first seed{some}."
        yield Drawn("reconstructions.png", reconstructions(runs, where), text, _returned(runs))
        text = f"Images of codes that the prior drew, the same in every row, first seed; trained {how}{some}."
        alt = f"Images in grey values, a row each: {', '.join(runs)}."
        yield Drawn("samples.png", samples(runs, where), text, alt)


def plane(report: Report, uri: str) -> Iterator[Drawn]:
    """Rate and distortion of every run, where runs have both."""
    rows = report.chosen.assign(**{name: results(report.chosen, f"test/{name}") for name in _COSTS})
    if rows[list(_COSTS)].notna().all(axis=1).sum() == 0:
        return
    own = Contenders.of(rows, report.layout)
    parts, some = conditions(own.rows, own.layout.axes)
    text = (
        "What the code tells (rate) and what an image costs where its code is known (distortion), in nats on "
        "test: a small sign is a seed, a large one their mean; along a grey line their sum, the negative "
        f"ELBO, is the same. Images {images_in_words(rows)}{some}."
    )
    figure = rate_and_distortion(parts, report.layout.losses)
    alt = " ".join(seen.means(f"Mean {name} in nats", parts, name) for name in _COSTS)
    yield Drawn("rate_distortion.svg", figure, text, alt)


def _returned(runs: Runs) -> str:
    """How far what comes back is from the images."""
    first = {loss: own[0] for loss, own in runs.items()}
    apart = {
        loss: float(np.abs(np.asarray(run["reconstruction"], float) - run["target_pixels"]).mean())
        for loss, run in first.items()
    }
    return f"Images above what comes back; mean difference of a pixel, of 255: {seen.numbers(apart, 2)}."


def images_in_words(rows: pd.DataFrame) -> str:
    """How pixels were made, by the knob of the data: runs that do not say have grey values."""
    known = rows[_HOW] if _HOW in rows else pd.Series("none", index=rows.index)
    ways = dict.fromkeys(known.fillna("none").astype(str))
    return " or ".join(f"{_WAYS.get(way, way)} ({_HOW}={way})" for way in ways)


@painted
def reconstructions(runs: Runs, where: str = "") -> Any:
    """Test images in the first row, below what each loss's first run gives back."""
    first = next(iter(runs.values()))[0]
    rows = [("image", first["target_pixels"])]
    rows += [(loss, runs[loss][0]["reconstruction"]) for loss in ordered(runs)]
    return _grid("Test images and their reconstructions", rows, where)


@painted
def samples(runs: Runs, where: str = "") -> Any:
    """Samples of each loss's first run, a row each."""
    rows = [(loss, runs[loss][0]["sample"]) for loss in ordered(runs)]
    return _grid("Samples: codes of the prior, decoded", rows, where)


def _grid(title: str, rows: Sequence[tuple[str, Any]], where: str) -> Any:
    """Pixels (N, side * side) of 0..255, the first of each row from left to right, evenly over the N."""
    count = len(rows[0][1])
    places = np.linspace(0, count - 1, min(SHOWN, count)).round().astype(int)
    figure, cells = panels(
        len(rows) * len(places), title, where=where, height=0.72, most=len(places), share="none", square=True
    )
    for number, axes in enumerate(cells):
        (name, pixels), column = rows[number // len(places)], number % len(places)
        own = np.asarray(pixels[places[column]])
        side = math.isqrt(own.size)
        axes.imshow(own.reshape(side, side), cmap="gray", vmin=0, vmax=255)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        if column == 0:
            label = name.replace(", ", "\n")
            axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8)
    return figure


@painted
def rate_and_distortion(parts: Parts, among: Sequence[str] = ()) -> Any:
    """A point for each run and a large one for the mean of each loss; one panel per condition.

    parts: rows with the columns loss.name, rate and distortion, one row per run.
    """
    figure, places = panels(
        len(parts), "Rate and distortion", where=only(parts), height=4.4 if len(parts) == 1 else 3.2
    )
    names = ordered(name for _, rows in parts for name in rows[LOSS])
    drawn_as = looks(names, among)
    for axes, (title, rows) in zip(places, parts, strict=True):
        for name in ordered(rows[LOSS]):
            own = rows.loc[rows[LOSS] == name, list(_COSTS)].dropna()
            if own.empty:
                continue
            look = {**drawn_as[name].kwargs(), "linestyle": "none"}
            axes.plot(own["rate"], own["distortion"], **{**look, "markersize": 3, "alpha": 0.5})
            mean = own.mean()
            axes.plot(mean["rate"], mean["distortion"], gid=name, **{**look, "markersize": 9})
        _equal_sums(axes, rows)
        axes.set_title(title if len(parts) > 1 else "", loc="left")
        axes.set_xlabel("rate (nats)", color=INK)
        lines_behind(axes, "both")
    name_y(figure, places, "distortion (nats)")
    legend(figure, {name: replace(one, line="none") for name, one in drawn_as.items()})
    return figure


def _equal_sums(axes: Any, rows: pd.DataFrame) -> None:
    """Lines along which rate and distortion have one sum, behind what is there."""
    axes.autoscale_view()
    axes.autoscale(False)
    total = (rows["rate"] + rows["distortion"]).dropna()
    for level in np.linspace(total.min(), total.max(), 4):
        axes.axline((0, level), slope=-1, color=GREY, linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
