"""What the commands beside `python -m lossbench` have in common."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence

import pytest

from lossbench.cli.command import run, wrapped
from lossbench.errors import InputError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["program", "key=value"])
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)


def raising(error: BaseException) -> int:
    def main(arguments: Sequence[str]) -> None:
        assert arguments == ["key=value"]
        raise error

    with pytest.raises(SystemExit) as left:
        run("lossbench.some", main, None)
    return int(left.value.code or 0)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (InputError("No such thing."), 2, "lossbench.some: No such thing.\n"),
        (
            PermissionError(13, "Permission denied", "mlflow.db"),
            2,
            "mlflow.db cannot be used (Permission denied)",
        ),
        (KeyboardInterrupt(), 130, "lossbench.some: interrupted.\n"),
        (BrokenPipeError(), 1, ""),
    ],
)
def test_a_fault_is_one_sentence_and_no_traceback(
    capsys: pytest.CaptureFixture[str], error: BaseException, status: int, said: str
) -> None:
    assert raising(error) == status
    assert said in (told := capsys.readouterr().err)
    assert told.count("\n") == bool(said)


def test_a_mistake_in_the_program_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        run("lossbench.some", lambda _: 1 // 0, None)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(InputError):
        run("lossbench.some", lambda _: (_ for _ in ()).throw(InputError("so")), None)


@pytest.mark.parametrize("status", [0, 1, None])
def test_the_status_is_what_the_command_says(status: int | None) -> None:
    with pytest.raises(SystemExit) as left:
        run("lossbench.some", lambda _: status, None)
    assert left.value.code == (status or 0)


def test_a_terminal_gets_lines_broken_between_words_and_a_pipe_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((30, 24)))
    text = "loss=hubber is unknown (did you mean 'huber'? known: mse, well-known)"
    assert wrapped(text, io.StringIO()) == text
    lines = wrapped(text, Terminal()).split("\n")
    assert max(map(len, lines)) <= 30
    assert " ".join(lines) == text
