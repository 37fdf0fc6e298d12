"""A measure of the user's own that nothing in a sweep feeds is refused before anything trains."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

import pytest
from torch import Tensor

from lossbench.errors import InputError
from lossbench.job import Job
from lossbench.metrics.measure import Measure, Metric
from lossbench.pack.plan import plan

Compose = Callable[..., list[Job]]


def biased(value: Tensor, target: Tensor) -> dict[str, Tensor]:
    return {"bias": (value - target).mean(-1)}


def summed_up(value: Tensor, target: Tensor) -> dict[str, Tensor]:
    return {"bias": (value - target).mean()}


def best_of_many(value: Tensor, target: Tensor) -> dict[str, Tensor]:
    return {"bias": (value - target).topk(50).values.mean(-1)}


def rooted(value: Tensor, target: Tensor) -> dict[str, Tensor]:
    return {"bias": -((value - target).abs().mean(-1) + 1).neg().sqrt()}


def of_many(value: Tensor, target: Tensor) -> dict[str, Tensor]:
    return {"bias": (value - target)[:, 50:].mean(-1)}  # nan of a few examples


@pytest.fixture(autouse=True)
def _mine(monkeypatch: pytest.MonkeyPatch) -> None:
    made = ModuleType("my_metrics")
    bias = (Metric("bias", "signed", False, "mean error"),)
    for name, needs, function in (
        ("BIAS", ("value",), biased),
        ("WIDTH", ("low", "high"), biased),
        ("SUM", ("value",), summed_up),
        ("BEST", ("value",), best_of_many),
        ("ROOT", ("value",), rooted),
        ("MANY", ("value",), of_many),
    ):
        setattr(made, name, Measure(bias, needs, ("continuous",), f"my_metrics:{function.__name__}"))
        setattr(made, function.__name__, function)
    monkeypatch.setitem(sys.modules, "my_metrics", made)


def test_what_no_loss_predicts_is_told(jobs: Compose) -> None:
    told = r"^data\.metrics=my_metrics\.WIDTH reads high, low, and no loss here predicts that, but value: "
    with pytest.raises(InputError, match=told):
        plan(jobs(*(f"loss={loss} data.metrics=[my_metrics.WIDTH]" for loss in ("mse", "mae"))), 1, 8)


def test_one_loss_that_feeds_it_is_enough(jobs: Compose) -> None:
    own = "data=sentiment model=text data.metrics=[my_metrics.BIAS]"  # of bce no value comes
    planned = plan(jobs(f"{own} loss=mse", f"{own} loss=bce", small=False), 1, 8)
    assert sum(len(pack.jobs) for pack in planned.packs) == 2
    with pytest.raises(InputError, match="and no loss here predicts that, but probabilities, scores"):
        plan(jobs(f"{own} loss=bce", small=False), 1, 8)


def test_a_measure_that_gives_one_number_for_all_runs_is_told(jobs: Compose) -> None:
    with pytest.raises(InputError, match=r"must give a tensor \(1,\) for 1 runs .* gave \(\) for bias"):
        plan(jobs("loss=mse data.metrics=[my_metrics.SUM]"), 1, 8)


def test_a_measure_that_raises_on_a_few_examples_is_told_beforehand(
    jobs: Compose, caplog: pytest.LogCaptureFixture
) -> None:
    plan(jobs("loss=mse data.metrics=[my_metrics.BEST]"), 1, 8)
    assert "judging loss=mse on 8 examples of data=outliers raised RuntimeError: " in caplog.text


def test_a_measure_of_ones_own_is_among_the_results(jobs: Compose) -> None:
    from lossbench.pack.fit import fit

    own = "data.metrics=[my_metrics.BIAS]"
    members = [job.member for job in jobs(*(f"loss={loss} {own}" for loss in ("mse", "mae")))]
    for result in fit(members, "vmap"):
        assert {"test/bias", "val_best/bias", "val_choose/bias", "test/mae"} <= set(result.metrics)
        bias = result.predictions["value"] - result.predictions["target_continuous"]
        assert result.metrics["test/bias"] == pytest.approx(float(bias.mean()))


def test_a_measure_that_gives_no_number_is_refused_unless_it_does_of_more_examples(jobs: Compose) -> None:
    told = "^The metric bias is nan where my_metrics:rooted judges loss=mse on 96 training"
    with pytest.raises(InputError, match=told):
        plan(jobs("loss=mse data.metrics=[my_metrics.ROOT]"), 1, 8)
    assert plan(jobs("loss=mse data.metrics=[my_metrics.MANY]"), 1, 8).packs
