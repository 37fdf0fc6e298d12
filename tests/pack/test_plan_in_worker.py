from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest

from lossbench.engines.local import Local
from lossbench.errors import InputError
from lossbench.job import Job
from lossbench.pack.checkpoint import Checkpoints
from lossbench.pack.plan import plan
from lossbench.pack.plan_in_worker import plan_in_worker
from lossbench.pack.planned import Plan, PlannedPack

Compose = Callable[..., list[Job]]

LINES = [
    f"loss={loss} seed={seed} {more}"
    for loss in ("mse", "mae", "triplet data=mnist_5k trainer.batch_size=8")
    for seed in range(8)
    for more in ("", "trainer.max_epochs=2")
]


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path)


def planned(jobs: list[Job], checkpoints: Checkpoints) -> Plan:
    found = plan_in_worker(jobs, Local(2), 8, checkpoints)
    assert found
    return found


def test_it_is_the_plan_that_is_made_here_and_says_what_that_says(
    jobs: Compose, checkpoints: Checkpoints, caplog: pytest.LogCaptureFixture
) -> None:
    asked = jobs(*LINES)
    caplog.set_level("INFO")
    own = plan(asked, Local(2), 8, checkpoints)
    said = [record.getMessage() for record in caplog.records]
    caplog.clear()
    theirs = planned(asked, checkpoints)
    assert [record.getMessage() for record in caplog.records] == said != []
    assert len(theirs.packs) == len(own.packs) > 3
    for one, other in zip(theirs.packs, own.packs, strict=True):
        assert all(mine is yours for mine, yours in zip(one.jobs, other.jobs, strict=True))
        for name in {field.name for field in fields(PlannedPack)} - {"jobs"}:
            assert getattr(one, name) == getattr(other, name), name
    assert any(remark for pack in own.packs for remark in pack.remarks)
    assert theirs.processes == own.processes


def test_a_small_sweep_trains_in_one_worker_and_a_large_one_in_all(
    jobs: Compose, checkpoints: Checkpoints
) -> None:
    small = planned(jobs("seed=0", "seed=1"), checkpoints)
    assert (small.processes, small.alone, small.engine) == (1, False, Local(1))
    long = planned(jobs(*[f"seed={seed} trainer.max_epochs=3000" for seed in range(64)]), checkpoints)
    assert (long.processes, long.alone, long.engine) == (2, False, Local(2))


def test_what_cannot_train_is_refused_as_it_is_here(jobs: Compose, checkpoints: Checkpoints) -> None:
    (job,) = jobs("seed=0")
    source = replace(job.member.source, train_size=2**63 - 1)  # type: ignore[call-arg]
    broken = replace(job, member=replace(job.member, source=source))
    broken.__dict__["key"] = job.key  # which is made of the data, too
    with pytest.raises(Exception, match="array is too big") as here:
        plan([broken], 1, 1)
    assert not isinstance(here.value, InputError)
    assert plan_in_worker([broken], Local(1), 1, checkpoints) is None

    refused = jobs("loss=triplet data=mnist_5k trainer.batch_size=1")
    with pytest.raises(InputError) as here:
        plan(refused, 1, 1)
    with pytest.raises(InputError) as there:
        plan_in_worker(refused, Local(1), 1, checkpoints)
    assert str(there.value) == str(here.value)
