"""What is trained again and what is not: every knob of every choice counts; a diverged run is a result."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hydra import compose
from hydra.utils import get_class
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from lossbench.config.folders import GROUPS, conf_dir
from lossbench.config.making import make
from lossbench.errors import InputError
from lossbench.job import KINDS, Job, jobs_from
from lossbench.outcome import Outcome
from lossbench.train import train_many

pytestmark = pytest.mark.usefixtures("composing")

SMALL = "data.train_size=32 data.val_size=10 data.test_size=10 trainer.max_epochs=1 hydra/launcher=basic"


@pytest.fixture
def folder(stored: Path) -> Path:
    return stored


def job() -> Job:
    return jobs_from([compose("config", SMALL.split())])[0]


MODULE = {"_target_": "torch.nn.Identity"}  # which model=module leaves to its user
VALUES = ("another", 12345, 0.12345, True, False, [7], ["seven"])
OTHERS = {
    "module": ({"_target_": "torch.nn.Tanh"},),
    "weights": (None, "IMAGENET1K_V1"),
    "architecture": ("resnet34", "vgg11"),
    "heads": (2, 8),  # which share the width
    "width": (32, 0.5),
    "levels": ([0.2, 0.7],),
    "parts": ({"mse": 2.0}, {"giou": 1.0, "mae": 3.0}),
    "knobs": ({"mse": {"softmax": True}}, {"mae": {"softmax": True}}),
}
OF = {("siamese", "encoder"): ("linear", "mlp"), ("siamese", "knobs"): ({"hidden": [7]}, {"word_size": 9})}
REFUSED = {("quantiles", "level")}  # of several levels there is no one level
PARTS = {"data": "source"}  # the group by another name in a member


def shipped() -> list[tuple[str, dict[str, Any]]]:
    """(group, node) of every choice that ships and whose data needs no file."""
    found = []
    for group in GROUPS:
        for path in sorted((conf_dir() / group).glob("*.yaml")):
            node: Any = OmegaConf.to_container(OmegaConf.load(path))
            if (group != "data" or path.stem == "outliers") and "function" not in node:
                given: dict[str, Any] = {"module": MODULE} if "module" in node else {}
                given |= {"weights": "DEFAULT"} if "frozen" in node else {}  # null has nothing to freeze
                given |= {"parts": {"mse": 1.0}} if node["name"] == "sum" else {}  # null is a sum of nothing
                found.append((group, {str(name): value for name, value in node.items()} | given))
    return found


@pytest.mark.parametrize(("group", "node"), shipped(), ids=lambda one: one if isinstance(one, str) else "")
def test_whatever_a_knob_becomes_the_key_changes(group: str, node: dict[str, Any]) -> None:
    base = job_once()

    def key(node: dict[str, Any]) -> str:
        made: Any = make(group, KINDS[group], node)
        member = replace(base.member, **{PARTS.get(group, group): made})
        return replace(base, member=member, config={**base.config, group: node}).key

    before = key(node)
    for field in dataclasses.fields(get_class(node["_target_"])):
        if (node["name"], field.name) in REFUSED or not field.init:
            continue
        changed = []
        others = OF.get((node["name"], field.name)) or OTHERS.get(field.name, VALUES)
        for value in field.metadata.get("choices") or others:
            if value != node.get(field.name, field.default):
                with contextlib.suppress(InputError):  # of another type, or out of its range
                    changed.append(key({**node, field.name: value}) != before)
        assert changed, field.name
        assert all(changed), field.name


@given(
    st.permutations(["data", "model", "loss", "optimizer", "trainer", "seed", "experiment"]), st.booleans()
)
def test_order_and_manner_do_not_change_the_key(order: list[str], flag: bool) -> None:
    before = job_once()
    changed = {name: before.config[name] for name in order}
    changed |= {"pack": {"mode": "loop", "checkpoint_every": 3}, "tracking": {"resume": flag}}
    assert replace(before, config=changed, mode="loop").key == before.key


_JOBS: list[Job] = []


def job_once() -> Job:
    """One job for all examples of a property."""
    if not _JOBS:
        _JOBS.append(job())
    return _JOBS[0]


def train(folder: Path, *overrides: str) -> Outcome:
    uri = f"tracking.uri=sqlite:///{folder}/mlflow.db"
    return train_many([compose("config", [*SMALL.split(), uri, *overrides])], n_jobs=1)[0]


def counted(folder: Path) -> list[str]:
    """Ids of the results that no later one has replaced."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        rows = database.execute(
            "SELECT run_uuid FROM tags WHERE key = 'lossbench.outcome' AND value IN ('finished', 'diverged') "
            "EXCEPT SELECT run_uuid FROM tags WHERE key = 'lossbench.superseded' AND value = 'true'"
        ).fetchall()
    return [run_id for (run_id,) in rows]


def test_a_diverged_run_is_trained_again_when_asked_and_counts_once(folder: Path) -> None:
    first = train(folder, "optimizer.lr=1e30")
    assert (first.outcome, first.found) == ("diverged", False)
    assert train(folder, "optimizer.lr=1e30").found
    again = train(folder, "optimizer.lr=1e30", "tracking.retry_diverged=true")
    assert not again.found
    assert counted(folder) == [again.run_id]


def test_without_resume_all_is_trained_again_and_counts_once(folder: Path) -> None:
    first = train(folder)
    assert train(folder, "tracking.retry_diverged=true").found  # it has not diverged
    again = train(folder, "tracking.resume=false")
    assert not again.found
    assert again.metrics == first.metrics
    assert counted(folder) == [again.run_id]
