"""Packs on machines that may not see this one's files."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from lossbench.errors import InputError
from lossbench.job import Job
from lossbench.pack.abroad import Mark, Unseen, fit_abroad
from lossbench.pack.plan import plan
from lossbench.pack.said import Trained
from lossbench.pack.work import fit_pack

Compose = Callable[..., list[Job]]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_pack_trains_as_here_and_says_whether_it_sees_the_shared_folder(
    jobs: Compose, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = pickle.loads(pickle.dumps(Mark.of_cache()))
    assert Mark.of_cache() == mark  # also that of the next sweep
    work = plan(jobs("trainer.max_epochs=1"), 1, 1).packs[0].work
    monkeypatch.delenv("LOSSBENCH_CACHE")
    said: list[Trained | Unseen] = []
    expected = fit_pack(work, said.append)
    assert fit_abroad(work, said.append, mark) == expected
    assert said == [Trained(1, 1), Trained(1, 1)]
    assert os.environ["LOSSBENCH_CACHE"] == str(cache)
    mark.path.write_text("another folder of the same name")
    assert fit_abroad(work, said.append, mark) == expected
    (told, _) = said[2:]
    assert isinstance(told, Unseen)
    assert f"does not see the folder {cache} of this one" in str(told)


def test_a_shared_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(InputError, match="let LOSSBENCH_CACHE name a folder that all machines share"):
        Mark.of_cache()
