"""Students of a teacher train as all runs do: stacked, alone as in company, and the same once more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lossbench.cli.dry_run import Shown, show
from lossbench.data.cache import DataCache
from lossbench.job import Job
from lossbench.pack.fit import fit
from lossbench.pack.plan import plan
from lossbench.rerun import rerun
from lossbench.teachers import lesson
from lossbench.train import train_many

if TYPE_CHECKING:
    from omegaconf import DictConfig

LOSSES = ("distillation", "reverse_kl", "jsd", "logit_mse", "label_smoothing", "cce")
Results = list[tuple[dict[str, float], dict[str, list[tuple[int, float]]]]]


def results(jobs: list[Job], mode: str) -> Results:
    fitted = fit([job.member for job in jobs], mode, DataCache())
    assert [result.outcome for result in fitted] == ["finished"] * len(jobs)
    return [(result.metrics, result.history) for result in fitted]


@pytest.fixture(scope="module")
def together(jobs: Callable[..., list[Job]]) -> list[Job]:
    """All losses, two temperatures, two seeds."""
    more = [[f"loss={loss}", f"seed={number % 2}"] for number, loss in enumerate(LOSSES)]
    return jobs(*more, ["loss=distillation", "loss.temperature=2", "loss.alpha=1"])


@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_each_student_has_the_numbers_that_it_has_alone(together: list[Job], mode: str) -> None:
    packed = results(together, mode)
    for job, found in list(zip(together, packed, strict=True))[:: 2 if mode == "vmap" else 4]:
        assert results([job], mode) == [found], job.name


def test_all_of_them_are_one_stack(together: list[Job]) -> None:
    planned = plan(together, 1, 128)
    assert [pack.mode for pack in planned.packs] == ["vmap"]


def test_other_classes_that_students_do_not_see_make_another_pack(jobs: Callable[..., list[Job]]) -> None:
    planned = plan(jobs(["loss=cce"], ["loss=cce", "data.without=3"], ["loss=distillation"]), 1, 128)
    assert sorted(len(pack.jobs) for pack in planned.packs) == [1, 2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("students")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


def test_a_sweep_tells_of_its_teachers_first_and_a_run_is_the_same_once_more(
    small: Callable[..., DictConfig],
    folder: Path,
    database: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (folder / "mlflow.db").write_bytes(database.read_bytes())
    uri = f"sqlite:///{folder}/mlflow.db"
    sweep = [
        small(f"loss={loss}", f"seed={seed}", f"tracking.uri={uri}")
        for loss in ("distillation", "cce")
        for seed in (3, 4)
    ]
    with caplog.at_level(logging.INFO):
        trained = train_many(sweep, n_jobs=1)
    assert [one.outcome for one in trained] == ["finished"] * 4
    first = [record.message for record in caplog.records][:2]
    assert first[0] == "2 teachers train first, one for each seed"
    assert "teacher mlp of mnist_5k (train_size=120, val_size=60, test_size=60): " in first[1]
    assert "% of test examples wrong, 2 seeds: " in first[1]
    monkeypatch.setattr(lesson, "_trained", lambda *_: pytest.fail("a teacher is trained again"))
    assert all(one.found for one in train_many(sweep, n_jobs=1))
    monkeypatch.undo()
    for file in (Path(lesson.place("")).parent).glob("*.npz"):
        file.unlink()  # the teacher is trained anew, too
    comparison = rerun(str(trained[0].run_id), uri)
    assert (comparison.close, comparison.apart, comparison.different) == ({}, [], [])
    assert comparison.same > 10


def test_a_dry_run_trains_no_teacher_and_says_that_one_would_be(
    small: Callable[..., DictConfig],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lesson, "_trained", lambda *_: pytest.fail("a teacher is trained"))
    config = small("loss=distillation", "seed=77", f"tracking.uri=sqlite:///{folder}/none.db")
    with pytest.raises(Shown):
        show([config], n_jobs=1)
    told = capsys.readouterr().out
    assert "targets multiclass of 10, identity of 10, teacher of 10; 120 rows to train" in told
    assert "1 teacher would train first, which is in none of the times below" in told
