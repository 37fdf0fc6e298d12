"""The program as a person types it: the first sweep and the plainest commands in a process of their own, the
others forked from one that has its imports done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Run

from lossbench import __version__
from lossbench.claims.declared import load_experiment
from lossbench.config.folders import conf_dir
from lossbench.tracking import read_runs, runs

Done = subprocess.CompletedProcess[str]
Program = Callable[..., Done]
Numbers = dict[str, list[tuple[int, float]]]  # metric -> its curve

SMALL = ("data.train_size=100", "data.val_size=40", "data.test_size=40", "trainer.max_epochs=2")
SWEEP = ("-m", "loss=mse,huber", "seed=0,1", *SMALL)
BROKEN = """
_target_: lossbench.losses.third_party.ThirdParty
_recursive_: false
name: broken
function: {_target_: tired.on_a_batch, _partial_: true}
trains_on: [continuous]
encoding: value
output_size: one
meaning: value
"""
TIRED = """
def on_a_batch(output, target):
    if len(output) > 8:  # more than are tried before it trains
        raise RuntimeError("I am tired")
    return (output - target).square()
"""


def lossbench(*arguments: str, folder: Path, **environment: str) -> Done:
    return subprocess.run(
        [sys.executable, "-m", "lossbench", *arguments],
        cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip


@dataclass(frozen=True)
class Recorded:
    """The folder of a sweep, and what MLflow holds of it."""

    folder: Path

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder}/mlflow.db"

    def runs(self, experiment: str = "adhoc") -> dict[str, Run]:
        """The runs of an experiment that trained, by their name."""
        client = MlflowClient(self.uri)
        found = client.get_experiment_by_name(experiment)
        assert found
        members = client.search_runs([found.experiment_id], f"tags.`{runs.KIND}` = 'member'")
        return {run.info.run_name: run for run in members}

    def numbers(self, experiment: str = "adhoc") -> dict[str, Numbers]:
        """Every value of every metric of the runs of an experiment, to the bit."""
        client = MlflowClient(self.uri)

        def curve(run: Run, metric: str) -> list[tuple[int, float]]:
            points = client.get_metric_history(run.info.run_id, metric)
            return sorted((point.step, point.value) for point in points)

        return {
            name: {metric: curve(run, metric) for metric in run.data.metrics}
            for name, run in self.runs(experiment).items()
        }


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """One sweep of four runs, shared by all tests, also by those in other processes of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared_sweep"
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            folder.mkdir()
            done = lossbench(*SWEEP, folder=folder)
            assert done.returncode == 0, done.stderr
            (folder / "done").write_text(json.dumps([done.stdout, done.stderr]))
    return Recorded(folder)


def test_a_sweep_records_every_run_whole(sweep: Recorded) -> None:
    found = sweep.runs()
    assert sorted(found) == [f"{loss} lr=0.001 seed={seed}" for loss in ("huber", "mse") for seed in (0, 1)]
    for name, run in found.items():
        loss, seed = name.split()[0], name[-1]
        params, tags = run.data.params, run.data.tags
        assert run.info.status == "FINISHED"
        assert (params["loss.name"], params["seed"], params["data.name"]) == (loss, seed, "outliers")
        assert (params["optimizer.lr"], params["trainer.max_epochs"]) == ("0.001", "2")
        assert params.get("loss.delta") == ("1.0" if loss == "huber" else None)
        assert (tags[runs.LOSS], tags[runs.OUTCOME], tags[runs.KIND]) == (loss, "finished", "member")
        assert len(tags[runs.KEY]) == 64
        assert {"lossbench.commit", "lossbench.dirty", "lossbench.versions", "mlflow.runColor"} <= set(tags)
        assert {"test/mae", "test/rmse", "val_best/mae", "val_best/epoch", "test_cross/mse"} <= set(
            run.data.metrics
        )
        (data,) = run.inputs.dataset_inputs
        assert data.dataset.name == "outliers"
    for curves in sweep.numbers().values():
        assert [step for step, _ in curves["train/loss"]] == [1, 2]
        assert [step for step, _ in curves["val/mae"]] == [1, 2]


