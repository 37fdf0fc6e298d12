"""A record says which code, versions and config made it."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from lossbench import __version__
from lossbench.tracking import provenance


def test_knobs_become_params_that_read_as_on_the_command_line() -> None:
    knobs = {
        "seed": 0,
        "loss": {"name": "huber", "delta": 1e-3, "on": True},
        "model": {"hidden": [64, 64], "nested": {"_target_": "x", "_partial_": True, "deep": None}},
    }
    assert provenance.flatten(knobs) == {
        "seed": "0",
        "loss.name": "huber",
        "loss.delta": "0.001",
        "loss.on": "true",
        "model.hidden": "[64, 64]",
        "model.nested._target_": "x",
        "model.nested.deep": "null",
    }


def test_versions_are_those_that_are_installed() -> None:
    versions = json.loads(provenance.versions())
    assert versions["python"] == platform.python_version()
    assert versions["numpy"] == numpy.__version__
    assert {"torch", "pytorch-lightning", "mlflow", "scikit-learn"} <= set(versions)
    assert versions["lossbench"] == __version__


def git(folder: Path, *command: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *command], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def package(folder: Path) -> Path:
    """A copy of lossbench outside any repository."""
    place = folder / "checkout" / "src" / "lossbench"
    shutil.copytree(
        Path(provenance.__file__).parent.parent, place, ignore=shutil.ignore_patterns("__pycache__")
    )
    return place


def commit_of(package: Path, cwd: Path) -> tuple[str, str]:
    source = (
        f"import sys; sys.path.insert(0, {str(package.parent)!r}); import lossbench; "
        f"lossbench.__path__[:] = [{str(package)!r}]; from lossbench.tracking.provenance import commit; "
        "print(*commit())"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", source], cwd=cwd, capture_output=True, text=True, check=True
    )
    name, dirty = done.stdout.split()
    return name, dirty


def test_a_checkout_is_clean_until_code_changes(package: Path, folder: Path) -> None:
    checkout, away = folder / "checkout", folder / "away"
    away.mkdir()
    assert commit_of(package, away) == ("unknown", "unknown")
    git(checkout, "init")
    git(checkout, "add", ".")
    git(checkout, "commit", "-m", "all")
    name, dirty = commit_of(package, away)
    assert len(name) == 40
    assert dirty == "false"
    (checkout / "results.csv").touch()
    assert commit_of(package, away)[1] == "false"
    (checkout / "my_loss.py").touch()
    assert commit_of(package, away)[1] == "true"
    (checkout / "my_loss.py").unlink()
    with (package / "errors.py").open("a") as file:
        file.write("\n")
    assert commit_of(package, away) == (name, "true")


def test_an_installed_package_takes_the_commit_of_the_current_folder(package: Path, folder: Path) -> None:
    (folder / "work").mkdir()
    git(folder / "work", "init")
    git(folder / "work", "commit", "--allow-empty", "-m", "mine")
    name, dirty = commit_of(package, folder / "work")
    assert (len(name), dirty) == (40, "false")


def test_no_git_is_no_fault(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    provenance.commit.cache_clear()
    try:
        assert provenance.commit() == ("unknown", "unknown")
    finally:
        provenance.commit.cache_clear()
