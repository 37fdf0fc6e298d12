"""The notebook of the docs runs from its first cell to its last, and shows what it promises."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lossbench.interactive.answer import Answer, Figure

NOTEBOOK = Path(__file__).parents[2] / "experiments" / "from_python.ipynb"


def shown(code: str, names: dict[str, Any]) -> Any:
    """Run a cell; the value of its last line, as a notebook shows it."""
    cell = ast.parse(code)
    last = cell.body.pop() if isinstance(cell.body[-1], ast.Expr) else None
    exec(compile(cell, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None


@pytest.mark.slow
def test_every_cell_runs_and_shows_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    names: dict[str, Any] = {}
    values = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    found = [shown(code, names) for code in values]
    kinds = [type(value) for value in found if value is not None]
    assert kinds == [pd.DataFrame, Answer, pd.DataFrame, Figure, pd.DataFrame, pd.DataFrame]
    answer = names["answer"]
    assert "training 72 runs" in capsys.readouterr().out
    assert answer.answer.startswith("Train with ")
    assert "mae" in answer._repr_markdown_()
    small, large = found[-2].iloc[:, 0]  # what is predicted for two homes
    assert 100 < small < large < 800
    assert set(found[-1]["loss"]) >= {"mse", "mae", "huber"}


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]
