"""Sums of losses in a pack: each part is logged beside the sum, in company as alone, stacked as in turns."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from omegaconf import DictConfig

from lossbench.job import Job, jobs_from
from lossbench.pack.fate import MemberResult
from lossbench.pack.fit import fit
from lossbench.pack.groups import loss_kind
from lossbench.pack.plan import plan

SMALL = ("data.train_size=96", "data.val_size=40", "data.test_size=50", "trainer.max_epochs=3")
TWO = ("loss=sum", "loss.parts={mse: 0.5, huber: 2}")
THREE = ("loss=sum", "loss.parts={mse: 1, mae: 3, huber: 1}", "loss.knobs={huber: {delta: 0.1}}")


@pytest.fixture
def pack(composed: Callable[..., DictConfig]) -> list[Job]:
    others = ("loss=mae",), (*TWO, "loss.parts.mse=4"), THREE
    return jobs_from([composed(*SMALL, *own, "seed=3") for own in (TWO, *others)])


def trained(jobs: list[Job], mode: str) -> list[MemberResult]:
    return fit([job.member for job in jobs], mode)


@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_parts_are_logged_beside_the_sum_that_they_make(pack: list[Job], mode: str) -> None:
    two, plain, heavy, three = trained(pack, mode)
    curves = {name for name in plain.history if name.startswith("train/")}
    assert curves == {"train/loss"}
    for result, weights in (
        (two, {"mse": 0.5, "huber": 2.0}),
        (heavy, {"mse": 4.0, "huber": 2.0}),
        (three, {"mse": 1.0, "mae": 3.0, "huber": 1.0}),
    ):
        own = {name for name in result.history if name.startswith("train/")}
        assert own == {"train/loss", *(f"train/loss_{part}" for part in weights)}
        for epoch in range(3):
            at = {name: curve[epoch][1] for name, curve in result.history.items() if name in own}
            total = sum(weight * at[f"train/loss_{part}"] for part, weight in weights.items())
            assert at["train/loss"] == pytest.approx(total, rel=1e-6)
    assert two.history["train/loss_mse"] != heavy.history["train/loss_mse"]
    assert {"test_cross/mse", "test_cross/huber"} <= two.metrics.keys()


@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_a_sum_has_the_numbers_in_company_that_it_has_alone(pack: list[Job], mode: str) -> None:
    together = trained(pack, mode)
    for job, result in zip(pack, together, strict=True):
        assert trained([job], mode) == [result], job.name


def test_sums_of_other_weights_share_a_stack_and_a_computation(pack: list[Job]) -> None:
    (planned,) = plan(pack, 1, 128).packs
    assert planned.mode == "vmap", planned.because
    two, plain, heavy, three = (loss_kind(job.member) for job in pack)
    assert two == heavy
    assert len({two, plain, three}) == 3


def test_keys_follow_what_is_made(composed: Callable[..., DictConfig]) -> None:
    told = (
        TWO,
        ("loss=sum", "loss.parts={huber: 2.0, mse: 0.5}", "loss.knobs={huber: {delta: 1.0}}"),
        (*TWO, "loss.parts.mse=0.4"),
        ("loss=sum", "loss.parts={mse: 0.5, huber: 2}", "loss.knobs={huber: {delta: 2}}"),
    )
    first, same, *others = (job.key for job in jobs_from([composed(*SMALL, *own, "seed=0") for own in told]))
    assert first == same
    assert len({first, *others}) == 3
