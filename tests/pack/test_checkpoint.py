"""An interrupted pack goes on from its checkpoint with the numbers of one that was left alone, to the bit."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lossbench.job import Job, Member
from lossbench.losses.mse import MSE
from lossbench.pack.checkpoint import Checkpoint, Checkpoints
from lossbench.pack.fate import MemberResult
from lossbench.pack.fit import fit
from lossbench.pack.plan import plan
from lossbench.pack.said import Trained
from lossbench.task import Target

Compose = Callable[..., list[Job]]

EPOCHS = 6
OPTIMIZERS = ("adam", "adamw optimizer.weight_decay=0.1", "sgd optimizer.clip=1.0 optimizer.schedule=cosine")
DIGITS = "data=mnist_5k model=cnn data.train_size=40 data.val_size=20 data.test_size=20 trainer.batch_size=16"


class Interruption(Exception):  # noqa: N818
    """Stands for whatever ends a pack between two epochs."""


@dataclass(frozen=True, kw_only=True)
class RaisesAlways(MSE):
    """A loss with a fault."""

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        raise RuntimeError("I never work")


def interrupt_at(epoch: int) -> Callable[[int], None]:
    """A listener that ends the pack when this many epochs are done."""
    left = iter(range(epoch - 1, -1, -1))

    def listen(trained: Trained) -> None:
        if next(left) == 0:
            raise Interruption

    return listen


def bits(result: MemberResult) -> tuple[object, ...]:
    """All that a member leaves behind."""
    arrays = {name: array.tobytes() for name, array in result.predictions.items()}
    return (result.outcome, result.reason, result.traceback, result.history, result.metrics, arrays)


def members(jobs: list[Job]) -> list[Member]:
    return [job.member for job in jobs]


def interrupted(pack: list[Member], mode: str, folder: Path, epochs: tuple[int, ...]) -> list[MemberResult]:
    """The results of a pack that ends after each of these epochs and is trained again each time."""
    checkpoint = Checkpoints(folder).of(["k"], mode, gpu=False, every=2)
    for epoch in epochs:
        with pytest.raises(Interruption):
            fit(pack, mode, on_epoch=interrupt_at(epoch), checkpoint=checkpoint)
    assert checkpoint.path.exists()
    resumed: list[object] = []
    results = fit(pack, mode, on_epoch=resumed.append, checkpoint=checkpoint)
    assert len(resumed) < EPOCHS  # it did not begin anew
    return results


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_an_interrupted_pack_has_the_numbers_of_an_uninterrupted_one(
    jobs: Compose, tmp_path: Path, optimizer: str, mode: str
) -> None:
    knobs = f"trainer.max_epochs={EPOCHS} model.dropout=0.2 trainer.patience=3 optimizer={optimizer}"
    pack = members(
        jobs(*[f"{knobs} loss={loss} seed={seed}" for loss in ("mse", "huber") for seed in (0, 1)])
    )
    whole = fit(pack, mode)
    again = interrupted(pack, mode, tmp_path, (3, 2))
    assert [bits(result) for result in again] == [bits(result) for result in whole]


def test_by_default_a_pack_writes_after_each_minute_and_goes_on_from_there(
    jobs: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = jobs(*[f"trainer.max_epochs={EPOCHS} seed={seed}" for seed in (0, 1)])
    (planned,) = plan(pack, 1, 128, Checkpoints(tmp_path)).packs
    checkpoint = planned.checkpoint
    assert checkpoint is not None
    whole = fit(members(pack), "vmap", checkpoint=checkpoint)
    assert not list(tmp_path.iterdir())  # it took no minute
    seconds = iter(range(0, 10_000, 25))  # that have passed whenever somebody asks
    monkeypatch.setattr("lossbench.pack.saving.time.monotonic", lambda: float(next(seconds)))
    with pytest.raises(Interruption):
        fit(members(pack), "vmap", on_epoch=interrupt_at(4), checkpoint=checkpoint)
    assert Checkpoints(tmp_path).begun(pack, "vmap", gpu=False)[0] == [pack]
    resumed: list[object] = []
    again = fit(members(pack), "vmap", on_epoch=resumed.append, checkpoint=checkpoint)
    assert 0 < len(resumed) < EPOCHS
    assert [bits(result) for result in again] == [bits(result) for result in whole]


@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_fates_survive_an_interruption(jobs: Compose, tmp_path: Path, mode: str) -> None:
    knobs = f"loss=mse trainer.max_epochs={EPOCHS}"
    pack = members(jobs(f"{knobs} seed=0", f"{knobs} seed=1 optimizer.lr=1e30", f"{knobs} seed=2"))
    pack[2] = replace(pack[2], loss=RaisesAlways(name="raises"))
    whole = fit(pack, mode)
    assert [result.outcome for result in whole] == ["finished", "diverged", "failed"]
    assert [bits(result) for result in interrupted(pack, mode, tmp_path, (5,))] == [bits(r) for r in whole]


def test_convolutions_in_turns_go_on_as_they_were(jobs: Compose, tmp_path: Path) -> None:
    pack = members(jobs(f"{DIGITS} trainer.max_epochs={EPOCHS} loss=cce", small=False))
    whole = fit(pack, "loop")
    assert [bits(result) for result in interrupted(pack, "loop", tmp_path, (3,))] == [bits(r) for r in whole]


def test_a_pack_of_one_goes_on_too(jobs: Compose, tmp_path: Path) -> None:
    pack = members(jobs(f"loss=mae trainer.max_epochs={EPOCHS}"))
    whole = fit(pack, "vmap")
    assert [bits(result) for result in interrupted(pack, "vmap", tmp_path, (3,))] == [bits(r) for r in whole]


def test_a_pack_that_had_stopped_early_stays_stopped(jobs: Compose, tmp_path: Path) -> None:
    pack = members(jobs("loss=mse optimizer.lr=1e30 trainer.max_epochs=50"))
    checkpoint = Checkpoints(tmp_path).of(["k"], "vmap", gpu=False, every=1)
    with pytest.raises(Interruption):
        fit(pack, "vmap", on_epoch=_after_saving, checkpoint=checkpoint)
    resumed: list[object] = []
    fit(pack, "vmap", on_epoch=resumed.append, checkpoint=checkpoint)
    assert len(resumed) <= 1


def _after_saving(trained: Trained) -> None:
    if trained.members == 0:
        raise Interruption


def saved(pack: list[Job], folder: Path) -> Checkpoint:
    """The checkpoint of a pack that ended after its second epoch."""
    checkpoint = Checkpoints(folder).of([job.key for job in pack], "vmap", gpu=False, every=1)
    with pytest.raises(Interruption):
        fit(members(pack), "vmap", on_epoch=interrupt_at(2), checkpoint=checkpoint)
    return checkpoint


def test_packs_are_formed_again_as_they_were_whatever_else_is_wanted(jobs: Compose, tmp_path: Path) -> None:
    zero, one, two = jobs(*[f"loss=mse seed={seed}" for seed in (0, 1, 2)])
    checkpoint = saved([two, zero], tmp_path)
    checkpoints = Checkpoints(tmp_path)
    planned = plan([zero, one, two], 1, 128, checkpoints)
    assert [pack.jobs for pack in planned.packs] == [(two, zero), (one,)]
    assert [pack.checkpoint for pack in planned.packs] == [
        replace(checkpoint, every=None),
        Checkpoints(tmp_path).of([one.key], "vmap", gpu=False, every=None),
    ]
    assert checkpoints.begun([zero, one], "vmap", gpu=False) == ([], [zero, one])  # its pack is not whole
    for mode, gpu in ("loop", False), ("vmap", True):  # it would have other numbers
        assert checkpoints.begun([zero, two], mode, gpu) == ([], [zero, two])


def test_of_two_checkpoints_with_the_same_run_the_further_counts(jobs: Compose, tmp_path: Path) -> None:
    zero, one = jobs(*[f"loss=mse seed={seed} trainer.max_epochs=5" for seed in (0, 1)])
    saved([zero, one], tmp_path)
    further = Checkpoints(tmp_path).of([one.key], "vmap", gpu=False, every=1)
    with pytest.raises(Interruption):
        fit(members([one]), "vmap", on_epoch=interrupt_at(3), checkpoint=further)
    assert Checkpoints(tmp_path).begun([zero, one], "vmap", gpu=False) == ([[one]], [zero])


def test_a_checkpoint_holds_no_code_and_goes_with_any_of_its_runs(jobs: Compose, tmp_path: Path) -> None:
    pack = jobs(*[f"loss=mse seed={seed}" for seed in (0, 1)])
    checkpoint = saved(pack, tmp_path / "folder")
    torch.load(checkpoint.path, weights_only=True)
    checkpoints = Checkpoints(tmp_path / "folder")
    checkpoints.forget(["another"])
    assert checkpoint.path.exists()
    checkpoints.forget([pack[1].key])
    assert not checkpoint.path.parent.exists()  # the folder goes with the last of them


def test_a_damaged_checkpoint_is_told_and_put_away(
    jobs: Compose, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pack = jobs("loss=mse")
    checkpoint = saved(pack, tmp_path)
    os.truncate(checkpoint.path, 1000)
    assert Checkpoints(tmp_path).begun(pack, "vmap", gpu=False) == ([], pack)
    assert "no readable checkpoint" in caplog.text
    assert not checkpoint.path.exists()


@pytest.mark.parametrize(
    "error", [OSError("a passing fault of the disk"), RuntimeError("no memory to map it")]
)
def test_a_checkpoint_that_cannot_be_read_for_once_is_neither_removed_nor_replaced(
    jobs: Compose,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    pack = jobs("loss=mse")
    checkpoint = saved(pack, tmp_path)

    def fails(*_: object, **__: object) -> None:
        raise error

    checkpoints = Checkpoints(tmp_path)
    with monkeypatch.context() as now:
        now.setattr(torch, "load", fails)
        checkpoints.forget(["another"])
        (planned,) = plan(pack, 1, 128, checkpoints).packs
    assert planned.checkpoint is None
    assert caplog.text.count("cannot be read now") == 1
    (planned,) = plan(pack, 1, 128, Checkpoints(tmp_path)).packs
    assert planned.checkpoint == replace(checkpoint, every=None)


def test_a_pack_whose_checkpoint_another_sweep_removes_as_it_begins_trains_anew(
    jobs: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = jobs("loss=mse")
    whole = fit(members(pack), "vmap")
    checkpoint = saved(pack, tmp_path)

    @contextmanager
    def finished_elsewhere() -> Iterator[None]:
        checkpoint.forget()
        yield

    monkeypatch.setattr("lossbench.pack.fit.freed_memory_kept", finished_elsewhere)
    again = fit(members(pack), "vmap", checkpoint=replace(checkpoint, every=0))
    assert [bits(result) for result in again] == [bits(result) for result in whole]


def test_what_a_process_left_that_died_while_it_wrote_a_checkpoint_goes(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    partial = Checkpoints(folder).of(["k"], "vmap", gpu=False).partial()
    partial.touch()
    Checkpoints(folder).forget([])
    assert partial.exists()  # its process, this one, lives
    name, owner = partial.name.split(",", 1)
    host, _, rest = owner.split(",", 2)
    partial.rename(folder / f"{name},{host},{2**22 + 1},{rest}")  # above the highest number of a process
    Checkpoints(folder).forget([])
    assert not folder.exists()


def test_a_folder_that_goes_with_the_pack_that_ends_stops_no_first_checkpoint(
    jobs: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pack = jobs("loss=mse")
    ends = Checkpoints(tmp_path / "folder").of(["another"], "vmap", gpu=False)
    save, times = torch.save, iter(range(9))

    def meanwhile(*arguments: Any, **options: Any) -> None:
        if next(times) == 0:
            ends.forget()  # the folder, which has been made, is empty still
        save(*arguments, **options)

    monkeypatch.setattr(torch, "save", meanwhile)
    assert saved(pack, tmp_path / "folder").path.exists()
    assert "No checkpoint" not in caplog.text
    assert Checkpoints(tmp_path / "folder").begun(pack, "vmap", gpu=False) == ([pack], [])


def test_a_folder_that_takes_no_checkpoint_is_told_once_and_stops_nobody(
    jobs: Compose, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    checkpoint = Checkpoints(tmp_path / "file").of(["k"], "vmap", gpu=False, every=1)
    (result,) = fit(members(jobs("loss=mse")), "vmap", checkpoint=checkpoint)
    assert result.outcome == "finished"
    assert caplog.text.count("No checkpoint can be written") == 1
