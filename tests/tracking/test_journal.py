"""A batch on disk is whole, comes back as it was, and is taken by one process only."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbench.tracking.address import parse
from lossbench.tracking.journal import FOLDER, Entry, Journal, Opening
from lossbench.tracking.runs import RunResult

TEXTS = st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=3)
NUMBERS = st.floats(allow_nan=False)
ENTRIES = st.builds(
    Entry,
    opening=st.builds(
        Opening,
        experiment=st.text(max_size=9),
        name=st.text(max_size=9),
        params=TEXTS,
        tags=TEXTS,
        started=st.integers(0, 2**45),
        data_set=st.none() | TEXTS,
    ),
    result=st.builds(
        RunResult,
        run_id=st.text(max_size=9),
        outcome=st.sampled_from(["finished", "diverged", "failed", "killed"]),
        reason=st.none() | st.text(max_size=30),
        traceback=st.none() | st.text(max_size=30),
        history=st.dictionaries(st.text(max_size=9), st.lists(st.tuples(st.integers(0, 99), NUMBERS))),
        metrics=st.dictionaries(st.text(max_size=9), NUMBERS),
        artifacts=st.dictionaries(st.sampled_from(["predictions.npz", "notes.txt"]), st.binary()),
    ),
    ended=st.integers(0, 2**45),
    created=st.booleans(),
)


def an_entry(name: str = "run") -> Entry:
    return Entry(Opening("demo", name, {}, {}, 0, None), RunResult("id", "finished"), 1, True)


@given(ENTRIES)
def test_an_entry_survives_the_disk(entry: Entry) -> None:
    line = entry.to_json()
    assert "\n" not in line
    assert Entry.from_json(line) == entry


def test_an_artifact_cannot_leave_its_folder() -> None:
    entry = an_entry()
    entry.result.artifacts["../outside"] = b""
    with pytest.raises(ValueError, match="path"):
        Entry.from_json(entry.to_json())


def test_batches_of_living_processes_are_left_to_them(folder: Path) -> None:
    journal = Journal(parse("sqlite:///mlflow.db"))
    path = journal.write([an_entry()])
    assert path
    assert list(Journal(parse("sqlite:///mlflow.db")).orphans()) == []
    journal.release(path)
    [(claimed, entries)] = Journal(parse("sqlite:///mlflow.db")).orphans()
    assert entries == [an_entry()]
    assert list(journal.orphans()) == []  # claimed by the first who asked
    journal.remove(claimed)
    assert not (folder / FOLDER).exists()


def test_batches_of_another_database_are_left_to_it(folder: Path) -> None:
    one, other = Journal(parse("sqlite:///mlflow.db")), Journal(parse("sqlite:///other.db"))
    path = one.write([an_entry()])
    assert path
    one.release(path)
    assert list(other.orphans()) == []
    assert len(list(one.orphans())) == 1


def test_half_a_batch_is_not_taken(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(parse("sqlite:///mlflow.db"))
    path = journal.write([an_entry()])
    assert path
    text = path.read_text()
    half = path.with_name("left,1.partial")
    path.rename(half)
    assert list(journal.orphans()) == []
    assert not half.exists()  # nobody will ever finish it
    folder_of_batches = folder / FOLDER
    folder_of_batches.mkdir(exist_ok=True)
    (folder_of_batches / "left,2.jsonl").write_text(text[:-20])
    caplog.set_level(logging.WARNING)
    assert list(journal.orphans()) == []
    assert "no readable results" in caplog.text


def test_a_folder_that_goes_while_it_is_listed_has_left_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that recorded its last batch removes it, maybe between two steps of a listing."""

    def gone(path: Path, pattern: str) -> list[Path]:
        raise FileNotFoundError(path)

    journal = Journal(parse("sqlite:///mlflow.db"))
    monkeypatch.setattr(Path, "glob", gone)
    assert list(journal.orphans()) == []
