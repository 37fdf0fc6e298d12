"""Figures of autoencoders: reconstructions, samples, and the plane of rate and distortion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from omegaconf import DictConfig

from lossbench.claims.claim import Experiment
from lossbench.report.figures import codes
from lossbench.tracking import read_runs
from lossbench.train import train_many
from lossbench.verdicts.build import build
from lossbench.verdicts.results import results

STORE = "sqlite:///mlflow.db"


def run(shade: int) -> dict[str, Any]:
    """Twenty images of 3 x 3 pixels: the first pixel of each says which it is."""
    pixels = np.full((20, 9), shade, dtype=np.uint8)
    pixels[:, 0] = np.arange(20)
    return {"target_pixels": pixels, "reconstruction": pixels + 1, "sample": pixels + 2}


def test_each_loss_has_a_row_below_the_images() -> None:
    runs = {"elbo": [run(10)], "iwae": [run(20)]}
    figure = codes.reconstructions(runs)
    assert len(figure.axes) == 3 * codes.SHOWN
    places = np.linspace(0, 19, codes.SHOWN).round().astype(int)
    for number, axes in enumerate(figure.axes):
        (image,) = axes.images
        row, column = divmod(number, codes.SHOWN)
        assert image.get_array()[0, 0] == places[column] + (row > 0)
        assert image.get_array()[2, 2] == (10, 11, 21)[row]
        assert image.get_clim() == (0, 255)
    assert [axes.get_ylabel() for axes in figure.axes[:: codes.SHOWN]] == ["image", "elbo", "iwae"]
    assert [axes.get_ylabel() for axes in codes.samples(runs).axes[:: codes.SHOWN]] == ["elbo", "iwae"]


def test_runs_that_do_not_say_how_they_binarise_have_grey_values() -> None:
    rows = pd.DataFrame({"data.binarize": ["dynamic", None]})
    words = codes.images_in_words(rows)
    assert "drawn anew in each batch (data.binarize=dynamic) or in grey values (data.binarize=none)" in words
    assert codes.images_in_words(rows[[]]) == "in grey values (data.binarize=none)"


@pytest.mark.usefixtures("stored")
def test_a_report_of_autoencoders_has_all_three_and_names_the_binarisation(
    composed: Callable[..., DictConfig], stored: Path
) -> None:
    what = (
        *("data=mnist_5k", "data.task=pixels", "data.binarize=static", "data.size=7", "data.train_size=40"),
        *("data.val_size=20", "data.test_size=30", "model=vae", "model.hidden=[8]", "model.latent=2"),
        *("model.draws=5", "trainer.max_epochs=2", "experiment.name=own", "tracking.predictions=true"),
        *("loss=elbo", "optimizer.lr=0.01", f"tracking.uri={STORE}"),
    )
    train_many([composed(*what, f"loss.beta={beta}") for beta in (0.5, 2, 10)], n_jobs=1)
    report = build(Experiment("own", judge="nll_iw", select="nll_iw"), read_runs(STORE, "own"))
    drawn = [*codes.plane(report, STORE), *codes.images_of_codes(report, STORE)]
    assert [one.name for one in drawn] == ["rate_distortion.svg", "reconstructions.png", "samples.png"]
    assert all("data.binarize=static" in one.caption for one in drawn)
    (axes,) = drawn[0].figure.axes
    large = {line.get_gid(): line.get_xydata()[0] for line in axes.lines if line.get_gid()}
    assert list(large) == ["elbo, beta 0.5", "elbo, beta 2", "elbo, beta 10"]
    for metric, place in (("rate", 0), ("distortion", 1)):
        told = results(report.chosen.sort_values("loss.beta"), f"test/{metric}")
        assert [point[place] for point in large.values()] == pytest.approx(told.tolist())
    labels = [own.get_ylabel() for own in drawn[1].figure.axes[:: codes.SHOWN]]
    assert labels == ["image", "elbo\nbeta 0.5", "elbo\nbeta 2", "elbo\nbeta 10"]
    first = drawn[1].figure.axes[0].images[0].get_array()
    assert first.shape == (7, 7)
    assert set(np.unique(first)) <= {0, 255}
