"""From a real MLflow database to the folder, the page and the report run, and again."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from lossbench.claims.claim import Experiment
from lossbench.claims.declared import load_experiment, shipped
from lossbench.errors import InputError
from lossbench.report.__main__ import main
from lossbench.report.made import PAGES
from lossbench.report.page import commands
from lossbench.report.request import parse
from lossbench.report.write import write
from lossbench.tracking.runs import EXPERIMENT, KEY, KIND, OUTCOME
from lossbench.verdicts.build import build
from lossbench.verdicts.selecting import chosen

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


@pytest.fixture(scope="module")
def store(database: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A made-up sweep, written by MLflow's own client."""
    folder = tmp_path_factory.mktemp("store")
    shutil.copy(database, folder / "mlflow.db")
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.create_experiment("made_up", artifact_location=str(folder / "artifacts"))
    for loss, worth in (("mse", 0.5), ("mae", 0.1), ("huber", 0.1)):
        for rate in (0.001, 0.01, 0.1):
            for seed in range(3):
                _write(client, experiment, loss, rate, seed, worth + abs(rate - 0.01) + seed * 0.01)
    _write(client, experiment, "mse", 0.01, 99, 0.0)
    return f"sqlite:///{folder}/mlflow.db"


def _write(client: MlflowClient, place: str, loss: str, rate: float, seed: int, value: float) -> None:
    """One run; seed 99 failed."""
    outcome = "failed" if seed == 99 else "finished"
    tags = {KIND: "member", OUTCOME: outcome, KEY: f"{loss} {rate} {seed}", EXPERIMENT: "made_up"}
    tags["lossbench.fingerprint"] = f"print {seed}"
    run_id = client.create_run(place, tags=tags).info.run_id
    params = {
        "seed": seed,
        "data.name": "outliers",
        "model.name": "mlp",
        "loss.name": loss,
        "optimizer.name": "adam",
        "optimizer.lr": rate,
    }
    jitter = (len(loss) * (seed + 1) % 4) / 1000
    numbers = {
        "val_best/mae": value,
        "test/mae": value + jitter,
        "test/rmse": 2 * value,
        "test_cross/mse": 1.0,
    }
    client.log_batch(
        run_id,
        metrics=[Metric(name, number, 0, 0) for name, number in numbers.items() if outcome == "finished"],
        params=[Param(name, str(param)) for name, param in params.items()],
    )
    client.set_terminated(run_id, "FINISHED" if outcome == "finished" else "FAILED")


@pytest.fixture
def asked(store: str) -> list[str]:
    return ["experiment=made_up", f"tracking.uri={store}"]


def test_a_report_of_a_plain_experiment(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*asked, f"report.out={tmp_path}/out"])
    said = capsys.readouterr().out
    assert "mae" in said
    assert "1 of 28 runs failed" in " ".join(said.split())
    out = tmp_path / "out"
    readme = (out / "README.md").read_text()
    assert "python -m lossbench.report experiment=made_up" in readme
    assert "fingerprint" in readme
    assert json.loads((out / "verdicts.json").read_text()) == []
    assert len(pd.read_csv(out / "results.csv")) == 28
    page = (out / "report.html").read_text()
    assert len(page) <= 3_000_000
    no = "no marks and no verdicts: 3 seeds allow no verdict on 3 pairs of losses"
    assert all(no in " ".join(text.split()) for text in (said, readme, page))
    assert all(
        "possible, not certain, from 8 seeds on" in " ".join(text.split()) for text in (said, readme, page)
    )
    assert "~" not in readme.partition("What was swept")[0].partition("| loss |")[2]
    assert "http://" not in page
    assert "https://" not in page
    assert 'src="data:image/png;base64,' in page or not list(out.glob("*.png"))


