"""Embeddings: whether pairs of one person are closer than others, and a map of them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from lossbench.report.figures.looks import looks, ordered
from lossbench.report.figures.stored import Runs, class_names, labels
from lossbench.report.figures.style import GREY, lines_behind, painted, panels
from lossbench.verdicts.predictions import Arrays

_FALSE = np.geomspace(1e-3, 1.0, 61)
_MOST_POINTS = 500
_MOST_CLASSES = 12
_LINE = 120  # letters below the panels
# Tableau's ten: classes are told apart by their digit or letter, colour only helps.
_CLASSES = (
    *("#4e79a7", "#c85b00", "#3f7f37", "#b22b2e", "#7b5a95", "#7a5a46"),
    *("#b0568b", "#555555", "#8a8a00", "#168a96", "#222222", "#a08020"),
)
_SIGNS = "0123456789ABCDEFGHIJ"


@painted
def face_roc(runs: Runs, where: str = "", among: Sequence[str] = ()) -> Any:
    """ROC of all pairs by `embedding` and `target_identity`, mean over seeds, false matches on a log axis.

    Without bands: those of six losses lie on one another, and the tables hold the spread.
    among: all losses of the report.
    """
    drawn_as = looks(ordered(runs), among)
    title = "Same person or not: ROC over all pairs of unseen people"
    figure, (axes,) = panels(1, title, where=where, height=4.4)
    ends = []
    for loss in ordered(runs):
        curves, areas = zip(*(pair_curve(run) for run in runs[loss]), strict=True)
        name = f"{loss}, AUC {np.mean(areas):.3f}"
        axes.plot(_FALSE, np.mean(curves, axis=0), label=name, markevery=(4, 12), **drawn_as[loss].kwargs())
        ends.append((loss, float(np.mean(areas))))
    axes.plot(_FALSE, _FALSE, color=GREY, linewidth=0.9, gid="chance", label="chance")
    axes.set_xscale("log")
    axes.set_xlim(_FALSE[0], 1)
    axes.set_ylim(0, 1.01)
    axes.set_xticks([0.001, 0.01, 0.1, 1], ["0.1%", "1%", "10%", "100%"])
    axes.set_xlabel("pairs of two people that are accepted (log scale)")
    axes.set_ylabel("pairs of one person that are accepted")
    lines_behind(axes, "both")
    handles, names = axes.get_legend_handles_labels()
    best = [*np.argsort([-area for _, area in ends]), len(ends)]  # chance is drawn last
    shown = [handles[i] for i in best], [names[i] for i in best]
    axes.legend(*shown, loc="center left", bbox_to_anchor=(1.02, 0.5), handlelength=3.2)
    return figure


def pair_curve(run: Arrays) -> tuple[Any, float]:
    """The true rate at each of the false rates drawn, and the area below the whole curve."""
    from sklearn.metrics import roc_auc_score, roc_curve

    embedding = unit(run["embedding"])
    first, second = np.triu_indices(len(embedding), k=1)
    same = labels(run)[first] == labels(run)[second]
    closeness = (embedding @ embedding.T)[first, second].round(9)
    false, true, _ = roc_curve(same, closeness)
    return np.interp(_FALSE, false, true), float(roc_auc_score(same, closeness))


def mean_area(runs: Sequence[Arrays]) -> float:
    """Below the curves of the runs."""
    return float(np.mean([pair_curve(run)[1] for run in runs]))


def between(runs: Sequence[Arrays]) -> float:
    """Share of the first run's spread on the map, in 0..1, that lies between the middles of its classes."""
    points, classes = flat(runs[0]), labels(runs[0])
    middles = {one: points[classes == one].mean(axis=0) for one in np.unique(classes)}
    within = np.square(points - np.array([middles[one] for one in classes])).sum()
    return float(1 - within / (np.square(points - points.mean(axis=0)).sum() or 1.0))


def unit(embedding: Any) -> Any:
    """Rows of length 1; a zero row stays."""
    rows = np.asarray(embedding, float)
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)


@painted
def embedding_map(runs: Runs, where: str = "") -> Any:
    """Test embeddings of one seed on the unit sphere, flattened by PCA: a panel per loss."""
    losses = ordered(runs)
    first = next(iter(runs.values()))[0]
    names = class_names(first)
    two = names is not None and len(names) == 2
    known = np.unique(labels(first))[:_MOST_CLASSES]
    signs = {one: "-+"[one] if two else _SIGNS[place] for place, one in enumerate(known)}
    told = f"{names[0]} (-), {names[1]} (+)" if names and two else "one sign per class"
    columns = min(len(losses), 3)
    figure, places = panels(
        len(losses),
        f"Map of test embeddings, {told}",
        where=where,
        height={1: 5.5, 2: 3.9}.get(columns, 2.65),
        most=columns,
        share="none",
        square=True,
    )
    for axes, loss in zip(places, losses, strict=True):
        run = runs[loss][0]
        points, classes = flat(run), labels(run)
        for place, one in enumerate(known):
            own = points[classes == one][: _MOST_POINTS // len(known)]
            axes.plot(
                own[:, 0],
                own[:, 1],
                linestyle="none",
                marker=f"${signs[one]}$",
                markersize=4.5,
                markeredgewidth=0.2,
                color=_CLASSES[place],
            )
        axes.set_title(loss, loc="left")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set(visible=True, color="#cccccc")
    if names and not two:
        legend = ", ".join(f"{sign} {names[one]}" for one, sign in signs.items())
        figure.supxlabel(textwrap.fill(legend, _LINE), fontsize=9)
    return figure


def flat(run: Arrays) -> Any:
    """PCA of the embeddings on the unit sphere: (N, 2)."""
    from sklearn.decomposition import PCA

    embedding = unit(run["embedding"])
    if embedding.shape[1] < 2:
        return np.column_stack([embedding, np.zeros(len(embedding))])
    return PCA(2, svd_solver="full").fit_transform(embedding)
