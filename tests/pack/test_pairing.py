"""Comparisons are paired: for one seed, every loss meets the same data, batches and initial weights."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from lossbench.data.cache import DataCache
from lossbench.data.module import PackData
from lossbench.data.source import SPLITS
from lossbench.job import Job
from lossbench.pack.engine import build_modules
from lossbench.pack.grouping import even_parts, may_share
from lossbench.seeds import stream

Compose = Callable[..., list[Job]]

DIGITS = "data=mnist_5k data.train_size=200 data.val_size=50 data.test_size=100 data.label_noise=0.2"
ALL_NINE = [
    f"{DIGITS} loss={loss} seed=7"
    for loss in ("mse", "mae", "huber", "bce", "cce", "hinge", "kl", "contrastive", "triplet")
]


def data_of(job: Job) -> PackData:
    member = job.member
    loaded = DataCache().load(member.source, member.seed, member.reads)
    return PackData([loaded], [member.seed], member.trainer.batch_size)


def test_every_loss_sees_the_same_splits_noise_and_batches(jobs: Compose) -> None:
    first, *others = [data_of(job) for job in jobs(*ALL_NINE, small=False)]
    for other in others:
        for split in SPLITS:
            assert torch.equal(first.rows[split], other.rows[split])
            targets, same = (getattr(data.lanes[0], split).targets for data in (first, other))
            assert all(torch.equal(targets[kind], same[kind]) for kind in targets)
        for epoch in range(3):
            assert torch.equal(first.order(epoch), other.order(epoch))
        assert not torch.equal(first.order(0), first.order(1))


@pytest.mark.parametrize("model", ["linear", "mlp", "cnn"])
def test_every_loss_starts_from_the_same_weights_where_shapes_agree(jobs: Compose, model: str) -> None:
    members = [job.member for job in jobs(*[f"{each} model={model}" for each in ALL_NINE], small=False)]
    inputs = data_of(jobs(ALL_NINE[0], small=False)[0]).description.inputs
    states = [build_modules([member], inputs)[0].state_dict() for member in members]
    names = list(states[0])
    for state in states[1:]:
        assert list(state) == names
        for name in names:
            if state[name].shape == states[0][name].shape:
                assert torch.equal(state[name], states[0][name]), name
    body = [name for name in names if name not in names[-2:]]
    assert all(state[name].shape == states[0][name].shape for state in states for name in body)


def test_batches_do_not_depend_on_company_or_its_order(jobs: Compose) -> None:
    a, b = jobs("loss=mse seed=1", "loss=huber seed=2")
    loaded = {
        job.member.seed: DataCache().load(job.member.source, job.member.seed, "vector") for job in (a, b)
    }
    one = PackData([loaded[1], loaded[2]], [1, 2], 32)
    other = PackData([loaded[2], loaded[1]], [2, 1], 32)
    assert torch.equal(one.order(4), other.order(4).flip(0))
    assert torch.equal(one.pool.at(one.rows["train"]), other.pool.at(other.rows["train"]).flip(0))


def test_noise_changes_targets_and_nothing_else(jobs: Compose) -> None:
    clean, noisy = (data_of(job) for job in jobs("data.contamination=0", "data.contamination=0.3"))
    assert torch.equal(clean.pool.at(clean.rows["train"]), noisy.pool.at(noisy.rows["train"]))
    assert torch.equal(clean.order(0), noisy.order(0))
    before, after = (data.lanes[0].train.targets["continuous"] for data in (clean, noisy))
    assert (before != after).float().mean() == pytest.approx(0.3, abs=0.01)


def test_streams_of_different_purposes_and_seeds_differ() -> None:
    numbers = {stream(seed, purpose) for seed in range(50) for purpose in ("weights", "batches", "noise")}
    assert len(numbers) == 150


class TestGrouping:
    """Runs share a pack where nothing but the listed knobs differs, and nowhere else."""

    FREE = ("loss=mae", "seed=9", "optimizer.lr=0.5", "optimizer.weight_decay=0.1", "data.contamination=0.4")
    BINDING = (
        "optimizer=sgd",
        "optimizer.beta1=0.5",
        "optimizer.clip=1",
        "trainer.batch_size=16",
        "trainer.max_epochs=9",
        "model.hidden=[8]",
        "model.dropout=0.5",
        "data.train_size=80",
        "data.curve=sine",
        "pack.mode=loop",
    )

    @pytest.mark.parametrize("override", FREE)
    def test_what_may_differ_shares(self, jobs: Compose, override: str) -> None:
        assert [len(alike) for alike in may_share(jobs("seed=0", override))] == [2]

    @pytest.mark.parametrize("override", BINDING)
    def test_what_may_not_differ_parts(self, jobs: Compose, override: str) -> None:
        assert [len(alike) for alike in may_share(jobs("seed=0", override))] == [1, 1]

    def test_different_last_layers_part(self, jobs: Compose) -> None:
        found = may_share(jobs(*ALL_NINE, small=False))
        names = [[job.member.loss.name for job in alike] for alike in found]
        assert names == [["mse", "mae", "huber", "bce", "cce", "hinge", "kl"], ["contrastive", "triplet"]]

    def test_packs_are_bounded_and_even(self, jobs: Compose) -> None:
        ten = jobs(*[f"seed={seed}" for seed in range(10)])
        assert [len(part) for part in even_parts(ten, 4)] == [4, 3, 3]
        assert [len(part) for part in even_parts(ten, 128, 4)] == [3, 3, 2, 2]
        assert [len(part) for part in even_parts(ten[:2], 128, 4)] == [1, 1]
        assert [job for part in even_parts(ten, 4) for job in part] == ten
