"""A loss in the task's own units is called with them exactly, whatever units other losses see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from one_number import KINDS, OneNumber

from lossbench.errors import InputError
from lossbench.job import Job, Member
from lossbench.losses.loss import Loss
from lossbench.losses.mae import MAE
from lossbench.losses.mape import MAPE
from lossbench.losses.mse import MSE
from lossbench.losses.pinball import Pinball
from lossbench.losses.smape import SMAPE
from lossbench.pack.fate import MemberResult
from lossbench.pack.fit import fit
from lossbench.pack.plan import plan
from lossbench.task import Target

Compose = Callable[..., list[Job]]


@pytest.fixture
def member(jobs: Compose) -> Callable[..., Member]:
    """A linear model on targets of one kind, a whole epoch in a batch."""

    def made(loss: Loss, source: OneNumber, lr: float = 1e-9, **trainer: Any) -> Member:
        (job,) = jobs("model=linear", small=False)
        own = job.member
        return replace(
            own,
            loss=loss,
            source=source,
            target=source.targets()[0],
            optimizer=replace(own.optimizer, lr=lr),
            trainer=replace(own.trainer, batch_size=10**6, max_epochs=1, patience=None, **trainer),
        )

    return made


def mape(value: np.ndarray, truth: np.ndarray) -> np.ndarray:
    error = np.abs(value - truth) / np.where(truth == 0, np.inf, np.abs(truth))
    return error.reshape(len(error), -1).mean(-1)


def smape(value: np.ndarray, truth: np.ndarray) -> np.ndarray:
    error = 2 * np.abs(value - truth) / (np.abs(value) + np.abs(truth))
    return error.reshape(len(error), -1).mean(-1)


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_training_loss_is_that_of_predictions_and_targets_as_they_are(
    member: Callable[..., Member], kind: str, mode: str
) -> None:
    """Every part has the same targets, and nothing is learned: predictions of the test are of training."""
    source = OneNumber(targets_are=kind)
    results = fit([member(loss, source) for loss in (MAPE(), MSE(), SMAPE())], mode)
    weight = source.of_part().get("weight", torch.ones(source.size)).numpy()
    for result, known in ((results[0], mape), (results[2], smape)):
        assert result.predictions is not None
        values = known(result.predictions["value"], result.predictions["target_continuous"])
        ((_, loss),) = result.history["train/loss"]
        assert loss == pytest.approx(np.average(values, weights=weight), rel=1e-5)


@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_beside_it_others_have_the_bits_that_they_have_alone(
    member: Callable[..., Member], mode: str
) -> None:
    source = OneNumber()
    losses = (MSE(), MAPE(), MAE(), SMAPE())
    together = fit([member(loss, source, lr=0.01) for loss in losses], mode)
    for loss, result in zip(losses, together, strict=True):
        (alone,) = fit([member(loss, source, lr=0.01)], mode)
        assert (alone.metrics, alone.history) == (result.metrics, result.history)


def test_no_other_loss_scores_its_outputs_in_its_units_nor_it_theirs(member: Callable[..., Member]) -> None:
    (result, other) = fit([member(loss, OneNumber()) for loss in (MAPE(), MSE())], "vmap")
    assert result.metrics["test_cross/mse"] == pytest.approx(
        other.metrics["test_cross/mse"]
    )  # untrained: the same
    assert "test_cross/mape" not in result.metrics.keys() | other.metrics.keys()


def told(member: Member, job: Job) -> str | None:
    (pack,) = plan([replace(job, member=member)], 1, 128).packs
    return pack.remarks[0]


def test_how_many_targets_are_zero_is_told(jobs: Compose, member: Callable[..., Member]) -> None:
    (job,) = jobs("model=linear", small=False)
    assert told(member(MAPE(), OneNumber()), job) is None
    assert told(member(MSE(), OneNumber(targets_are="with_zeros")), job) is None
    assert told(member(SMAPE(), OneNumber(targets_are="with_zeros")), job) == (
        "10.0% of the training targets of data=one_number are 0, where loss=smape is undefined: they train "
        "nothing"
    )


def test_targets_that_are_all_zero_are_refused(jobs: Compose, member: Callable[..., Member]) -> None:
    (job,) = jobs("model=linear", small=False)
    with pytest.raises(InputError, match=r"^All of the training targets .* loss=mape is undefined: choose"):
        told(member(MAPE(), OneNumber(targets_are="zero")), job)


@dataclass(frozen=True, kw_only=True)
class Several(Pinball):
    """Which gives several numbers for one value."""

    own_units = True


def test_outputs_that_are_no_values_are_refused(jobs: Compose, member: Callable[..., Member]) -> None:
    (job,) = jobs("model=linear", small=False)
    assert told(member(Several(), OneNumber()), job) is None
    with pytest.raises(InputError, match=r"loss=pinball says own_units, so its outputs must be one for each"):
        told(member(Several(levels=(0.1, 0.9)), OneNumber()), job)


@dataclass(frozen=True, kw_only=True)
class Looking(MAPE):
    """Keeps what it was called with."""

    def __call__(self, output: torch.Tensor, target: torch.Tensor, kind: Target) -> torch.Tensor:
        SEEN.append(target.detach())
        return super().__call__(output, target, kind)


SEEN: list[torch.Tensor] = []


def test_targets_are_exact_in_double_precision(member: Callable[..., Member]) -> None:
    """Of a shifted one in single precision a zero would come back as none."""
    SEEN.clear()
    source = OneNumber(targets_are="with_zeros")
    result: list[MemberResult] = fit([member(Looking(), source)], "loop")
    assert result[0].outcome == "finished"
    last = SEEN[-1].sort().values
    assert torch.equal(last, source.of_part()["continuous"].sort().values)
