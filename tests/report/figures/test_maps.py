"""Maps of what is predicted at each pixel: put together where examples are parts of one picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import DictConfig

from lossbench.claims.claim import Experiment
from lossbench.data.mosaic import Mosaic
from lossbench.data.source import DataSet, DataSource
from lossbench.report.figures import maps
from lossbench.report.figures.predicted import predicted_maps
from lossbench.seeds import numpy_generator
from lossbench.task import InputKind, Inputs, Target
from lossbench.tracking import read_runs
from lossbench.train import train_many
from lossbench.verdicts.build import build

STORE = "sqlite:///mlflow.db"
CORNERS = np.array([[0, 0], [0, 4], [2, 4], [2, 8]])
MOSAIC = Mosaic(np.zeros((4, 12, 3)), CORNERS)


def run(*examples: int, value: float = 1.0, known: float = 1.0) -> dict[str, Any]:
    """Parts of 2 x 4 pixels, the first pixel of each of which may not be known."""
    shape = (len(examples), 2, 4)
    weight = np.ones(shape)
    weight[:, 0, 0] = known
    truth = np.broadcast_to(np.array(examples, float)[:, None, None], shape)
    return {
        "value": truth + value,
        "target_continuous": truth,
        "target_weight": weight,
        "example_id": np.array(examples),
    }


class TestMaps:
    def test_parts_lie_where_they_were_cut_out(self) -> None:
        found = maps.assembled({"mse": [run(0, 3)], "mae": [run(0, 3, value=2.0)]}, MOSAIC)
        expected = np.full((4, 12), np.nan)
        expected[:2, :4], expected[2:, 8:] = 0, 3
        np.testing.assert_array_equal(found.truth, expected)
        assert list(found.predicted) == ["mse", "mae"]
        np.testing.assert_array_equal(found.predicted["mae"], expected + 2)

    def test_what_several_runs_were_tested_on_is_of_the_first(self) -> None:
        found = maps.assembled({"mse": [run(1, value=1.0), run(1, 2, value=5.0)]}, MOSAIC)
        np.testing.assert_array_equal(found.predicted["mse"][:2, 4:8], 2)
        np.testing.assert_array_equal(found.predicted["mse"][2:, 4:8], 7)

    def test_what_is_not_known_has_no_truth(self) -> None:
        found = maps.assembled({"mse": [run(1, known=0.0)]}, MOSAIC)
        assert np.isnan(found.truth[0, 4])
        assert found.truth[0, 5] == found.truth[1, 4] == 1
        assert found.predicted["mse"][0, 4] == 2

    def test_one_picture_has_a_panel_each_and_several_a_row_each(self) -> None:
        runs = {"mse": [run(0, 1, 2)], "mae": [run(0, 1, 2)]}
        whole = maps.drawn([maps.assembled(runs, MOSAIC)])
        titles = ["image", "truth", "mse", "mae"]
        assert [axes.get_title() for axes in whole.axes[:4]] == titles
        rows = maps.drawn([maps.of_one(runs, place, np.zeros((2, 4))) for place in range(3)])
        assert [axes.get_title() for axes in rows.axes[:12]] == [*titles, *[""] * 8]
        assert rows.axes[12].get_ylabel() == "target"  # the bar of colours
        limits = {axes.images[-1].get_clim() for axes in (*rows.axes[1:4], *rows.axes[5:8])}
        assert len(limits) == 1


@dataclass(frozen=True, kw_only=True)
class Slopes(DataSource):
    """Images whose brightness is the target of each pixel."""

    reads = ("image",)
    judged_by = ("continuous",)
    select = "mae"
    name: str = "slopes"

    def targets(self) -> tuple[Target, ...]:
        return (Target("continuous", shape=(8, 10)),)

    def load(self, seed: int, reads: InputKind) -> DataSet:
        import torch

        images = torch.from_numpy(numpy_generator(0, "slopes").random((30, 1, 8, 10), dtype=np.float32))
        targets: Mapping[str, Any] = {"continuous": 3 + images[:, 0].double()}
        return self.data_set(
            Inputs("image", (1, 8, 10)), images, targets, torch.arange(30).split(10), "drawn"
        )


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"_target_": f"{__name__}.Slopes", "name": "slopes"}, "3 images of the first seed's test"),
        ("depth", "The picture that all examples are cut out of"),
    ],
    ids=["images of one's own", "a mosaic"],
)
def test_a_report_shows_maps_of_targets_at_pixels(
    stored: Path, composed: Callable[..., DictConfig], data: Any, text: str
) -> None:
    what = ("model=unet", "model.channels=[2,2]", "trainer.max_epochs=1", "experiment.name=own")
    lines = (*what, "tracking.predictions=true", f"tracking.uri={STORE}", "optimizer.lr=0.001")
    configs = [
        composed(*lines, "data=depth", f"loss={loss}", f"seed={s}") for loss in ("mse", "mae") for s in (0, 1)
    ]
    if not isinstance(data, str):
        for config in configs:
            config.data = data
    train_many(configs, n_jobs=1)
    report = build(Experiment("own", judge="mae", select="mae"), read_runs(STORE, "own"))
    (shown,) = predicted_maps(report, STORE)
    assert shown.name == "maps.png"
    assert shown.caption.startswith(text)


def test_values_without_pixels_have_no_map(stored: Path, composed: Callable[..., DictConfig]) -> None:
    lines = ("model=linear", "trainer.max_epochs=1", "experiment.name=own", "tracking.predictions=true")
    train_many([composed(*lines, f"tracking.uri={STORE}", "optimizer.lr=0.001")], n_jobs=1)
    report = build(Experiment("own", judge="mae", select="mae"), read_runs(STORE, "own"))
    assert list(predicted_maps(report, STORE)) == []
