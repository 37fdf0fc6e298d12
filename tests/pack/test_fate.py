"""Each member has its own fate: what diverges, raises or stops early leaves the others as they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from torch import Tensor

from lossbench.data.cache import DataCache
from lossbench.job import Job, Member
from lossbench.losses.mse import MSE
from lossbench.pack.fate import MemberResult
from lossbench.pack.fit import fit
from lossbench.task import Target

Compose = Callable[..., list[Job]]

MODES = pytest.mark.parametrize("mode", ["vmap", "loop"])


@dataclass(frozen=True, kw_only=True)
class RaisesLater(MSE):
    """Square loss that breaks on the last, smaller batch of an epoch, as a careless loss might."""

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        if output.shape[0] < 32:
            raise RuntimeError("I need a full batch")
        return super().__call__(output, target, kind)


@dataclass(frozen=True, kw_only=True)
class InPlace(MSE):
    """Square loss that writes the error over the outputs."""

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return output.sub_(target.unsqueeze(-1)).square().mean(-1)


def train(members: list[Member], mode: str) -> list[MemberResult]:
    return fit(members, mode, DataCache())


@MODES
def test_a_member_that_diverges_is_recorded_with_its_step_and_spoils_nobody(jobs: Compose, mode: str) -> None:
    overrides = ["loss=mse seed=0", "loss=mse seed=1 optimizer.lr=1e30", "loss=huber seed=1"]
    members = [job.member for job in jobs(*[f"{each} optimizer=sgd" for each in overrides])]
    good, bad, other = train(members, mode)
    assert (bad.outcome, good.outcome, other.outcome) == ("diverged", "finished", "finished")
    assert bad.reason is not None
    assert "at step" in bad.reason
    assert not any(name.startswith("test/") for name in bad.metrics)
    assert train([members[0]], mode)[0] == good
    assert train([members[2]], mode)[0] == other


@MODES
def test_a_loss_that_raises_fails_alone_with_its_traceback(jobs: Compose, mode: str) -> None:
    first, second, third = (job.member for job in jobs("seed=0", "seed=1", "seed=2 loss=mae"))
    sizes = replace(first.source, train_size=80)  # batches of 32, 32 and 16
    members = [replace(m, source=sizes) for m in (first, second, third)]
    members[1] = replace(members[1], loss=RaisesLater(name="mse"))
    good, bad, other = train(members, mode)
    assert bad.outcome == "failed"
    assert bad.reason == "the loss raised RuntimeError at step 3: I need a full batch"
    assert "RaisesLater" in str(bad.traceback) or "test_fate" in str(bad.traceback)
    assert train([members[0]], mode)[0] == good
    assert train([members[2]], mode)[0] == other


@MODES
def test_a_pack_whose_members_all_fail_ends(jobs: Compose, mode: str) -> None:
    members = [
        job.member for job in jobs("optimizer=sgd optimizer.lr=1e30", "optimizer=sgd optimizer.lr=1e29")
    ]
    assert [result.outcome for result in train(members, mode)] == ["diverged", "diverged"]


@MODES
def test_members_stop_early_each_at_its_own_epoch(jobs: Compose, mode: str) -> None:
    knobs = "trainer.patience=2 trainer.max_epochs=30 optimizer=sgd"
    overrides = [f"{knobs} optimizer.lr={lr}" for lr in (0.3, 1e-6)]
    members = [job.member for job in jobs(*overrides)]
    quick, slow = train(members, mode)
    epochs = [len(result.history["val/mae"]) for result in (quick, slow)]
    assert epochs[0] < epochs[1]
    assert epochs[0] == quick.metrics["val_best/epoch"] + 2
    assert train([members[0]], mode)[0] == quick


@MODES
def test_test_is_read_with_the_weights_of_the_best_epoch(jobs: Compose, mode: str) -> None:
    (job,) = jobs("trainer.max_epochs=8 optimizer=sgd optimizer.lr=0.2 data.contamination=0.4")
    (whole,) = train([job.member], mode)
    best = int(whole.metrics["val_best/epoch"])
    curve = dict(whole.history["val/mae"])
    assert curve[best] == min(curve.values()) == whole.metrics["val_best/mae"]
    shorter = replace(job.member, trainer=replace(job.member.trainer, max_epochs=best))
    (stopped,) = train([shorter], mode)
    assert stopped.metrics == whole.metrics


def test_curves_have_one_finite_value_for_each_epoch(jobs: Compose) -> None:
    (result,) = train([jobs("loss=huber")[0].member], "vmap")
    assert set(result.history) == {"train/loss", "val/mae", "val/rmse", "val/median_ae", "val/r2"}
    for curve in result.history.values():
        assert [epoch for epoch, _ in curve] == [1, 2, 3]
        assert all(math.isfinite(value) for _, value in curve)


def test_a_metric_that_validation_does_not_define_is_no_divergence(
    jobs: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = jobs(
        "data=mnist_5k model=linear loss=cce trainer.max_epochs=2 data.train_size=60 data.val_size=20 "
        "data.test_size=20",
        small=False,
    )
    member = job.member
    monkeypatch.setattr(type(member.source), "select", "auroc")
    cache = DataCache()
    whole = cache.load(member.source, member.seed, member.reads)
    one_class = {kind: values * 0 for kind, values in whole.val.targets.items()}
    spoilt = replace(whole, val=replace(whole.val, targets=one_class))
    monkeypatch.setattr(cache, "load", lambda *_: spoilt)
    (result,) = fit([member], "vmap", cache)
    assert result.outcome == "failed"
    assert result.reason == "val/auroc is not defined on the validation split"


@MODES
@pytest.mark.parametrize("losses", ["mse mse", "mse mae mse mae", "mse mse mae mae", "mae mse mse"])
def test_a_loss_that_changes_what_it_reads_has_its_numbers_and_leaves_the_others_theirs(
    jobs: Compose, mode: str, losses: str
) -> None:
    each = [f"loss={loss} seed={seed}" for seed, loss in enumerate(losses.split())]
    honest = [job.member for job in jobs(*each)]
    careless = [replace(m, loss=InPlace(name="mse")) if m.loss.name == "mse" else m for m in honest]
    assert [(one.outcome, one.history) for one in train(careless, mode)] == [
        (one.outcome, one.history) for one in train(honest, mode)
    ]
