"""Verdicts beside the recorded ones."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import reproduce
from reproduce import TARGETS, Line, Request, commands, compare, main, parse, recorded

from lossbench.claims.declared import load_experiment, shipped
from lossbench.errors import InputError

ROOT = Path(__file__).parents[1]


def test_a_changed_a_new_and_a_dropped_verdict_count_as_changed() -> None:
    before = {"outliers": {"same": "supported", "turned": "supported", "dropped": "refuted"}}
    now = {"outliers": {"same": "supported", "turned": "inconclusive", "new": "supported"}}
    lines = compare(before, now)
    assert {line.claim: line.changed for line in lines} == {
        "same": False,
        "turned": True,
        "new": True,
        "dropped": True,
    }
    assert Line("outliers", "turned", "supported", "inconclusive") in lines


def test_recorded_verdicts_are_those_of_the_last_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("experiments/outliers/verdicts.json")
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps([{"id": "a", "verdict": "supported"}]))
    assert recorded() == {"outliers": {"a": "supported"}}  # without git: the files
    commit = ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "recorded"]
    for command in (["init", "-q"], ["add", "."], commit):
        subprocess.run(["git", *command], check=True)
    file.write_text(json.dumps([{"id": "a", "verdict": "refuted"}]))
    assert recorded() == {"outliers": {"a": "supported"}}


@pytest.mark.slow
def test_the_exit_code_tells_whether_a_verdict_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    from lossbench.anatomy.properties import PROPERTIES

    file = Path("experiments/anatomy/verdicts.json")
    file.parent.mkdir(parents=True)
    records = [{"id": of.id, "verdict": "supported"} for of in PROPERTIES]
    file.write_text(json.dumps([{**records[0], "verdict": "refuted"}, *records[1:]]))
    asked = ["report.only=anatomy", "report.out=new", f"tracking.uri=sqlite:///{tmp_path}/mlflow.db"]
    assert main(asked) == 1
    assert f"{len(records)} verdicts, 1 changed." in capsys.readouterr().out
    file.write_text(json.dumps(records))
    monkeypatch.setattr(reproduce, "run_all", lambda request: None)  # the new report lies there already
    assert main(asked) == 0
    assert f"{len(records)} verdicts, 0 changed." in capsys.readouterr().out


def test_training_and_report_use_one_store_and_one_folder(tmp_path: Path) -> None:
    train, report = commands("outliers", Request(uri="sqlite:///a.db", out=tmp_path))
    assert train == ["-m", "lossbench", "-m", "experiment=outliers", "tracking.uri=sqlite:///a.db"]
    assert report[2:] == [
        "experiment=outliers",
        "tracking.uri=sqlite:///a.db",
        f"report.out={tmp_path / 'outliers'}",
    ]


@pytest.mark.parametrize("argument", ["outliers", "report.only=outlier", "report.train=perhaps", "seed=1"])
def test_what_is_not_understood_is_refused(argument: str) -> None:
    with pytest.raises(InputError):
        parse([argument])


def test_every_experiment_that_ships_is_reproduced_by_its_make_target() -> None:
    named = [name for names in TARGETS.values() for name in names]
    makefile = (ROOT / "Makefile").read_text()
    elsewhere = re.search(r"^ELSEWHERE := (.*)$", makefile, re.MULTILINE)  # of which nothing is recorded
    assert elsewhere is not None
    beside = [
        name
        for target in elsewhere.group(1).split()
        for found in re.findall(rf"^COMPANIONS_{target} := (.*)$", makefile, re.MULTILINE)
        for name in (target, *found.split())
    ]
    alone = [target for target in elsewhere.group(1).split() if target not in beside]
    trained = [name for name in shipped() if not name.startswith("demo_")]
    assert sorted([*named, *alone, *beside]) == sorted([*trained, "anatomy", "box_regression"])
    for target, names in TARGETS.items():
        companions = re.search(rf"^COMPANIONS_{target} := (.*)$", makefile, re.MULTILINE)
        assert names[1:] == tuple(companions.group(1).split() if companions else ())


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_experiment_has_claims_that_are_right(name: str) -> None:
    assert load_experiment(name).name == name
