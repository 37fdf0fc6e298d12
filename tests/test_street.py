"""Imports go down the street: pyproject.toml says in which order the rooms stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# In a process of its own, because it sets up logging anew.
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def test_imports_go_down_the_street() -> None:
    command = [sys.executable, "-c", LINT, "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
