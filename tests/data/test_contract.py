"""A data set that is not what it says is refused in a sentence that names what is wrong, before it trains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from lossbench.data.cache import DataCache
from lossbench.data.contract import check_source
from lossbench.data.source import DataSet, DataSource, Description, Examples
from lossbench.errors import InputError
from lossbench.metrics.measure import Measure, Metric
from lossbench.task import InputKind, Inputs, Target, TargetKind, Units

ROWS = 30


@dataclass(frozen=True, kw_only=True)
class Mine(DataSource):
    """A user's data set of three classes, with a number and a distribution beside each."""

    name: str = "mine"
    reads = ("vector",)
    judged_by = ("classes",)
    select = "accuracy"
    spoil: Callable[[DataSet], DataSet] = lambda data: data

    def targets(self) -> tuple[Target, ...]:
        return (
            Target("multiclass", 3),
            Target("continuous"),
            Target("distribution", 2, (0.0, 1.0)),
            Target("identity", 3),
        )

    def fingerprint(self, seed: int) -> str:
        return "mine"

    def load(self, seed: int, reads: InputKind) -> DataSet:
        inputs = torch.randn(ROWS, 4, generator=torch.Generator().manual_seed(seed))
        parts = {name: _part(start) for name, start in (("train", 0), ("val", 10), ("test", 20))}
        description = Description("mine", Inputs(reads, (4,)), self.targets(), {}, "me", "mine")
        return self.spoil(DataSet(description, inputs, **parts))


def _part(start: int) -> Examples:
    rows = torch.arange(start, start + 10)
    return Examples(
        rows,
        {
            "multiclass": rows % 3,
            "continuous": rows.float(),
            "distribution": torch.full((10, 2), 0.5),
            "identity": rows % 3 if start == 0 else rows,
        },
    )


def inputs(change: Callable[[Tensor], object]) -> Callable[[DataSet], DataSet]:
    return lambda data: replace(data, inputs=change(data.inputs))


def rows(change: Callable[[Tensor], Tensor], split: str = "test") -> Callable[[DataSet], DataSet]:
    return lambda data: replace(data, **{split: replace(getattr(data, split), rows=change(data.test.rows))})


def labels(
    kind: TargetKind, change: Callable[[Tensor], object], split: str = "train"
) -> Callable[[DataSet], DataSet]:
    def spoil(data: DataSet) -> DataSet:
        part = getattr(data, split)
        return replace(
            data, **{split: replace(part, targets={**part.targets, kind: change(part.targets[kind])})}
        )

    return spoil


def missing(values: Tensor) -> Tensor:
    spoilt = values.clone()
    spoilt.view(-1)[min(17, values.numel() - 1)] = float("nan")
    return spoilt


def twice(data: DataSet) -> DataSet:
    copied = torch.cat([data.inputs, data.inputs[data.train.rows]])
    return replace(data, inputs=copied, test=replace(data.test, rows=torch.arange(ROWS, ROWS + 10)))


def renamed(data: DataSet) -> DataSet:
    others = {kind: values for kind, values in data.val.targets.items() if kind != "multiclass"}
    return replace(data, val=replace(data.val, targets={**others, "labels": data.val.targets["multiclass"]}))


