"""A measure of one's own: its function gets what it names, and its contract is kept."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from lossbench.errors import InputError
from lossbench.metrics import judge as module
from lossbench.metrics.families import described, measures, needed
from lossbench.metrics.judge import judge
from lossbench.metrics.measure import Measure, Metric

BIAS = Metric("bias", "signed", False, "mean error, in units of the target", "units of the target")
R, L, N = 6, 2, 9


def bias(value: Tensor, target: Tensor) -> dict[str, Tensor]:
    return {"bias": (value - target).mean(-1)}


def weighted_bias(value: Tensor, target: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
    if weight is None:
        return bias(value, target)
    return {"bias": ((value - target) * weight).sum(-1) / weight.sum(-1)}


def below_popular(value: Tensor, popular: Tensor) -> dict[str, Tensor]:
    return {"bias": (value < popular[:, :1]).double().mean(-1)}


def error(value: Tensor, target: Tensor) -> Tensor:
    return value - target


def of_error(kept: Tensor) -> dict[str, Tensor]:
    return {"bias": kept.mean(-1)}


@pytest.fixture(autouse=True)
def mine(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The functions of this file as a module of the user's."""
    made = ModuleType("my_metrics")
    for function in (bias, weighted_bias, below_popular, error, of_error):
        setattr(made, function.__name__, function)
    monkeypatch.setitem(sys.modules, "my_metrics", made)
    return made


def measure(function: str = "bias", **changes: Any) -> Measure:
    path = function if ":" in function else f"my_metrics:{function}"
    return Measure((BIAS,), ("value",), **{"fields": ("continuous",), "function": path, **changes})


@pytest.fixture
def value() -> Tensor:
    return torch.randn(R, N, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def target() -> Tensor:
    return torch.randn(L, N, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


LANE = torch.tensor([0, 1, 1, 0, 1, 0])


def test_targets_of_a_lane_are_those_of_its_members(value: Tensor, target: Tensor) -> None:
    shared = judge({"value": value}, {"continuous": target}, (measure(),), LANE)
    own = judge({"value": value}, {"continuous": target[LANE]}, (measure(),))
    assert torch.equal(shared["bias"], own["bias"])
    assert torch.equal(own["bias"], (value - target[LANE]).mean(-1))


def test_members_are_looked_up_a_few_at_a_time(
    value: Tensor, target: Tensor, mine: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = judge({"value": value}, {"continuous": target}, measures(("continuous",)), LANE)
    sizes = []

    def told(value: Tensor, target: Tensor) -> dict[str, Tensor]:
        sizes.append(len(target))
        return bias(value, target)

    monkeypatch.setattr(mine, "bias", told)
    monkeypatch.setattr(module, "CHUNK", 2 * N)
    judge({"value": value}, {"continuous": target}, (measure(),), LANE)
    assert sizes == [2, 2, 2]
    again = judge({"value": value}, {"continuous": target}, measures(("continuous",)), LANE)
    assert all(torch.equal(again[name], whole[name]) for name in whole)


def test_what_is_no_target_of_an_example_is_looked_up_by_lane(value: Tensor) -> None:
    popular = torch.tensor([[0.5, 9], [-0.5, 9]], dtype=torch.float64)
    own = measure("below_popular", fields=("popular",), weighted=False)
    found = judge({"value": value}, {}, (own,), LANE, shared={"popular": popular})
    assert torch.equal(found["bias"], (value < popular[LANE, :1]).double().mean(-1))
    assert judge({"value": value}, {}, (own,), LANE) == {}


def test_what_was_kept_chunk_by_chunk_is_as_good_as_the_whole(value: Tensor, target: Tensor) -> None:
    own = measure("of_error", keep="my_metrics:error")
    targets = {"continuous": target[LANE]}
    whole = judge({"value": value}, targets, (own,))
    parts = [own.kept(value[:, cut], targets["continuous"][:, cut]) for cut in (slice(0, 5), slice(5, N))]
    kept = tuple(torch.cat(both, 1) for both in zip(*parts, strict=True))
    assert torch.equal(judge({}, {}, (own,), kept={own: kept})["bias"], whole["bias"])
    assert torch.equal(whole["bias"], (value - target[LANE]).mean(-1))


def test_a_measure_that_reads_weights_gets_them_and_another_does_not(value: Tensor, target: Tensor) -> None:
    weight = torch.ones(L, N).index_fill(1, torch.tensor([3]), 0)
    value[:, 3] = torch.nan
    targets = {"continuous": target, "weight": weight}
    found = judge({"value": value}, targets, (measure("weighted_bias", weighted=True),), LANE)["bias"]
    keeps = torch.arange(N) != 3
    torch.testing.assert_close(found, (value - target[LANE])[:, keeps].mean(-1))
    assert judge({"value": value}, targets, (measure(),), LANE)["bias"].isnan().all()


def test_the_first_measure_that_gives_a_name_has_its_turn(value: Tensor, target: Tensor) -> None:
    scored = Measure((BIAS,), ("scores",), ("continuous",), "my_metrics:bias")
    both = (scored, measure())
    found = judge({"value": value}, {"continuous": target}, both, LANE)
    assert torch.equal(found["bias"], (value - target[LANE]).mean(-1))
    assert needed(both, "bias") == {"scores", "value"}
    assert described(both) == {"bias": BIAS}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (lambda value: {"bais": value.mean(-1)}, r"does not list 'bais' \(did you mean 'bias'"),
        (lambda value: {"bias": value.mean()}, r"must give a tensor \(6,\) for 6 runs.* gave \(\) for bias"),
        (lambda value: {"bias": 0.5}, r"gave float for bias"),
        (lambda value: value.mean(-1), r"must give a dict of its metrics; my_metrics:bias gave Tensor"),
    ],
)
def test_a_function_that_breaks_the_contract_is_told(
    given: Any, sentence: str, value: Tensor, target: Tensor, mine: ModuleType
) -> None:
    mine.bias = lambda value, target: given(value)  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=f"The measure of bias .*{sentence}"):
        judge({"value": value}, {"continuous": target}, (measure(),), LANE)


@pytest.mark.parametrize("path", ["my_metrics:typo", "no_module_of_this_name:bias"])
def test_a_function_that_is_not_there_is_told(path: str, value: Tensor, target: Tensor) -> None:
    with pytest.raises(InputError, match=rf"names the function '{path}', which cannot be imported"):
        judge({"value": value}, {"continuous": target}, (measure(function=path),), LANE)
