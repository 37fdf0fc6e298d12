"""Policies that draw within a step of training have their numbers alone, in company, and again."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from lossbench.data.cache import DataCache
from lossbench.job import Job, jobs_from
from lossbench.pack.checkpoint import Checkpoints
from lossbench.pack.fit import fit

BASE = "data=preferences model=policy model.hidden=6 data.symbols=3 data.length=3 data.train_size=32"
RUN = f"{BASE} optimizer.lr=0.03 trainer.max_epochs=2 trainer.batch_size=16"


def results(jobs: list[Job], mode: str) -> list[tuple[dict[str, float], object]]:
    fitted = fit([job.member for job in jobs], mode, DataCache())
    assert [result.outcome for result in fitted] == ["finished"] * len(jobs)
    return [(result.metrics, result.history) for result in fitted]


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize("losses", [("", "_k2", "_k1"), ("_exact",)])
def test_a_policy_draws_the_same_in_any_company(composed: object, losses: tuple[str, ...], mode: str) -> None:
    made = [
        f"{RUN} loss=policy_gradient{way} seed={seed} data.beta={beta}"
        for way in losses
        for seed, beta in ((0, 0.3), (1, 0.3), (1, 1.0))
    ]
    jobs = jobs_from([composed(*one.split()) for one in made])  # type: ignore[operator]
    packed = results(jobs, mode)
    for place in (0, len(jobs) - 1):
        assert results([jobs[place]], mode) == [packed[place]]
    assert packed[0] != packed[1]


def test_what_is_drawn_by_an_earlier_policy_is_so_in_any_company(composed: object) -> None:
    made = [f"{RUN} loss=ppo seed={seed} loss.clip={clip}" for seed in (0, 1) for clip in (0.2, "null")]
    jobs = jobs_from([composed(*one.split()) for one in made])  # type: ignore[operator]
    packed = results(jobs, "loop")
    assert results([jobs[-1]], "loop") == [packed[-1]]
    assert packed[0] != packed[1]


@pytest.mark.parametrize(("loss", "mode"), [("policy_gradient", "vmap"), ("ppo", "loop")])
def test_a_policy_goes_on_from_a_checkpoint_with_the_same_numbers(
    composed: object, tmp_path: Path, loss: str, mode: str
) -> None:
    """After three epochs of two steps: in the middle of what `ppo` reuses."""
    (job,) = jobs_from([composed(*f"{RUN} loss={loss} trainer.max_epochs=5".split())])  # type: ignore[operator]
    whole = results([job], mode)
    checkpoint = Checkpoints(tmp_path).of(["k"], mode, gpu=False, every=1)
    epochs = iter(range(2, -1, -1))

    def ends(members: object) -> None:
        if next(epochs) == 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit([job.member], mode, on_epoch=ends, checkpoint=checkpoint)
    resumed: list[object] = []
    (result,) = fit([job.member], mode, on_epoch=resumed.append, checkpoint=checkpoint)
    assert len(resumed) < 5
    assert [(result.metrics, result.history)] == whole


def test_losses_of_a_seed_begin_with_the_same_sequences(composed: object) -> None:
    """At the first step, where all are the reference, none pays anything for its distance."""
    made = [f"{RUN} loss=policy_gradient{way} trainer.batch_size=32" for way in ("", "_k2", "_none")]
    jobs = jobs_from([composed(*one.split(), "trainer.max_epochs=1") for one in made])  # type: ignore[operator]
    first = [metrics["test/kl"] for metrics, _ in results(jobs, "vmap")]
    assert first[0] > 0
    assert all(math.isclose(own, first[0], rel_tol=1e-4) for own in first)
