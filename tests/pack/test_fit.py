"""How many updates Lightning hands over at once changes nothing that is trained."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lossbench.job import Job
from lossbench.pack import fit as fitting
from lossbench.pack.fate import MemberResult
from lossbench.pack.fit import fit
from lossbench.pack.module import Pack

Compose = Callable[..., list[Job]]


@pytest.fixture
def updates(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Of each step of Lightning's: the update before it, and how many batches it was given."""
    found: list[tuple[int, int]] = []
    step = Pack.training_step

    def told(pack: Pack, given: tuple[object, ...], batch: int) -> None:
        found.append((pack.updates, len(given)))
        step(pack, given, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(Pack, "training_step", told)
    return found


def trained(jobs: Compose, at_once: int, monkeypatch: pytest.MonkeyPatch, *more: str) -> list[MemberResult]:
    monkeypatch.setattr(fitting, "_UPDATES_AT_ONCE", at_once)
    own = "optimizer.schedule=cosine model.dropout=0.2 data.train_size=150 trainer.max_epochs=2"
    overrides = [f"{own} loss={loss} {' '.join(more)}" for loss in ("mse", "huber")]
    return fit([job.member for job in jobs(*overrides)], "vmap")


def test_results_are_to_the_bit_the_same(
    jobs: Compose, updates: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    one_by_one = trained(jobs, 1, monkeypatch)
    assert updates == [(update, 1) for update in range(10)]
    updates.clear()
    assert trained(jobs, 3, monkeypatch) == one_by_one
    assert updates == [(0, 3), (3, 2), (5, 3), (8, 2)]


def test_a_pack_that_has_nothing_left_to_train_takes_no_further_update(
    jobs: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ("optimizer=sgd", "optimizer.lr=1e30")
    one_by_one, together = (trained(jobs, at_once, monkeypatch, *own) for at_once in (1, 8))
    assert {result.outcome for result in together} == {"diverged"}
    assert together == one_by_one


def test_members_in_turns_are_given_batches_one_by_one(jobs: Compose, updates: list[tuple[int, int]]) -> None:
    fit([job.member for job in jobs("loss=mse")], "loop")
    assert {given for _, given in updates} == {1}
