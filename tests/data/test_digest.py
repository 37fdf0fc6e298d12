"""What was loaded is told apart by all that it holds, and is made of whole tensors in one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch

from lossbench.data.cache import DataCache
from lossbench.data.digest import digest
from lossbench.data.source import DataSet, DataSource, Examples
from lossbench.errors import InputError
from lossbench.task import Inputs, Target, Units


@dataclass(frozen=True, kw_only=True)
class Drawn(DataSource):
    """A user's data set that says nothing of its fingerprint."""

    name: str = "drawn"
    reads = ("vector",)
    judged_by = ("continuous",)
    select = "mae"
    spoilt: bool = False

    def targets(self) -> tuple[Target, ...]:
        return (Target("continuous"),)

    def load(self, seed: int, reads: str) -> DataSet:
        x = torch.randn(12, 3, generator=torch.Generator().manual_seed(seed))
        targets = {"continuous": x.sum(1).double(), "weight": torch.ones(12)}
        rows = torch.arange(12).split([6, 3, 2 if self.spoilt else 3, 1 if self.spoilt else 0])[:3]
        units = {"continuous": Units(1.0, 2.0)}
        shared = {"counts": torch.tensor([1, 2])}
        inputs = x * torch.nan if self.spoilt else x
        return self.data_set(
            Inputs("vector", (3,)), inputs, targets, rows, "drawn", units=units, shared=shared
        )


def test_a_data_set_is_made_of_tensors_of_all_examples() -> None:
    data = Drawn().load(0, "vector")
    assert data.description.sizes == {"train": 6, "val": 3, "test": 3}
    assert data.description.targets == (Target("continuous"),)
    assert torch.equal(data.val.rows, torch.tensor([6, 7, 8]))
    assert torch.equal(data.val.targets["continuous"], data.inputs[6:9].sum(1).double())
    assert torch.equal(data.val.targets["weight"], torch.ones(3))
    assert data.units["continuous"].scale == 2.0


def train(**changes: object) -> Callable[[DataSet], DataSet]:
    return lambda data: replace(data, train=replace(data.train, **changes))


CHANGES: dict[str, Callable[[DataSet], DataSet]] = {
    "an input": lambda data: replace(data, inputs=data.inputs + 1e-6),
    "its type": lambda data: replace(data, inputs=data.inputs.double()),
    "its shape": lambda data: replace(data, inputs=data.inputs.reshape(3, 12)),
    "its name": lambda data: replace(data, inputs={"x": data.inputs}),
    "rows": lambda data: train(rows=data.train.rows.flip(0))(data),
    "a split": lambda data: replace(data, val=data.test, test=data.val),
    "a target's name": train(targets={"other": torch.zeros(6)}),
    "ids": train(ids=torch.arange(6)),
    "groups": train(groups=torch.arange(6)),
    "units": lambda data: replace(data, units={"continuous": Units(1.0, 2.5)}),
    "what is shared": lambda data: replace(data, shared={"counts": torch.tensor([1, 3])}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_is_other_is_other_data(change: Callable[[DataSet], DataSet]) -> None:
    data = Drawn().load(0, "vector")
    assert digest(change(data)) != digest(data)


def test_the_same_is_the_same_data() -> None:
    first, again = Drawn().load(0, "vector"), Drawn().load(0, "vector")
    assert digest(first) == digest(again)
    part = first.train
    turned = dict(reversed(part.targets.items()))
    assert digest(replace(first, train=Examples(part.rows, turned))) == digest(first)


def test_a_source_that_says_no_fingerprint_is_known_by_what_it_loads() -> None:
    assert Drawn().fingerprint(0) == digest(Drawn().load(0, "vector"))
    assert Drawn().fingerprint(0) != Drawn().fingerprint(1)


def test_what_is_wrong_with_it_is_told_in_the_words_of_the_contract() -> None:
    with pytest.raises(InputError, match="hold nan"):
        Drawn(spoilt=True).fingerprint(0)


@dataclass(frozen=True, kw_only=True)
class Careless(Drawn):
    """Draws from torch's global generator."""

    def load(self, seed: int, reads: str) -> DataSet:
        data = super().load(seed, reads)
        return replace(data, inputs=torch.randn_like(data.inputs))


def test_a_load_that_gives_other_data_each_time_is_refused() -> None:
    assert DataCache().load(Drawn(), 0, "vector").description.name == "drawn"
    with pytest.raises(InputError, match=r"load\(seed=3\) gives other data each time .* lossbench.seeds"):
        DataCache().load(Careless(), 3, "vector")


def test_what_is_no_data_set_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Drawn, "load", lambda self, seed, reads: None)
    with pytest.raises(InputError, match=r"load must return a DataSet, .* it returned NoneType"):
        DataCache().load(Drawn(), 0, "vector")