def test_a_report_made_again_is_the_same_and_replaces_its_run(store: str, tmp_path: Path) -> None:
    arguments = [
        "experiment=made_up",
        f"tracking.uri={store}",
        f"report.out={tmp_path}",
        "report.figures=false",
    ]
    (tmp_path / "notes.txt").touch()
    main(arguments)
    first = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    main(arguments)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == first
    client = MlflowClient(store)
    place = client.get_experiment_by_name("made_up").experiment_id
    found = client.search_runs([place], filter_string=f"tags.`{KIND}` = 'report'")
    assert len(found) == 1
    stored = {item.path for item in client.list_artifacts(found[0].info.run_id, "report")}
    assert stored == {f"report/{name}" for name in PAGES}  # and nothing else that lies in the folder
    assert "| mse |" in found[0].data.tags["mlflow.note.content"]


def test_the_page_on_calibration_is_linked_only_where_it_lies(runs: pd.DataFrame, tmp_path: Path) -> None:
    report, readme = build(Experiment("made_up"), runs), tmp_path / "out" / "README.md"
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration" / "README.md").write_text("# calibration\n\nAn experiment of somebody's own.")
    write(report, tmp_path / "out", {})
    assert "## Verdicts" in readme.read_text()
    assert "calibration" not in readme.read_text()
    shutil.copy(EXPERIMENTS / "calibration" / "README.md", tmp_path / "calibration")
    write(report, tmp_path / "out", {})
    assert "[calibration](../calibration/README.md)" in readme.read_text()


