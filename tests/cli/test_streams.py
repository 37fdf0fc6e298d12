"""Every sign can be printed on any terminal, and a reader that has gone costs nothing."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lossbench.cli import command, streams


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("ascii", b"mae v 0.1+-0.2 --- gr\\xf6\\xdfe"), ("latin-1", b"mae v 0.1\xb10.2 --- gr\xf6\xdfe")],
)
def test_signs_that_a_terminal_lacks_are_written_plainly(
    encoding: str, written: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr("sys.stdout", terminal)
    streams.settle()
    terminal.write("mae ↓ 0.1±0.2 ─── größe")
    terminal.flush()
    assert terminal.buffer.getvalue() == written  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_report_is_made_and_shown_on_a_terminal_without_utf_8(tmp_path: Path) -> None:
    arguments = ["-m", "lossbench.report", "experiment=anatomy", "report.figures=false"]
    done = subprocess.run(
        [sys.executable, *arguments, "report.record=false", "report.out=out"],
        cwd=tmp_path, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"out/README.md" in done.stdout
    assert b"supported" in done.stdout
    assert (tmp_path / "out" / "README.md").exists()


@pytest.mark.slow
def test_a_reader_who_has_gone_costs_no_file_and_no_traceback(tmp_path: Path) -> None:
    arguments = ["-m", "lossbench.report", "experiment=anatomy", "report.figures=false"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, *arguments, "report.record=false", "report.out=out"],
        cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")
    assert (tmp_path / "out" / "README.md").exists()


@pytest.mark.parametrize("arguments", [["--help"], ["--dry-run", "seed=0"]], ids=["help", "dry run"])
def test_what_is_only_printed_ends_quietly_for_a_reader_who_has_gone(
    arguments: list[str], tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    line = [sys.executable, "-u", "-m", "lossbench", *arguments]
    done = subprocess.run(line, cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_stream_that_was_closed_at_the_start_ends_a_command_as_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", ["program"])
    monkeypatch.setattr("sys.stdout", None)  # what `>&-` makes of it
    with pytest.raises(SystemExit) as left:
        command.run("lossbench.some", lambda _: print("a table"), None)
    assert left.value.code == 0
    sys.stdout.close()
