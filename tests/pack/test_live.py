"""While a pack trains, it tells what its members have reached: what their records will say, and no more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lossbench.job import Job
from lossbench.pack import live
from lossbench.pack.fit import fit
from lossbench.pack.said import Curves

Compose = Callable[..., list[Job]]
EPOCHS = 3
SWEEP = tuple(f"loss=huber optimizer=sgd optimizer.lr={rate}" for rate in ("0.01", "0.1", "1e30"))


def test_what_is_told_is_what_the_records_will_say(jobs: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "EVERY_SECONDS", 0.0)
    members = [job.member for job in jobs(*SWEEP)]
    told: list[Curves] = []
    results = fit(members, "vmap", on_curves=told.append)
    assert [one.first for one in told] == [*range(1, EPOCHS + 1)]
    assert set(told[0].values) == {"train/loss", f"val/{members[0].source.select}"}
    for member, result in enumerate(results):
        shown = {name: [p for one in told for p in one.of(member)[name]] for name in told[0].values}
        assert shown == {name: result.history.get(name, []) for name in shown}
    assert [result.outcome for result in results] == ["finished", "finished", "diverged"]


def test_a_pack_that_is_soon_done_tells_nothing(jobs: Compose) -> None:
    told: list[Curves] = []
    fit([job.member for job in jobs(*SWEEP)], "vmap", on_curves=told.append)
    assert told == []
