"""How packs train: what stacks is stacked, what does not trains in turns and says why."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

from lossbench.data.cache import DataCache
from lossbench.errors import InputError
from lossbench.job import Job
from lossbench.models.model import Model
from lossbench.pack.fit import fit
from lossbench.pack.plan import plan
from lossbench.pack.planned import Plan
from lossbench.task import Inputs

Compose = Callable[..., list[Job]]

DIGITS = "data=mnist_5k data.train_size=200 data.val_size=50 data.test_size=100 trainer.max_epochs=1"


@dataclass(frozen=True, kw_only=True)
class Foreign(Model):
    """A user's model with one layer that may not stack."""

    reads = ("vector",)
    layer: str = "none"

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        layers: dict[str, nn.Module] = {
            "batch": nn.BatchNorm1d(8),
            "dropout": nn.Dropout(0.5),
            "none": nn.ReLU(),
            "volume": nn.Sequential(nn.Unflatten(1, (1, 2, 2, 2)), nn.Conv3d(1, 8, 2), nn.Flatten()),
        }
        return nn.Sequential(nn.Linear(inputs.shape[0], 8), layers[self.layer], nn.Linear(8, outputs))


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("asked", ["gpu", "cuda", "mps"])
def test_an_accelerator_that_is_not_there_is_refused(jobs: Compose, asked: str) -> None:
    with pytest.raises(InputError, match=rf"trainer\.accelerator={asked} asks for a GPU, .* finds none here"):
        planned(jobs("seed=0", f"seed=1 trainer.accelerator={asked}"))


def planned(jobs: list[Job], cores: int = 2) -> Plan:
    return plan(jobs, cores, 128)


def foreign(jobs: Compose, layer: str, *overrides: str) -> list[Job]:
    model = Foreign(name="foreign", layer=layer)
    return [replace(job, member=replace(job.member, model=model)) for job in jobs(*overrides)]


@pytest.mark.parametrize(
    ("layer", "mode", "why"),
    [
        ("none", "vmap", "stack"),
        ("batch", "loop", "batch statistics"),
        ("dropout", "loop", "draws random numbers"),
    ],
)
def test_layers_that_do_not_stack_send_a_pack_into_turns(
    jobs: Compose, layer: str, mode: str, why: str
) -> None:
    (pack,) = planned(foreign(jobs, layer, "seed=0")).packs
    assert pack.mode == mode
    assert why in pack.because


