from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lossbench.cli import kept_usage, usage

MADE = "What there is."


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one, beside a file that the text is made of."""
    (tmp_path / "huber.yaml").write_text("delta: 1.0\n")
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(kept_usage, "_files", lambda: iter([tmp_path / "huber.yaml"]))
    monkeypatch.setattr(usage, "usage", lambda: MADE)
    return tmp_path / "cache"


def not_again() -> str:
    raise AssertionError("made again")


def test_it_is_made_once_until_a_file_changes(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kept_usage.kept_usage() == MADE
    with monkeypatch.context() as patch:
        patch.setattr(usage, "usage", not_again)
        assert kept_usage.kept_usage() == MADE
    (cache.parent / "huber.yaml").write_text("delta: 10.0\n")
    monkeypatch.setattr(usage, "usage", lambda: "What there is now.")
    assert kept_usage.kept_usage() == "What there is now."
    assert [path.name for path in cache.iterdir()] == ["usage.txt"]


def test_the_files_are_all_code_and_all_configs() -> None:
    found = {path.name for path in kept_usage._files()}
    assert {"usage.py", "huber.py", "huber.yaml", "config.yaml", "_version.py"} <= found


@pytest.mark.parametrize("damage", ["folder", "file", "bytes"])
def test_a_cache_that_cannot_be_used_costs_time_alone(cache: Path, damage: str) -> None:
    if damage == "folder":
        cache.write_text("a file where a folder is wanted")
    else:
        cache.mkdir()
        (cache / "usage.txt").write_bytes(b"\xff\xfe") if damage == "bytes" else (cache / "usage.txt").mkdir()
    assert kept_usage.kept_usage() == MADE


COMMAND = """
import runpy, sys
sys.argv[1:] = ["--help"]
try:
    runpy.run_module("lossbench", None, "__main__")
except SystemExit as end:
    print(end.code, "hydra" in sys.modules)
"""


def test_the_command_prints_the_text_and_the_second_time_imports_no_hydra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path))
    printed = [
        subprocess.run([sys.executable, "-c", COMMAND], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert printed == [f"{usage.usage()}\n0 True\n", f"{usage.usage()}\n0 False\n"]
