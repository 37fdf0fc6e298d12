"""What packs find where they train decides on their number, width and kind."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from lossbench.engines.events import Event, Send
from lossbench.engines.local import Local, cores
from lossbench.errors import InputError
from lossbench.job import Job
from lossbench.pack import where
from lossbench.pack.plan import plan
from lossbench.pack.where import gpu_memory, shared_in_turns, suited
from lossbench.pack.work import Work

Compose = Callable[..., list[Job]]
KEEPS_MUCH = "data=mnist_5k data.train_size=200 data.val_size=50 data.test_size=100 model=cnn loss=cce"


@dataclass(frozen=True)
class Cluster:
    """Other machines, which this test does not have."""

    slots: int = 2
    gpus_per_pack: float = 0
    elsewhere: bool = True
    going: tuple[Work, ...] = ()

    def underway(self) -> list[Work]:
        return list(self.going)

    def run(self, function: Callable[[Any, Send], Any], items: Sequence[Any]) -> Generator[Event, None, None]:
        raise NotImplementedError


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins, which PyTorch would list and this process never uses."""

    class Properties:
        total_memory = 8_000_000_000

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: Properties)


def test_packs_are_as_many_as_fit_side_by_side_and_none_is_a_narrow_stack(jobs: Compose) -> None:
    wide, narrow = jobs("loss=mse") * 90, jobs("loss=mse") * 40
    assert [len(pack.jobs) for pack in plan(wide, Cluster(slots=3), 128).packs] == [30, 30, 30]
    assert [len(pack.jobs) for pack in plan(narrow, Cluster(slots=50), 128).packs] == [20, 20]


def test_of_members_that_take_long_a_few_are_no_narrow_stack(jobs: Compose) -> None:
    """In a process of their own 6 MLPs of 1,000 take less than beside 6 others; their stack loses little."""
    wide = jobs("loss=mse model.hidden=[1000,200]") * 12
    assert [len(pack.jobs) for pack in plan(wide, Cluster(slots=2), 128).packs] == [6, 6]
    assert [len(pack.jobs) for pack in plan(jobs("loss=mse") * 12, Cluster(slots=2), 128).packs] == [12]


def test_packs_on_other_machines_never_train_in_this_process(jobs: Compose) -> None:
    assert plan(jobs("loss=mse"), Local(2), 128).alone
    assert not plan(jobs("loss=mse"), Cluster(slots=1), 128).alone


def test_a_pack_stacks_as_its_gpu_likes_also_where_this_machine_has_none(jobs: Compose) -> None:
    job = jobs(KEEPS_MUCH, small=False)
    modes = [plan(job, Cluster(gpus_per_pack=share), 8).packs[0].mode for share in (0, 0.5)]
    assert modes == ["loop", "vmap"]
    on_cpu = jobs(f"{KEEPS_MUCH} trainer.accelerator=cpu", small=False)
    assert plan(on_cpu, Cluster(gpus_per_pack=1), 8).packs[0].mode == "loop"


def test_a_gpu_that_no_pack_is_given_is_refused(jobs: Compose) -> None:
    asked = jobs("trainer.accelerator=cuda")
    assert plan(asked, Cluster(gpus_per_pack=0.5), 8).packs
    with pytest.raises(InputError, match=r"accelerator=cuda asks for a GPU, .*gpus_per_pack=1"):
        plan(asked, Cluster(), 8)


def test_a_share_of_a_gpu_that_is_not_there_is_told(
    jobs: Compose, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    plan(jobs("trainer.accelerator=cpu"), Local(gpus_per_pack=0.5), 8)
    assert not caplog.messages
    plan(jobs("loss=mse"), Local(gpus_per_pack=0.5), 8)
    assert caplog.messages == [
        "hydra.launcher.gpus_per_pack=0.5, and PyTorch finds no GPU here: packs train on the processor"
    ]


@pytest.mark.usefixtures("two_gpus")
def test_packs_in_turns_share_a_gpu_unless_somebody_says_how(jobs: Compose) -> None:
    turns, stacks = jobs("pack.mode=loop") * 40, jobs("loss=mse") * 40
    assert shared_in_turns(Local(devices=("0", "1")), {"loop"}).slots == 8
    for modes, engine in (
        ({"loop", "vmap"}, Local(devices=("0", "1"))),
        ({"loop"}, Local(devices=("0", "1"), gpus_per_pack=1)),
        ({"loop"}, Local(3)),
    ):
        assert shared_in_turns(engine, modes) is engine
    assert plan(turns, Local(), 128).engine.slots == 8
    assert plan(stacks, Local(), 128).engine.slots == 2


@pytest.mark.usefixtures("two_gpus")
def test_each_gpu_of_this_machine_is_a_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    engine = suited(Local(), ["auto"])
    assert (engine, engine.slots, engine.elsewhere) == (Local(devices=("0", "1")), 2, False)
    shared = suited(Local(gpus_per_pack=0.25), ["auto"])
    assert (shared.slots, gpu_memory(shared)) == (8, 2_000_000_000)
    assert gpu_memory(engine) == 8_000_000_000
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-7,9")  # of which two are there
    assert suited(Local(), ["cpu", "gpu"]) == Local(devices=("3", "GPU-7"))


@pytest.mark.usefixtures("two_gpus")
def test_gpus_are_left_alone_where_no_run_wants_one_and_hidden_where_packs_get_none() -> None:
    assert suited(Local(), ["cpu"]) == Local()
    hidden = suited(Local(gpus_per_pack=0), ["auto"])
    assert (hidden.slots, hidden.elsewhere, gpu_memory(hidden)) == (cores(), True, 0)
    with pytest.raises(InputError, match="no pack is given one"):
        suited(Local(gpus_per_pack=0), ["gpu"])


def test_a_machine_without_gpus_has_processes_whatever_share_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(where, "_devices", tuple)
    engine = suited(Local(gpus_per_pack=0.5), ["auto"])
    assert (engine.slots, gpu_memory(engine)) == (cores(), 0)


def test_packs_whose_jobs_still_run_are_formed_again_as_they_were(jobs: Compose) -> None:
    wanted = jobs(*(f"loss=mse seed={seed}" for seed in range(6)))
    (whole,) = plan(wanted[:5], Cluster(), 128).packs
    left = plan(wanted, Cluster(going=(whole.work,)), 128).packs
    assert [pack.work.keys for pack in left] == [whole.work.keys, (wanted[5].key,)]
    assert left[0].work.identity == whole.work.identity
    done = plan(wanted[1:], Cluster(going=(whole.work,)), 128).packs  # one of its runs is not wanted
    assert [len(pack.jobs) for pack in done] == [5]