def test_a_forced_stack_that_cannot_be_falls_back_with_one_line(
    jobs: Compose, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        (pack,) = planned(foreign(jobs, "batch", "pack.mode=vmap")).packs
    assert pack.mode == "loop"
    (line,) = [record.getMessage() for record in caplog.records]
    assert "falls back to loop" in line


def test_what_keeps_much_for_backward_trains_in_turns_on_a_cpu_and_stacks_when_asked(jobs: Compose) -> None:
    cpu = f"{DIGITS} model=cnn loss=cce trainer.accelerator=cpu"
    small = f"{cpu} trainer.batch_size=4"
    packs = planned(jobs(cpu, f"{cpu} pack.mode=vmap", small, f"{small} pack.mode=loop", small=False)).packs
    found = {(pack.jobs[0].mode, pack.jobs[0].member.trainer.batch_size): pack.mode for pack in packs}
    assert found == {("auto", 64): "loop", ("vmap", 64): "vmap", ("auto", 4): "vmap", ("loop", 4): "loop"}
    assert "each keeps more than 1.2 MB for backward" in packs[0].because


def test_a_loss_that_keeps_much_is_apart(jobs: Compose) -> None:
    """All pairs of 800 examples; alone or beside another loss."""
    few = (
        f"{DIGITS.replace('train_size=200', 'train_size=800')} trainer.batch_size=800 trainer.accelerator=cpu"
    )
    pair = jobs(f"{few} loss=contrastive", f"{few} loss=triplet", f"{few} loss=cce", small=False)
    modes = {pack.jobs[0].member.loss.name: pack.mode for pack in planned(pair).packs}
    assert modes["contrastive"] == "loop"
    assert modes["cce"] == "vmap"
    assert all(planned([job]).packs[0].mode == modes[job.member.loss.name] for job in pair)


def test_a_stack_is_no_wider_than_what_its_members_keep_allows(jobs: Compose) -> None:
    wide = f"{DIGITS} model=cnn loss=cce trainer.accelerator=cpu pack.mode=vmap"
    assert [len(pack.jobs) for pack in planned(jobs(wide, small=False) * 90, cores=1).packs] == [45, 45]
    assert len(planned(jobs("loss=mse") * 90, cores=1).packs) == 1


def test_a_third_party_loss_that_vmap_refuses_trains_in_turns(jobs: Compose) -> None:
    packs = planned(jobs(f"{DIGITS} loss=multi_similarity", f"{DIGITS} loss=triplet", small=False)).packs
    assert {pack.jobs[0].member.loss.name: pack.mode for pack in packs} == {
        "multi_similarity": "loop",
        "triplet": "vmap",
    }


def test_a_users_dropout_draws_for_each_member_on_its_own(jobs: Compose) -> None:
    members = [job.member for job in foreign(jobs, "dropout", "seed=0", "seed=1", "seed=0 loss=mae")]
    together = fit(members, "loop")
    assert [fit([member], "loop")[0] for member in members] == together


def test_a_users_batch_statistics_are_kept_for_each_member(jobs: Compose) -> None:
    members = [job.member for job in foreign(jobs, "batch", "seed=0", "seed=1")]
    together = fit(members, "loop")
    assert [fit([member], "loop")[0] for member in members] == together


def test_volumes_convolve_in_both_ways(jobs: Compose) -> None:
    (job,) = foreign(jobs, "volume", "optimizer=sgd")
    assert planned([job]).packs[0].mode == "vmap"
    stacked, turns = (fit([job.member], mode)[0].metrics["test/rmse"] for mode in ("vmap", "loop"))
    assert stacked == pytest.approx(turns, rel=1e-4)


def test_a_small_sweep_stays_in_this_process_and_a_large_one_does_not(jobs: Compose) -> None:
    assert planned(jobs("seed=0", "seed=1")).processes == 1
    many = jobs(*[f"seed={seed} trainer.max_epochs=2000" for seed in range(64)])
    large = planned(many)
    assert large.processes == 2
    assert [len(pack.jobs) for pack in large.packs] == [32, 32]
    assert planned(many, cores=1).processes == 1


def test_the_data_of_a_plan_is_loaded_once(jobs: Compose) -> None:
    (job,) = jobs("seed=0")
    cache = planned([job]).cache
    member = job.member
    assert cache.load(member.source, 0, "vector") is cache.load(member.source, 0, "vector")
    assert cache.load(member.source, 1, "vector") is not DataCache().load(member.source, 1, "vector")


def test_planning_imports_no_lightning() -> None:
    """The workers import it meanwhile; in this process it would delay the first of them by seconds."""
    told = "import lossbench.pack.plan, sys; print('pytorch_lightning' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


@pytest.mark.parametrize(("much", "seeds"), [(0, {(0,), (1,)}), (10**9, {(0, 1)})])
def test_packs_of_much_data_have_few_seeds_each(
    jobs: Compose, monkeypatch: pytest.MonkeyPatch, much: int, seeds: set[tuple[int, ...]]
) -> None:
    """A process then loads and holds less of it; small data is better cut by losses."""
    monkeypatch.setattr("lossbench.pack.plan._MUCH", much)
    monkeypatch.setattr("lossbench.pack.plan._WORTH_PROCESSES", 0)
    runs = [
        f"loss={loss} optimizer.lr={lr} seed={seed}"
        for loss in ("mse", "mae")
        for lr in range(1, 9)
        for seed in (0, 1)
    ]
    packs = planned(jobs(*runs)).packs
    assert [len(pack.jobs) for pack in packs] == [16, 16]
    assert {tuple(sorted({job.member.seed for job in pack.jobs})) for pack in packs} == seeds
