"""The user's own code is part of what a run is: a changed file makes other runs; shipped parts have none."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose

from lossbench.config import own_code
from lossbench.errors import InputError
from lossbench.job import Job, jobs_from
from lossbench.rerun import rerun
from lossbench.tracking import read_runs
from lossbench.train import train_many

pytestmark = pytest.mark.usefixtures("composing")

SMALL = "hydra/launcher=basic data.train_size=64 data.val_size=20 data.test_size=20 trainer.max_epochs=1"
LOSS = """
from dataclasses import dataclass
from lossbench.losses.heads import ValueLoss
{imports}

@dataclass(frozen=True, kw_only=True)
class Bounded(ValueLoss):
    def __call__(self, output, target, kind):
        output, target = self.compared(output, target, kind)
        return (output - target).square().mean(-1){ending}
"""
METRIC = """
from lossbench.metrics.measure import Measure, Metric
TAIL = Measure((Metric("tail", "own", False, "tail"),), ("value",), ("continuous",), "own_tail:{function}")

def tail(value, target):
    return {{"tail": (target - value).mean(-1){ending}}}
"""


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    for module in [one for one in sys.modules if one.startswith(("own_", "bounded"))]:
        del sys.modules[module]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with a loss and a metric of one's own; Python's caches are left out."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    imports = "def late():\n    from own_parts import table"
    write(tmp_path, "bounded.py", LOSS.format(imports=imports, ending=""))
    write(tmp_path, "own_parts/__init__.py", "")
    write(tmp_path, "own_parts/table.py", "from . import more\nimport torch\n")
    write(tmp_path, "own_parts/more.py", "WIDTH = 2\n")
    write(tmp_path, "own_tail.py", METRIC.format(function="tail", ending=""))
    yield tmp_path
    write(tmp_path, "own_end.py", "")


BOUNDED = "loss=mse loss._target_=bounded.Bounded loss.name=bounded"


def job(words: str) -> Job:
    return jobs_from([compose("config", [*SMALL.split(), *words.split()])])[0]


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("data.train_size=20", "c6a6f1ffd7447817ce3dc521351d4d3af7d175b1062e5be8d2cad1e2b61f37fc"),
        (
            "data=mnist_5k loss=focal model=cnn",
            "dbe81aaf03fa30775ceacbf6c91116cf1b5b888d98cff3a3bef8eac2c83ec407",
        ),
    ],
)
def test_keys_of_shipped_parts_are_those_of_0_6_0(words: str, key: str) -> None:
    (made,) = jobs_from([compose("config", words.split())])
    assert made.code == {}
    assert made.key == made.key_without_code == key


def test_files_of_ones_own_and_what_they_import_are_in_the_key(folder: Path) -> None:
    words = f"{BOUNDED} data.metrics=[own_tail.TAIL]"
    first = job(words)
    names = ["bounded.py", "own_parts/__init__.py", "own_parts/more.py", "own_parts/table.py", "own_tail.py"]
    assert sorted(first.code) == names
    for name in names:
        write(folder, name, (folder / name).read_text() + "\n# another word\n")
        again = job(words)
        assert own_code.changed(first.code, again.code) == [name]
        assert again.key != first.key
        assert again.key_without_code == first.key_without_code
        first = again
    assert job("loss=mae").code == {}


def test_a_file_is_read_once_a_sweep(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    once = own_code.read
    monkeypatch.setattr(
        own_code, "read", lambda file, package: (read.append(file.name), once(file, package))[1]
    )
    words = [f"{BOUNDED} {more}" for more in ("", "data.metrics=[own_tail.TAIL]", "seed=1")]
    made = jobs_from([compose("config", [*SMALL.split(), *own.split()]) for own in words])
    assert [len(job.code) for job in made] == [4, 5, 4]
    assert sorted(read) == ["__init__.py", "bounded.py", "more.py", "own_tail.py", "table.py"]


def test_a_module_of_ones_own_in_an_adapter_counts(folder: Path) -> None:
    write(
        folder,
        "own_net.py",
        "from torch import nn\n\ndef net(inputs, outputs):\n    return nn.Linear(inputs, outputs)\n",
    )
    node = "model.module._target_=own_net.net +model.module.inputs=features +model.module.outputs=outputs"
    assert list(job(f"model=module {node}").code) == ["own_net.py"]


def test_a_function_of_a_metric_that_is_not_there_is_refused_before_anything_is_read(folder: Path) -> None:
    write(folder, "own_tail.py", METRIC.format(function="tial", ending=""))
    with pytest.raises(InputError, match="measure of tail names the function 'own_tail:tial', which cannot"):
        job("data.metrics=[own_tail.TAIL]")


def test_runs_are_trained_again_after_a_change_which_is_said(
    folder: Path, stored: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    def train(*seeds: int) -> list[str]:
        caplog.clear()
        words = [f"{loss} seed={seed}" for loss in (BOUNDED, "loss=mae") for seed in seeds]
        base = [*SMALL.split(), "experiment.name=own"]
        outcomes = train_many([compose("config", [*base, *own.split()]) for own in words], n_jobs=1)
        return [str(outcome.run_id) for outcome in outcomes]

    first = train(0, 1)
    assert train(0, 1) == first
    write(folder, "bounded.py", LOSS.format(imports="", ending=" * 3"))
    changed = train(0, 1)
    assert changed[2:] == first[2:]
    assert not set(changed[:2]) & set(first)
    told = "your bounded.py changed since these 2 runs: they are trained again; what is in MLflow stays there"
    assert [record.message for record in caplog.records].count(told) == 1
    recorded = read_runs("sqlite:///mlflow.db", "own").set_index("run_id")
    assert set(recorded.index) == {*first, *changed}
    comparison = rerun(first[0], "sqlite:///mlflow.db")
    assert any(line.startswith("your bounded.py: ") for line in comparison.different)
    assert not any(line.startswith("your") for line in rerun(changed[0], "sqlite:///mlflow.db").different)
