"""Trials are scored on either half of validation at the epoch that the other half calls best."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from lossbench.data.cache import DataCache
from lossbench.job import Job
from lossbench.metrics.names import METRICS
from lossbench.pack import halves as halves_of_validation
from lossbench.pack.fit import fit
from lossbench.pack.halves import Halves
from lossbench.trainer import KEPT

Compose = Callable[..., list[Job]]
CPU = torch.device("cpu")


def curve(halves: Halves, first: list[float], second: list[float], other: list[float] | None = None) -> None:
    """Epochs of one member: the selecting metric on both halves, and a metric that rises on the second."""
    for epoch, pair in enumerate(zip(first, second, strict=True)):
        judged = tuple({"mae": torch.tensor([value])} for value in pair)
        if other:
            judged[0]["r2"], judged[1]["r2"] = torch.tensor([0.0]), torch.tensor([other[epoch]])
        both = judged[0], judged[1]
        halves.update(torch.tensor([True]), both, lambda _, both=both: both)


def test_each_half_is_scored_at_the_best_epoch_of_the_other() -> None:
    halves = Halves(METRICS["mae"])
    curve(halves, first=[3.0, 1.0, 2.0], second=[5.0, 6.0, 4.0])
    # The first half calls epoch 2 best, where the second has 6; the second epoch 3, where the first has 2.
    assert halves.scores()["mae"].tolist() == [(6.0 + 2.0) / 2]


def test_other_metrics_are_read_at_the_same_epochs() -> None:
    halves = Halves(METRICS["mae"])
    curve(halves, first=[3.0, 1.0, 2.0], second=[5.0, 6.0, 4.0], other=[0.1, 0.2, 0.3])
    assert halves.scores()["r2"].tolist() == pytest.approx([(0.2 + 0.0) / 2])


def test_whoever_keeps_the_last_epoch_is_scored_there() -> None:
    halves = Halves(METRICS["mae"], "last")
    curve(halves, first=[3.0, 1.0, 2.0], second=[5.0, 6.0, 4.0])
    assert halves.scores()["mae"].tolist() == [(4.0 + 2.0) / 2]
    curve(halves, first=[float("nan")], second=[float("nan")])
    assert halves.scores()["mae"].tolist() == [(4.0 + 2.0) / 2]


def test_noise_around_one_level_is_not_flattered() -> None:
    noise = torch.randn(2, 200, generator=torch.Generator().manual_seed(0)).tolist()
    halves = Halves(METRICS["mae"])
    curve(halves, *noise)
    assert min(noise[0]) < -2
    assert abs(float(halves.scores()["mae"])) < 1.5


def test_member_that_is_frozen_keeps_its_score() -> None:
    halves = Halves(METRICS["mae"])
    curve(halves, first=[3.0], second=[5.0])
    better = {"mae": torch.tensor([0.0])}
    halves.update(torch.tensor([False]), (better, better), lambda _: (better, better))
    assert halves.scores()["mae"].tolist() == [4.0]


def test_state_goes_on_where_it_was() -> None:
    first, second = Halves(METRICS["mae"]), Halves(METRICS["mae"])
    curve(first, first=[3.0, 1.0], second=[5.0, 6.0])
    second.load(first.state(), CPU)
    for halves in (first, second):
        curve(halves, first=[2.0], second=[4.0])
    assert first.scores()["mae"].tolist() == second.scores()["mae"].tolist() == [4.0]


def test_run_records_a_score_of_every_metric_that_validation_has(jobs: Compose) -> None:
    (result,) = fit([job.member for job in jobs("loss=mse")], "vmap", DataCache())
    named = {name.removeprefix("val_best/") for name in result.metrics if name.startswith("val_best/")} - {
        "epoch"
    }
    assert {
        name.removeprefix("val_choose/") for name in result.metrics if name.startswith("val_choose/")
    } == named
    assert result.metrics["val_choose/mae"] != result.metrics["val_best/mae"]


@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_the_weights_of_the_last_epoch_are_judged_where_they_are_asked_for(jobs: Compose, mode: str) -> None:
    words = "loss=mse optimizer.lr=0.1 seed=3 trainer.max_epochs="
    best, last = (
        fit([job.member for job in jobs(f"{words}6 trainer.keep={keep}")], mode)[0] for keep in KEPT
    )
    assert last.history == best.history  # both train alike
    assert best.metrics["val_best/epoch"] < last.metrics["val_best/epoch"] == 6
    assert last.metrics["val_best/mae"] == dict(last.history["val/mae"])[6]
    own = int(best.metrics["val_best/epoch"])
    shorter = fit([job.member for job in jobs(f"{words}{own} trainer.keep=last")], mode)[0]
    tests = {name for name in best.metrics if name.startswith("test/")}
    assert {name: shorter.metrics[name] for name in tests} == {name: best.metrics[name] for name in tests}
    assert {name: last.metrics[name] for name in tests} != {name: best.metrics[name] for name in tests}


def test_validation_too_small_for_halves_has_no_score(jobs: Compose) -> None:
    (result,) = fit([job.member for job in jobs("loss=mse data.val_size=3")], "vmap", DataCache())
    assert "val_best/mae" in result.metrics
    assert not any(name.startswith("val_choose/") for name in result.metrics)


def test_halves_are_judged_once_where_one_measure_gives_all(
    jobs: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str | None] = []
    judge = halves_of_validation._judged
    monkeypatch.setattr(
        halves_of_validation, "_judged", lambda *given: (counted.append(given[-1]), judge(*given))[1]
    )
    fit([job.member for job in jobs("loss=mse trainer.max_epochs=3")], "vmap", DataCache())
    assert counted == ["mae"] * 2 * 3
