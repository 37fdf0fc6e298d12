"""Which command lines begin the imports of worker processes at once."""

from __future__ import annotations

import pytest

from lossbench.engines import foresight

LARGE = [
    "-m seed=range(0,8)",
    "-m loss=mse,mae,huber optimizer.lr=0.1,0.01 seed=range(0,50)",
    "seed=range(0,1000000000) --multirun",
    "-m experiment=outliers",
    "-m experiment=outliers hydra.launcher.n_jobs=2",
]
OTHERS = [
    "seed=0",
    "-m seed=0,1,2",
    "experiment=outliers",
    "-m experiment=outliers hydra/launcher=basic",
    "-m experiment=outliers hydra.launcher.n_jobs=1",
    "-m experiment=outliers hydra.launcher.engine=ray",
    "-m experiment=outliers --cfg job",
    "-m experiment=outliers --info",
    "-m experiment=outliers --hydra-help",
]


@pytest.mark.parametrize("line", LARGE)
def test_a_sweep_of_several_runs_is_seen(line: str) -> None:
    assert foresight.several(line.split())


@pytest.mark.parametrize("line", OTHERS)
def test_everything_else_is_left_alone(line: str) -> None:
    assert not foresight.several(line.split())


@pytest.mark.parametrize("line", ["-m seed=0,,1", "-m seed=range(", "-m loss=glob(*)", "-m =,="])
def test_a_fault_of_the_command_line_is_not_told_here(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foresight, "warm", pytest.fail)
    foresight.begin(line.split())
