"""The Makefile's own logic: what a person with a bare machine meets before any of our Python runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SETUP_AND_CHECKS = {
    "help",
    "setup",
    "test",
    "test-slow",
    "test-readme",
    "test-ui",
    "test-cluster",
    "lint",
    "format",
    "audit",
    "lock",
    "clean",
}
PROGRAMS = {
    "demo",
    "ui",
    "bench",
    "outliers",
    "mnist",
    "mnist_cnn",
    "sentiment",
    "faces",
    "faces_lfw",
    "price",
    "crowns",
    "depth",
    "boxes",
    "spam",
    "topics",
    "sentences",
    "forecast",
    "language",
    "recommend",
    "recommend_lightfm",
    "vae",
    "vae_reference",
    "distill",
    "distill_full",
    "rlhf",
    "anatomy",
    "box-regression",
    "reproduce",
}

# Stands in for Python, because a real install takes a minute: it notes what it is asked to do, makes a
# "virtual environment" that holds itself, and fails where the file `broken` names a word of the request.
PYTHON = """#!/bin/sh
echo "$*" >> "$PROJECT/log"
case "$*" in
    "-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    --version) echo "Python 3.11.0" ;;
esac
if [ -f "$PROJECT/broken" ]; then
    case "$*" in *"$(cat "$PROJECT/broken")"*) echo "no such package on earth"; exit 1 ;; esac
fi
"""

Make = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    return folder


@pytest.fixture
def make(project: Path) -> Make:
    def run(*arguments: str, folder: Path = project) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        environment["PROJECT"] = str(folder)
        command = ["make", f"PYTHON={project.parent / 'python'}", *arguments]
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )

    return run


def installs(folder: Path) -> list[str]:
    log = folder / "log"
    lines = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return [line for line in lines if "pip install" in line]


def test_help_is_the_default_and_lists_every_target(make: Make) -> None:
    listed = re.findall(r"^  make ([a-z_-]+) +\S", make().stdout, flags=re.MULTILINE)
    assert set(listed) == SETUP_AND_CHECKS | PROGRAMS


def test_first_call_installs_the_pins_and_the_second_nothing(make: Make, project: Path) -> None:
    assert make("lint").returncode == 0
    requests = installs(project)
    assert ["--require-hashes" in line for line in requests] == [True, False, False]
    assert re.search(r" torch==\d+\.\d+\.\d+$", requests[1])
    assert requests[2].endswith("-e .")

    second = make("lint")
    assert second.returncode == 0
    assert installs(project) == []
    assert "Setting up" not in second.stdout


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_changed_pins_install_again_into_the_same_environment(make: Make, project: Path, name: str) -> None:
    make("lint")
    installs(project)
    stamp = (project / ".venv" / ".installed").stat()
    os.utime(project / name, (stamp.st_atime + 5, stamp.st_mtime + 5))
    kept = project / ".venv" / "kept"
    kept.touch()
    make("lint")
    assert len(installs(project)) == 3
    assert kept.exists()


def test_moved_folder_installs_again(make: Make, project: Path) -> None:
    make("lint")
    moved = project.rename(project.with_name("with a space"))
    installs(moved)
    assert make("lint", folder=moved).returncode == 0
    assert len(installs(moved)) == 3
    make("lint", folder=moved)
    assert installs(moved) == []


@pytest.mark.parametrize("step", ["requirements.lock", "torch==", "-e ."])
def test_failed_step_shows_its_output_and_is_tried_again(make: Make, project: Path, step: str) -> None:
    (project / "broken").write_text(step)
    failed = make("lint")
    assert failed.returncode != 0
    assert "no such package on earth" in failed.stderr
    assert not (project / ".venv" / ".installed").exists()

    (project / "broken").unlink()
    installs(project)
    assert make("lint").returncode == 0
    assert len(installs(project)) == 3


def test_refuses_an_interpreter_that_is_too_old_in_one_sentence(make: Make, project: Path) -> None:
    refused = make("test", "PYTHON=false")
    assert refused.returncode != 0
    words = [line for line in refused.stderr.splitlines() if not line.startswith("make:")]
    assert len(words) == 1
    assert words[0].startswith("lossbench needs Python 3.11 or newer, and false is none")
    assert not (project / ".venv").exists()


def test_one_place_names_the_release_of_torch() -> None:
    names = subprocess.run(
        ["git", "grep", "-lE", r"torch==[0-9]", "--", ":!requirements.lock"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if names.returncode > 1:
        pytest.skip("not a git checkout")
    assert names.stdout.split() == ["pyproject.toml"]