def test_a_sweep_leaves_hydras_folders_and_says_where_the_results_are(sweep: Recorded) -> None:
    (folder,) = (sweep.folder / "multirun").glob("*/*")
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["0", "1", "2", "3"]
    overrides = (folder / "3" / ".hydra" / "overrides.yaml").read_text().split()
    assert {"loss=huber", "seed=1"} <= set(overrides)
    stdout, stderr = json.loads((sweep.folder / "done").read_text())
    assert "recorded in sqlite:///mlflow.db, experiment adhoc" in stdout
    assert "Traceback" not in stdout + stderr
    assert "Warning" not in stdout + stderr


def test_a_finished_sweep_is_not_trained_again_wherever_it_is_called(
    sweep: Recorded, program: Program, tmp_path: Path
) -> None:
    before = {name: run.info.run_id for name, run in sweep.runs().items()}
    done = program(*SWEEP, folder=tmp_path, MLFLOW_TRACKING_URI=sweep.uri)
    assert done.returncode == 0, done.stderr
    assert "0 of 4 runs to train, 4 finished" in done.stdout
    assert {name: run.info.run_id for name, run in sweep.runs().items()} == before
    assert not (tmp_path / "mlflow.db").exists()


def test_one_after_another_gives_the_numbers_of_the_pack(
    sweep: Recorded, program: Program, tmp_path: Path
) -> None:
    basic = ("hydra/launcher=basic", "experiment.name=basic", f"tracking.uri={sweep.uri}")
    done = program(*SWEEP, *basic, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sweep.numbers("basic") == sweep.numbers()


def test_one_run_alone_gives_the_numbers_of_the_pack_and_tells_them(
    sweep: Recorded, program: Program, tmp_path: Path
) -> None:
    address = f"tracking.uri=sqlite:///{os.path.relpath(sweep.folder, tmp_path)}/mlflow.db"
    # Paths are those of the folder where one stands, whatever Hydra does about the folder of the job.
    alone = ("loss=huber", "seed=1", "experiment.name=alone", address, "hydra.job.chdir=true", *SMALL)
    done = program(*alone, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    (name,), numbers = sweep.runs("alone"), sweep.numbers("alone")
    assert numbers[name] == sweep.numbers()[name]
    ((_, mae),) = numbers[name]["test/mae"]
    assert f"{name}: best epoch" in done.stdout
    assert f"test/mae {mae:.4g}" in done.stdout
    assert list((tmp_path / "outputs").glob("*/*/.hydra/config.yaml"))


def test_the_same_sweep_beside_a_loss_that_fails_gives_the_same_numbers(
    sweep: Recorded, program: Program, tmp_path: Path
) -> None:
    (tmp_path / "own" / "loss").mkdir(parents=True)
    (tmp_path / "own" / "loss" / "broken.yaml").write_text(BROKEN)
    (tmp_path / "tired.py").write_text(TIRED)
    bad = ("--config-dir", "own", "-m", "loss=broken,mse,huber", "seed=0,1", *SMALL)
    done = program(*bad, "experiment.name=failing", f"tracking.uri={sweep.uri}", folder=tmp_path)
    assert done.returncode == 1
    found = sweep.runs("failing")
    failed = {name: run for name, run in found.items() if run.info.status == "FAILED"}
    assert sorted(failed) == ["broken lr=0.001 seed=0", "broken lr=0.001 seed=1"]
    numbers = sweep.numbers("failing")
    assert {name: numbers[name] for name in found if name not in failed} == sweep.numbers()
    for name, run in failed.items():
        assert f"{name} failed: the loss raised RuntimeError at step 1" in done.stdout
        assert "Traceback" in run.data.tags[runs.TRACEBACK]
    assert "2 of 6 runs have no result:" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert "Error executing job" not in done.stderr  # Hydra's words, about the first of them
    assert "lossbench: a run failed (broken" in done.stderr
    alone = program("--config-dir", "own", "loss=broken", *SMALL, folder=tmp_path)
    assert alone.returncode == 1
    assert "lossbench: a run failed (broken" in alone.stderr
    assert "Error executing job" not in alone.stderr


def test_an_experiment_whose_yaml_names_none_is_called_as_its_file(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "experiment"
    (folder / "sub").mkdir(parents=True)
    for name in ("first", "second", "sub/third"):
        (folder / f"{name}.yaml").write_text("# @package _global_\nexperiment: {judge: rmse}\n")
    own, uri = ("--config-dir", "mine", *SMALL), f"sqlite:///{tmp_path}/mlflow.db"
    for line in (["-m", "experiment=first,second"], ["experiment=sub/third"], ["experiment=first", "seed=1"]):
        done = program(*own, *line, folder=tmp_path)
        assert done.returncode == 0, done.stderr
    found = {name: len(Recorded(tmp_path).runs(name)) for name in ("first", "second", "third")}
    assert found == {"first": 2, "second": 1, "third": 1}
    for name in ("first", "sub/third"):  # what a report of it reads
        declared = load_experiment(name, tmp_path / "mine")
        assert read_runs(uri, declared.name)["test/rmse"].notna().all()


REFUSED = {
    "loss=hubber": "loss=hubber is unknown (did you mean 'huber'?",
    "loss=huber loss.delta=0": "loss.delta must be above 0; got 0.",
    "-m data=outliers,mnist_5k loss=mse,cce": "loss=cce cannot train on data=outliers, whose targets are ",
    "-m seed=range(3,0)": "The sweep is empty: give every range and list at least one value",
    "-m hydra.launcher.n_jobs=-1 seed=0,1": "hydra.launcher.n_jobs must be 0 (one per core) or more; got -1.",
    "hydra.launcher.engine=slrum": "hydra.launcher.engine=slrum is unknown (did you mean 'slurm'? known: ",
    "-m loss=[mse,mae] seed=0,1": "loss takes one name, not a list; to sweep over several write",
    "--loss huber": "--loss is no option; write loss=huber without dashes.",
    "tracking.uri=http://127.0.0.1:9": "http://127.0.0.1:9 cannot be used: Connection refused; start it, or",
    "tracking.uri=sqlite:////tmp": "names a folder; name a file in it, as in sqlite:////tmp/mlflow.db.",
    f"tracking.uri=sqlite:///{'m' * 300}": "cannot name a file (File name too long); name another.",
    "loss=../model/mlp": "loss=mlp: lossbench.models.mlp.MLP gives no Loss",
    "~experiment": "~experiment takes away what nobody has chosen; leave it out.",
    "experiment.name=": "experiment.name must be a text that is not empty; got '': leave it out,",
    "--config-dir own experiment=nul": "own/experiment/nul.yaml is no valid YAML (the character 0 at ",
    "--config-dir own experiment=latin": "own/experiment/latin.yaml is no text in UTF-8 (invalid start byte)",
    "--config-dir own experiment=circle": "The defaults of experiment/circle lead back to it; ",
    "--config-dir own -m experiment=circle seed=0,1": "The defaults of experiment/circle lead back to it; ",
    "--config-dir own experiment=claims": "experiment.claims must be a list, each item with id, ",
    "hydra.run.dir=/dev/null/x": "/dev/null/x cannot be used (Not a directory); free or name another place",
}
# The folder `own` of the commands above.
OWN = {
    "nul": b"# @package _global_\na: \0",
    "latin": b"# @package _global_\nexperiment: {question: f\xfcr?}",
    "circle": b"# @package _global_\ndefaults: [circle]",
    "claims": b"# @package _global_\nexperiment: {claims: 5}",
}
# Refused only when the data is made or PyTorch is asked, before a database is made.
LATE = {
    "trainer.accelerator=cuda": "trainer.accelerator=cuda asks for a GPU, and PyTorch finds none here; set ",
    "data.train_size=9223372036854775807": "The memory does not suffice (array is too big); make the data, ",
    "-m seed=0,1 model.hidden=[9223372036854775807]": "The memory does not suffice (Storage size ",
}
# Tells at the end whether the command imported what takes seconds.
WATCHED = """
import atexit, runpy, sys
atexit.register(lambda: print("torch" in sys.modules or "mlflow" in sys.modules))
runpy.run_module("lossbench", run_name="__main__")
"""


@pytest.mark.parametrize(("line", "words"), REFUSED.items(), ids=REFUSED)
def test_a_refused_command_says_one_sentence_and_makes_no_database(
    line: str, words: str, light_program: Program, tmp_path: Path
) -> None:
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    for name, content in OWN.items():
        (tmp_path / "own" / "experiment" / f"{name}.yaml").write_bytes(content)
    (tmp_path / "watched.py").write_text(WATCHED)
    done = light_program(*line.split(), module="watched", folder=tmp_path)
    assert done.returncode == 2
    (said,) = done.stderr.splitlines()
    assert said.startswith("lossbench: ")
    assert words in said
    assert said.endswith(".")
    assert done.stdout == "False\n"
    assert not list(tmp_path.glob("*.db*"))


@pytest.mark.parametrize(("line", "words"), LATE.items(), ids=LATE)
def test_what_no_machine_can_train_is_refused_likewise(
    line: str, words: str, program: Program, tmp_path: Path
) -> None:
    done = program(*line.split(), folder=tmp_path, CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2
    (said,) = done.stderr.splitlines()
    assert said.startswith(f"lossbench: {words}")
    assert not list(tmp_path.glob("*.db*"))


_INTERRUPTED = """
import runpy, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "lossbench.cli.app":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
runpy.run_module("lossbench", run_name="__main__")
"""


def test_ctrl_c_ends_the_program_quietly_from_its_first_import_on(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _INTERRUPTED, "seed=1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_a_traceback_is_shown_to_who_asks_for_it(tmp_path: Path) -> None:
    done = lossbench("loss=huber", "loss.delta=0", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "lossbench: loss.delta must be above 0; got 0.\n"
    done = lossbench("loss=huber", "loss.delta=0", folder=tmp_path, HYDRA_FULL_ERROR="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "InputError: loss.delta must be above 0; got 0." in done.stderr


def test_help_is_the_projects_own_and_the_rest_is_hydras(light_program: Program, tmp_path: Path) -> None:
    helped = lossbench("--help", folder=tmp_path)
    assert helped.returncode == 0
    assert helped.stdout.startswith("lossbench: which loss should I train with?")
    assert light_program(folder=tmp_path).stdout == helped.stdout
    assert light_program("--version", folder=tmp_path).stdout == f"lossbench {__version__}\n"
    config = light_program("--cfg", "job", "loss=huber", "-p", "loss", folder=tmp_path)
    assert "delta: 1.0" in config.stdout
    assert "PackLauncher" in light_program("--info", "plugins", folder=tmp_path).stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "line", ["loss=huber", "-m loss=huber,mse seed=0,1", "experiment=outliers", "seed=1"]
)
def test_a_users_file_comes_before_the_shipped_one_of_its_name_and_that_is_said(
    line: str, light_program: Program, tmp_path: Path
) -> None:
    for name, text in {
        "loss/huber": "_target_: lossbench.losses.huber.Huber\nname: huber\ndelta: -1\n",
        "optimizer/adam": "_target_: lossbench.optimizer.Optimizer\nname: adam\nlr: -1\n",
        "experiment/outliers": "# @package _global_\ndefaults: [{override /loss: huber}]\n",
        "loss/own": "_target_: lossbench.losses.mse.MSE\nname: own\n",
    }.items():
        (tmp_path / "mine" / f"{name}.yaml").parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / "mine" / f"{name}.yaml").write_text(text)
    done = light_program("--config-dir", "mine", *line.split(), folder=tmp_path)
    told, refused = done.stderr.splitlines()
    named = ", ".join(f"mine/{name}.yaml" for name in ("experiment/outliers", "loss/huber", "optimizer/adam"))
    assert told == f"{named} are taken instead of the files of that name that lossbench brings."
    knob = "optimizer.lr" if line == "seed=1" else "loss.delta"
    assert refused == f"lossbench: {knob} must be above 0; got -1."


COMPOSED = """
import runpy, sys
from hydra._internal.config_loader_impl import ConfigLoaderImpl

composed, load = [], ConfigLoaderImpl.load_configuration
def counted(*given, **named):
    composed.append(given)
    return load(*given, **named)
ConfigLoaderImpl.load_configuration = counted
try:
    runpy.run_module("lossbench", run_name="__main__", alter_sys=True)
finally:
    print(len(composed))
"""


@pytest.mark.parametrize(("words", "times"), [(["loss=cce"], 1), (["hydra.verbose=false", "loss=cce"], 2)])
def test_a_config_is_composed_twice_only_where_it_may_set_hydras_mode(
    tmp_path: Path, words: list[str], times: int
) -> None:
    """A run whose loss does not fit; Hydra is asked for nothing, and for something."""
    done = subprocess.run(
        [sys.executable, "-c", COMPOSED, *words, "data.train_size=10"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split()[-1] == str(times)
    assert "loss=cce" in done.stderr


def test_no_shipped_config_but_an_experiment_sets_hydras_mode() -> None:
    setting = [path for path in conf_dir().rglob("*.yaml") if "MULTIRUN" in path.read_text()]
    assert setting
    assert {path.parent.name for path in setting} == {"experiment"}