REFUSED: dict[str, tuple[Callable[[DataSet], DataSet], str]] = {
    "numpy inputs": (inputs(lambda x: x.numpy()), r"inputs must be a torch\.Tensor.*got numpy\.ndarray"),
    "float64 features": (
        inputs(lambda x: x.double()),
        r"must be torch\.float32; got torch\.float64.*float\(\)",
    ),
    "nan inputs": (inputs(missing), r"1 of 30 inputs hold nan or an infinite number, the first is number 4"),
    "another shape": (inputs(lambda x: x[:, :3]), r"says inputs of shape \(4,\), they are \(3,\)"),
    "rows out of range": (rows(lambda x: x + 5), r"rows of test must be 0 to 29.*got 25 to 34"),
    "rows as floats": (rows(lambda x: x.float()), r"rows of test must be int64"),
    "an empty split": (rows(lambda x: x[:0]), r"the test split is empty"),
    "test equal to training": (rows(lambda x: x - 20), r"10 of 10 examples of test are examples of train"),
    "a copy of training": (twice, r"10 of 10 examples of test are examples of train"),
    "validation in training": (
        rows(lambda x: x - 15, "val"),
        r"5 of 10 examples of val are examples of train",
    ),
    "a wrong key": (renamed, r"declares .*multiclass, the val split holds .*labels"),
    "far numbers in single precision": (
        labels("continuous", lambda y: (100 * y.double() + 1.7e9).float()),
        r"continuous targets of train differ by .* and are known to 203 in torch\.float32.*float64",
    ),
    "1-based labels": (labels("multiclass", lambda y: y + 1), r"must be 0 to 2; got 1 to 3; count from 0"),
    "1-based people": (labels("identity", lambda y: y + 1), r"identity targets of train must be 0 to 2"),
    "float labels": (
        labels("multiclass", lambda y: y.float()),
        r"must be int64; got torch\.float32.*long\(\)",
    ),
    "numpy labels": (
        labels("multiclass", Tensor.numpy),
        r"multiclass targets of train must be a torch",
    ),
    "a column of labels": (labels("multiclass", lambda y: y[:, None]), r"must be \(10,\).*got \(10, 1\)"),
    "too few labels": (
        labels("multiclass", lambda y: y[:9], "val"),
        r"targets of val must be \(10,\).*got \(9,\)",
    ),
    "whole numbers to predict": (
        labels("continuous", lambda y: y.long()),
        r"must be floats; got torch\.int64",
    ),
    "a missing number": (
        labels("continuous", missing),
        r"1 of 10 continuous targets of train hold nan",
    ),
    "no shares": (labels("distribution", lambda y: y * 3), r"must be shares of 0 or more that add up to 1"),
    "groups of every row": (
        lambda data: replace(data, test=replace(data.test, groups=torch.arange(ROWS))),
        r"groups of test must be int64 \(10,\), one for each row; got torch\.int64 \(30,\)",
    ),
    "ids as floats": (
        lambda data: replace(data, test=replace(data.test, ids=data.test.rows.float())),
        r"ids of test must be int64",
    ),
    "no scale": (lambda data: replace(data, units={"continuous": Units(0.0, 0.0)}), r"the scale above 0"),
    "a logarithm of what is not above 0": (
        lambda data: replace(data, units={"continuous": Units(log=True)}),
        r"the logarithm of continuous, whose least value is -?[\d.]+: all must be above 0",
    ),
    "units of nothing": (lambda data: replace(data, units={"box": Units()}), r"units are given for box"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_a_source_loads_is_checked_where_it_comes_in(fault: str) -> None:
    spoil, sentence = REFUSED[fault]
    with pytest.raises(InputError, match=f"^data=mine: .*{sentence}"):
        DataCache().load(Mine(spoil=spoil), 0, "vector")


@pytest.mark.parametrize(
    ("box", "size", "sentence"),
    [
        ([0.0, 0.0, 2.0, 1.0], 3, r"a box has four numbers: declare Target\('box', size=4\), not size=3"),
        ([0.0, 0.0, 2.0], 4, r"box targets of train must be \(10, 4\), .*got \(10, 3\)"),
        ([1, 0, 2, 1], 4, r"box targets of train must be floats"),
        ([1.0, 0.0, 1.0, 1.0], 4, r"10 of 10 box targets of train have no inside, the first is number 0"),
        ([0.0, 3.0, 2.0, 1.0], 4, r"each is x1, y1, x2, y2 with x1 below x2 and y1 below y2"),
        ([0.0, 0.0, float("nan"), 1.0], 4, r"10 of 10 box targets of train hold nan"),
    ],
)
def test_boxes_that_are_none_are_refused(
    box: list[float], size: int, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Mine, "judged_by", ("boxes",))
    monkeypatch.setattr(Mine, "select", "mean_iou")
    monkeypatch.setattr(Mine, "targets", lambda self: (Target("box", size),))

    def boxed(data: DataSet) -> DataSet:
        parts = {
            part: replace(getattr(data, part), targets={"box": torch.tensor([box] * 10)})
            for part in ("train", "val", "test")
        }
        return replace(data, **parts)

    with pytest.raises(InputError, match=f"^data=mine: .*{sentence}"):
        DataCache().load(Mine(spoil=boxed), 0, "vector")


@pytest.mark.parametrize(
    ("targets", "rows", "sentence"),
    [
        ({}, {"train": range(9), "val": range(9, 12)}, "rows lacks test: it holds train, val"),
        ({}, [range(9), range(9, 12)], "rows must be those of train, val and test; got 2 parts"),
        ({}, [range(9), range(9, 12), range(12, 40)], "rows of test must be 0 to 29.*got 12 to 39"),
        ({}, [[0.5], range(9, 12), range(12, 30)], "rows of train must be int64"),
        ({"weight": torch.ones(9)}, [range(9)] * 3, "weight among the targets must be 30, .*; got 9"),
        ({"multiclass": [1, 2]}, [range(9)] * 3, "multiclass among the targets must be a torch.Tensor"),
    ],
)
def test_tensors_that_cannot_be_cut_are_refused(targets: Any, rows: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=f"^data=mine: {sentence}"):
        Mine().data_set(Inputs("vector", (4,)), torch.ones(ROWS, 4), targets, rows, "me")


def test_rows_may_be_given_by_name() -> None:
    rows = {"test": torch.arange(20, ROWS), "train": torch.arange(10), "val": torch.arange(10, 20)}
    targets = {"multiclass": torch.arange(ROWS)}
    data = Mine().data_set(Inputs("vector", (4,)), torch.ones(ROWS, 4), targets, rows, "me")
    assert data.test.targets["multiclass"].tolist() == list(range(20, ROWS))
    assert data.description.sizes == {"train": 10, "val": 10, "test": 10}


def test_a_data_set_that_keeps_the_contract_comes_in() -> None:
    assert len(DataCache().load(Mine(), 0, "vector").train) == 10


def weighed(data: DataSet) -> DataSet:
    """With weights in every split."""
    splits = {}
    for name in ("train", "val", "test"):
        part = getattr(data, name)
        splits[name] = replace(part, targets={**part.targets, "weight": torch.ones(10)})
    return replace(data, **splits)


def test_weights_are_read_by_every_measure_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "weight" in DataCache().load(Mine(spoil=weighed), 0, "vector").val.targets
    monkeypatch.setattr(Mine, "judged_by", ("classes", "identities"))
    told = "^data=mine: its examples have weights, which the measure of verification_auc, .* does not"
    with pytest.raises(InputError, match=told):
        DataCache().load(Mine(spoil=weighed), 0, "vector")


BOXES = Measure((Metric("iou", "boxes", True, "overlap, 0 to 1"),), ("value",), ("box",), "my_boxes:iou")


def test_a_measure_that_reads_what_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mine, "judged_by", ("classes", BOXES))
    assert list(Mine().described)[-1] == "iou"
    told = "^data=mine: the measure of iou reads box, and its targets are continuous, distribution, identity"
    with pytest.raises(InputError, match=told):
        DataCache().load(Mine(), 0, "vector")


def test_a_family_judges_by_what_the_data_offers() -> None:
    assert {measure.fields for measure in Mine().measures} == {("multiclass",)}
    scored = ["accuracy", "f1", "auroc", "balanced_accuracy", "average_precision", "mcc"]
    assert list(Mine().described) == [*scored, "nll", "brier", "ece"]


@pytest.mark.parametrize(
    ("part", "words", "sentence"),
    [
        ("select", "acuracy", r"Mine\.select names 'acuracy' \(did you mean 'accuracy'\?"),
        ("select", "mae", r"Mine\.select names 'mae' \(.*known: accuracy, auroc, average_precision"),
        ("judged_by", ("class",), r"Mine\.judged_by names 'class' \(did you mean 'classes'\?"),
        ("noise_knobs", ("noise",), r"Mine\.noise_knobs names 'noise'"),
    ],
)
def test_a_word_that_nobody_knows_is_refused_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch, part: str, words: object, sentence: str
) -> None:
    monkeypatch.setattr(Mine, part, words)
    with pytest.raises(InputError, match=f"^data=mine: {sentence}"):
        check_source(Mine())
