"""A baseline is judged as losses are, by what it predicts without having seen what is to be predicted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import f1_score, log_loss, mean_absolute_error, root_mean_squared_error

from lossbench._torchvision import mend
from lossbench.data.baseline import Baseline
from lossbench.data.cache import DataCache
from lossbench.data.corpus import CorpusSource
from lossbench.data.images import Images
from lossbench.data.outliers import Outliers
from lossbench.data.source import DataSet, DataSource, Examples
from lossbench.data.stream import Stream
from lossbench.data.table import Table
from lossbench.errors import InputError
from lossbench.pack.baselines import measured
from lossbench.task import WEIGHT, Prediction

SIZES: dict[str, Any] = {"train_size": 60, "val_size": 20, "test_size": 30}


def median(data: DataSet, examples: Examples) -> Prediction:
    return Prediction(value=data.train.targets["continuous"].median().expand(len(examples)))


@dataclass(frozen=True, kw_only=True)
class Middle(Outliers):
    offered: ClassVar[Mapping[str, Baseline]] = {"median": median}

    def baselines(self) -> Mapping[str, Baseline]:
        return self.offered


def of(source: DataSource, name: str, seed: int = 3) -> tuple[dict[str, float], DataSet]:
    data = DataCache().load(source, seed, source.reads[0])
    assert isinstance(data, DataSet)
    return measured(source, data, name), data


def test_metrics_are_those_of_the_test_examples_in_the_task_s_own_units() -> None:
    found, data = of(Middle(name="middle", contamination=0.2, **SIZES), "median")
    truth = data.test.targets["continuous"].numpy()
    guess = [float(data.train.targets["continuous"].median())] * len(truth)
    assert found["test/mae"] == pytest.approx(mean_absolute_error(truth, guess), rel=1e-12)
    assert found["test/rmse"] == pytest.approx(root_mean_squared_error(truth, guess), rel=1e-12)
    assert all(name.startswith("test/") for name in found)


def test_a_data_set_says_of_itself_that_it_has_none() -> None:
    assert Outliers(name="outliers", **SIZES).baselines() == {}


def frequencies(data: DataSet, examples: Examples) -> Prediction:
    """What an unknown letter costs is that of a count of one half."""
    size = data.description.targets[0].size
    seen, weight = data.train.targets["multiclass"], data.train.targets[WEIGHT]
    counts = torch.bincount(seen[weight > 0], minlength=size) + 0.5
    return Prediction(probabilities=(counts / counts.sum()).expand(len(examples), seen.shape[1], size))


@dataclass(frozen=True, kw_only=True)
class Letters(CorpusSource):
    def baselines(self) -> Mapping[str, Baseline]:
        return {"letter frequencies": frequencies}


def test_what_measures_keep_of_large_predictions_is_weighed_as_for_losses(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("to be or not to be, that is the question; " * 120 + "zyx")
    source = Letters(name="letters", path=str(tmp_path / "text.txt"), context=7)
    found, data = of(source, "letter frequencies")
    costs = []
    prediction = frequencies(data, data.test)["probabilities"][0, 0]
    for row, weights in zip(data.test.targets["multiclass"], data.test.targets[WEIGHT], strict=True):
        costs += [-math.log(prediction[token]) for token, weight in zip(row, weights, strict=True) if weight]
    assert len(data.test) > 64  # more than are kept at a time
    assert found["test/nll"] == pytest.approx(sum(costs) / len(costs), rel=1e-6)
    assert "test/accuracy" not in found  # which needs scores: nothing is invented


@dataclass(frozen=True, kw_only=True)
class Halves(Table):
    def baselines(self) -> Mapping[str, Baseline]:
        def first_column(data: DataSet, examples: Examples) -> Prediction:
            order = data.inputs[examples.rows][:, 0].sigmoid()
            both = torch.stack([1 - order, order], -1)
            return Prediction(scores=both.log(), probabilities=both)

        return {"first column": first_column}


def test_decisions_on_two_classes_are_at_the_thresholds_that_validation_chose(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = torch.randn(200).tolist()
    rows = [
        f"{value:.4f},{'yes' if value + 0.3 * (place % 5) > 1 else 'no'}" for place, value in enumerate(x)
    ]
    (tmp_path / "t.csv").write_text("\n".join(["x,y", *rows]))
    source = Halves(name="halves", path=str(tmp_path / "t.csv"), target="y")
    found, data = of(source, "first column")
    order = source.baselines()["first column"](data, data.test)["probabilities"][:, 1].double()
    truth = data.test.targets["binary"]
    plain = f1_score(truth, order > 0.5, average="macro")
    assert found["test/f1"] == pytest.approx(plain)
    assert found["test/f1_tuned"] > plain  # a column whose middle is no threshold
    assert found["test/nll"] == pytest.approx(log_loss(truth, order), rel=1e-6)


def test_the_mean_box_is_that_of_the_training_boxes_streamed_or_not(tmp_path: Path) -> None:
    mend()
    from torchvision.ops import box_iou

    lines = ["file,x1,y1,x2,y2"]
    for row in range(40):
        Image.fromarray(np.full((30, 50), row, dtype=np.uint8)).save(tmp_path / f"{row}.png")
        lines.append(f"{row}.png,{row % 7},{row % 5},{20 + row % 11},{18 + row % 9}")
    (tmp_path / "boxes.csv").write_text("\n".join(lines) + "\n")
    table = {"path": str(tmp_path / "boxes.csv"), "file": "file", "target": ("x1", "y1", "x2", "y2")}
    source = Images(name="images", size=(15, 25), stream=False, **table)
    found, data = of(source, "mean box")
    guess = data.train.targets["box"].mean(0, keepdim=True)
    overlaps = box_iou(guess, data.test.targets["box"])[0]
    assert found["test/mean_iou"] == pytest.approx(float(overlaps.mean()), rel=1e-12)
    streamed = replace(source, stream=True)
    read = DataCache().load(streamed, 3, "image")
    assert isinstance(read, Stream)
    assert measured(streamed, read, "mean box") == found
    classes = Images(name="images", path=table["path"], file="file", target=("x1",), task="class")
    assert classes.baselines() == {}


def peeking(data: DataSet, examples: Examples) -> Prediction:
    return Prediction(value=examples.targets["continuous"])


def raising(data: DataSet, examples: Examples) -> Prediction:
    raise ValueError("I am tired")


WRONG: dict[str, tuple[Callable[[DataSet, Examples], Any], str]] = {
    "peeking": (peeking, r"raised KeyError.* may not read targets of validation and test"),
    "raising": (raising, r"raised ValueError: I am tired"),
    "number": (lambda data, examples: 0.5, r"must return a lossbench.task.Prediction; it returned float"),
    "nothing": (lambda data, examples: Prediction(), r"must return a lossbench.task.Prediction"),
    "list": (lambda data, examples: Prediction(value=[0.5]), r"value of .* must be a torch.Tensor"),  # type: ignore[arg-type]
    "short": (lambda data, examples: Prediction(value=torch.zeros(3)), r"must be \(30\), .* got \(3,\)"),
    "whole": (lambda data, examples: Prediction(value=torch.zeros(30).long()), r"must be floats"),
    "nan": (lambda data, examples: Prediction(value=torch.full((30,), torch.nan)), r"30 of 30 value of"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_prediction_of_the_test_examples_is_refused_by_name(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    function, told = WRONG[name]
    monkeypatch.setattr(Middle, "offered", {name: function})
    with pytest.raises(InputError, match=rf"^data=middle: .*its baseline '{name}'.*{told}|{told}"):
        of(Middle(name="middle", **SIZES), name)
