"""A sweep from Python is that of the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import lossbench
from lossbench.errors import InputError
from lossbench.interactive.running import recorded_as

SMALL = {"optimizer.lr": 0.01, "hydra.launcher.n_jobs": 1, "trainer.max_epochs": 1}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(autouse=True)
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def frame() -> pd.DataFrame:
    drawn = np.random.default_rng(0)
    inputs = drawn.normal(size=(120, 2))
    return pd.DataFrame(inputs, columns=["a", "b"]).assign(c=inputs.sum(1) + drawn.normal(size=120))


def test_a_frame_is_swept_and_answered(capsys: pytest.CaptureFixture[str]) -> None:
    answer = lossbench.sweep(SMALL, data=frame(), target="c", loss=["mse", "mae"], seeds=6, name="mine")
    assert "training 12 runs" in capsys.readouterr().out
    assert len(answer.runs) == 12
    assert answer.answer.startswith("Train with m")
    assert str(answer) == answer.answer
    means = answer.table.query("column == 'mae'").set_index("loss")["mean"]
    assert means["mse"] == pytest.approx(answer.runs.query("`loss.name` == 'mse'")["test/mae"].mean())
    assert list(answer.verdicts["metric"]) == ["mae"]
    assert "mine" in answer._repr_markdown_()
    metric = answer.figure("metric")
    assert metric._repr_png_().startswith(b"\x89PNG")
    metric.save("metric.png")
    assert Path("metric.png").read_bytes() == metric.png
    with pytest.raises(InputError, match="no figure matric"):
        answer.figure("matric")
    again = lossbench.results("mine")
    assert again.answer == answer.answer
    assert again.runs.equals(answer.runs)


def test_what_the_command_line_refuses_is_raised_in_its_words() -> None:
    with pytest.raises(InputError, match=r"^loss=msee is unknown \(did you mean 'mse'\?"):
        lossbench.sweep(data="outliers", loss="msee", quiet=True)
    with pytest.raises(InputError, match="Nothing is recorded as experiment=never"):
        lossbench.results("never")


def test_a_name_that_is_set_counts_before_that_of_a_yaml() -> None:
    assert recorded_as({"experiment": "outliers", "experiment.name": "mine"}) == "mine"
    assert recorded_as({"experiment": "outliers"}) == "outliers"
    assert recorded_as({"data": "outliers"}) == "adhoc"


def test_the_package_is_imported_without_what_only_a_sweep_needs() -> None:
    code = "import lossbench, sys; assert 'sweep' in dir(lossbench); print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