def test_a_database_of_another_version_is_told_before_anything_is_written(
    asked: list[str], store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "old.db"
    with sqlite3.connect(store.removeprefix("sqlite:///")) as database, sqlite3.connect(old) as copy:
        database.backup(copy)
        copy.execute("UPDATE alembic_version SET version_num = '0584bdc529eb'")
    arguments = [asked[0], f"tracking.uri=sqlite:///{old}", f"report.out={tmp_path}/out"]
    with pytest.raises(InputError, match=r"old\.db was made by another version of MLflow; run 'mlflow db up"):
        main(arguments)
    assert not (tmp_path / "out").exists()
    assert capsys.readouterr().out == ""
    main([*arguments, "report.record=false", "report.figures=false"])  # which need not write to it
    assert (tmp_path / "out" / "README.md").exists()


def test_a_quick_look_writes_nothing(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    main([*asked, "report.files=false", "loss=mae,mse", "optimizer.lr=0.01"])
    said = capsys.readouterr().out
    assert "huber" not in said.partition("in a browser")[0]
    assert "/runs?workflowType=machine_learning" in said
    assert "No learning rate was chosen" in said
    assert list(tmp_path.iterdir()) == []


def test_a_filtered_report_replaces_neither_the_recorded_files_nor_the_report_run(
    asked: list[str],
    store: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    client = MlflowClient(store)

    def report_runs() -> list[str]:
        place = client.get_experiment_by_name("made_up").experiment_id
        found = client.search_runs([place], filter_string=f"tags.`{KIND}` = 'report'")
        return [run.info.run_id for run in found]

    main([*asked, "report.figures=false"])
    folder = tmp_path / "experiments" / "made_up"
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    runs = report_runs()
    capsys.readouterr()
    main([*asked, "report.figures=false", "loss=mae,mse"])
    said = capsys.readouterr().out
    assert "Only the runs with loss=mae,mse are in this report." in said
    assert "report.out=FOLDER writes them" in said
    main([*asked, "report.figures=false", "loss=mae,mse", "report.out=part"])
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert report_runs() == runs
    page = (tmp_path / "part" / "README.md").read_text()
    assert "Only the runs with loss=mae,mse are in this report." in page
    assert "python -m lossbench.report experiment=made_up loss=mae,mse report.out=FOLDER" in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Name an experiment"),
        (["outliers"], "write key=value"),
        (["experiment=x", "--config-dir"], "needs a folder"),
        (["experiment=x", "--config-dir", "no/such"], "is no folder"),
        (["experiment=x", "report.figurs=false"], "did you mean 'figures'"),
        (["experiment=x", "report.figures=maybe"], "true or false"),
    ],
)
def test_a_faulty_command_line_is_refused(arguments: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse(arguments)


def test_missing_runs_and_keys_are_refused(asked: list[str], store: str) -> None:
    with pytest.raises(InputError, match="no finished run"):
        main(["experiment=demo_faces", f"tracking.uri={store}"])
    with pytest.raises(InputError, match=r"experiment=sentimant .did you mean 'sentiment'"):
        main(["experiment=sentimant", f"tracking.uri={store}"])
    with pytest.raises(InputError, match=r"did you mean 'loss\.name'"):
        main([*asked, "loss.nam=mae"])


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        (["loss=bce"], r"^No run has loss=bce; recorded: huber, mae, mse\.$"),
        (["optimizer.lr=0.5,[1]"], r"^No run has optimizer\.lr=0\.5,\[1\]; recorded: 0\.001, 0\.01, 0\.1\.$"),
        (["seed=-1"], r"^No run has seed=-1; recorded: 0, 1, 2, 99\.$"),
        (["model=maybe"], r"^No run has model=maybe; recorded: mlp\.$"),
        (
            ["seed=99", "loss=mae"],
            "^No run has seed=99 loss=mae together, though some have each of them; leave one of them out",
        ),
    ],
)
def test_a_selection_that_no_run_has_is_told_with_what_is_recorded(
    asked: list[str], selection: list[str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        main([*asked, *selection])


def test_a_file_selects_its_runs_however_its_path_is_spelt(
    runs: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    odd = runs["seed"] % 2 == 1
    runs["data.path"] = np.where(odd, "t.csv", "other.csv")
    for spelt in ("t.csv", "./t.csv", "a/../t.csv", str(tmp_path / "t.csv"), ["./t.csv", "none.csv"]):
        assert set(chosen(runs, {"data.path": spelt})["data.path"]) == {"t.csv"}
    assert len(chosen(runs, {"data.path": ["./t.csv", "./other.csv"]})) == len(runs)
    with pytest.raises(InputError, match=r"^No run has data.path=\./u\.csv; recorded: other\.csv, t\.csv\."):
        chosen(runs, {"data.path": "./u.csv"})


OWN = """
experiment:
  question: Does the order hold?
  judge: rmse
  select: mae
  claims:
    - {id: a, sentence: Mine is better., source: me, left: {loss: mine}, right: {loss: mse}}
"""


def test_an_experiment_of_a_folder_of_the_users_is_judged_by_its_claims(tmp_path: Path) -> None:
    for name, text in {"experiment/own.yaml": OWN, "loss/mine.yaml": "_target_: mine.Mine\n"}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    request = parse(["--config-dir", str(tmp_path), "experiment=own", "loss=mine"])
    assert (request.experiment, request.selection) == ("own", {"loss": "mine"})
    experiment = load_experiment(request.experiment, request.folder)
    assert [claim.left for claim in experiment.claims] == [{"loss": "mine"}]
    assert commands(experiment) == [
        f"python -m lossbench --config-dir {tmp_path} -m experiment=own",
        f"python -m lossbench.report --config-dir {tmp_path} experiment=own",
    ]


def test_runs_that_no_yaml_describes_are_not_said_to_come_from_one() -> None:
    assert not any("-m lossbench -m" in command for command in commands(load_experiment("adhoc")))
    assert commands(load_experiment("outliers"))[0] == "python -m lossbench -m experiment=outliers"


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_experiment_is_sound(name: str) -> None:
    experiment = load_experiment(name)
    assert experiment.question
    assert experiment.judge


def test_the_program_answers_a_mistake_in_one_sentence_without_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from lossbench.report import __main__ as program, terminal, write; "
        "from lossbench.verdicts import build; "
        "program.load_experiment('demo_outliers'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path).returncode == 0
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/none.db"}
    done = subprocess.run(
        [sys.executable, "-m", "lossbench.report", "experiment=demo_outliers"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "run a sweep first" in done.stderr
