"""Stored predictions say which examples they are of, in numbers that mean the same for every seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch

from lossbench.data.cache import DataCache
from lossbench.data.module import PackData
from lossbench.data.source import DataSet
from lossbench.job import Job
from lossbench.pack.fit import fit
from lossbench.pack.judging import example_arrays
from lossbench.pack.lanes import HeldLanes

Compose = Callable[..., list[Job]]
DIGITS = "data=mnist_5k data.train_size=200 data.val_size=50 data.test_size=2000"
FACES = "data=faces model=cnn loss=triplet"


def loaded(jobs: list[Job]) -> list[DataSet]:
    found = [DataCache().load(job.member.source, job.member.seed, job.member.reads) for job in jobs]
    return [data for data in found if isinstance(data, DataSet)]


def numbered(jobs: list[Job], datasets: list[DataSet]) -> list[dict[str, npt.NDArray[np.int64]]]:
    members = [job.member for job in jobs]
    data = PackData(datasets, [member.seed for member in members], 8)
    return example_arrays(members, HeldLanes(data, members, torch.device("cpu")))


@pytest.mark.parametrize("asked", [f"{DIGITS} loss=cce", FACES, "data=sentiment model=linear loss=mse"])
def test_one_number_is_one_example_whatever_the_seed(jobs: Compose, asked: str) -> None:
    composed = jobs(*(f"{asked} seed={seed}" for seed in (0, 1)), small=False)
    one, other = datasets = loaded(composed)
    first, second = (arrays["example_id"] for arrays in numbered(composed, datasets))
    _, here, there = np.intersect1d(first, second, return_indices=True)
    assert len(here) >= 20  # seeds draw their tests from one pool, so they share examples
    if one.inputs is other.inputs:
        inputs = [data.inputs[data.test.rows[at]] for data, at in ((one, here), (other, there))]
        assert torch.equal(*inputs)
    for kind in one.test.targets.keys() - {"identity"}:
        assert torch.equal(one.test.targets[kind][here], other.test.targets[kind][there])


def test_data_drawn_anew_for_each_seed_share_no_number(jobs: Compose) -> None:
    composed = jobs("seed=0", "seed=1", "seed=1 data.contamination=0.4", "seed=2147483647")
    found = [arrays["example_id"] for arrays in numbered(composed, loaded(composed))]
    assert np.array_equal(found[1], found[2])  # noise on training targets makes no other test examples
    assert len(np.unique(np.concatenate([found[0], *found[2:]]))) == 3 * 50


def test_a_photograph_tells_its_person(jobs: Compose) -> None:
    composed = jobs(*(f"{FACES} seed={seed}" for seed in (0, 1)), small=False)
    for arrays in numbered(composed, loaded(composed)):
        assert np.array_equal(arrays["group_id"], arrays["example_id"] // 10)
        assert len(np.unique(arrays["group_id"])) == 10


def test_runs_keep_them_with_their_predictions(jobs: Compose) -> None:
    composed = jobs("loss=mse trainer.max_epochs=1", "loss=mae trainer.max_epochs=1")
    results = fit([job.member for job in composed], "vmap")
    for result in results:
        assert len(result.predictions["example_id"]) == len(result.predictions["value"]) == 50
        assert "group_id" not in result.predictions


def test_what_members_of_a_seed_have_in_common_is_one_array(jobs: Compose) -> None:
    """Thus it travels once from the process in which they train, and is held once where it is written."""
    asked = [f"loss={loss} seed={seed} trainer.max_epochs=1" for loss in ("mse", "mae") for seed in (0, 1)]
    fitted = fit([job.member for job in jobs(*asked, small=True)], "vmap")
    for name in ("target_continuous", "example_id"):
        arrays = [one.predictions[name] for one in fitted]
        assert arrays[0] is arrays[2]
        assert arrays[1] is arrays[3]
        assert not np.array_equal(arrays[0], arrays[1])
    assert fitted[0].predictions["value"] is not fitted[2].predictions["value"]
