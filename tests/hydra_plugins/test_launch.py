from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra import version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.lossbench_launcher import _compose, _core, _held
from lossbench.engines.local import Local
from lossbench.errors import InputError

CONFIG = f"""
defaults: [_self_, {{loss: mse}}]
seed: 0
number: ${{hydra:job.num}}
folder: ${{hydra:runtime.output_dir}}
double: ${{mul:${{seed}},2}}
hydra:
  sweep: {{subdir: "${{hydra.job.num}}-${{hydra.job.override_dirname}}"}}
  callbacks: {{diary: {{_target_: {__name__}.Diary}}}}
"""


class Outcome:
    def __init__(self, value: Any) -> None:
        self.value = value

    def result(self) -> Any:
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


class Diary(Callback):
    """What Hydra told its callbacks, in order."""

    entries: list[Any] = []

    def on_job_start(self, config: DictConfig, **_: Any) -> None:
        self.entries.append(("start", config.hydra.job.num, os.environ.get("COLOUR")))

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        self.entries.append(("end", config.hydra.job.num, job_return.status))

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        self.entries.append("multirun end")


class Trainer:
    """Stands for `train_many`: gives each job its seed, or what `answers` says."""

    def __init__(self) -> None:
        self.calls: list[list[DictConfig]] = []
        self.options: list[tuple[int, int]] = []
        self.more: list[dict[str, Any]] = []
        self.seen: list[Any] = []
        self.answers: dict[int, Exception] = {}
        self.refusal: Exception | None = None

    def __call__(
        self, configs: list[DictConfig], *, n_jobs: int, max_members: int, **more: Any
    ) -> list[Outcome]:
        self.calls.append(configs)
        self.more.append(more)
        self.options.append((n_jobs, max_members))
        self.seen.append((os.environ.get("COLOUR"), Path.cwd(), HydraConfig.get().runtime.output_dir))
        if self.refusal:
            raise self.refusal
        return [Outcome(self.answers.get(config.seed, float(config.seed))) for config in configs]


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> Trainer:
    made = Trainer()
    monkeypatch.setattr(sys.modules[__name__], "train", made, raising=False)
    return made


Sweep = Callable[..., list[JobReturn]]


@pytest.fixture
def sweep(tmp_path: Path, hydra_restore_singletons: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sweep]:
    """Run a sweep in the folder `out`, in this process, and return what its jobs returned."""
    conf = tmp_path / "conf"
    (conf / "loss").mkdir(parents=True)
    (conf / "config.yaml").write_text(CONFIG)
    (conf / "loss/mse.yaml").write_text("name: mse")
    (conf / "loss/huber.yaml").write_text("name: huber\ndelta: 1.0")
    monkeypatch.chdir(tmp_path)
    OmegaConf.register_new_resolver("mul", lambda a, b: a * b, replace=True)
    version.setbase("1.3")
    Diary.entries.clear()

    def run(*overrides: str, launcher: str = "pack", out: str = "out") -> list[JobReturn]:
        options = [f"hydra/launcher={launcher}", f"hydra.sweep.dir={out}"]
        if launcher == "pack":
            options.append(f"hydra.launcher.trainer={__name__}.train")
        hydra = Hydra.create_main_hydra2("app", create_config_search_path(str(conf)))
        try:
            batches = hydra.multirun("config", lambda config: float(config.seed), [*options, *overrides])
        finally:
            GlobalHydra.instance().clear()
        return [job for batch in batches for job in batch]

    return run


def test_hydra_finds_the_launcher_and_its_config() -> None:
    assert "PackLauncher" in {plugin.__name__ for plugin in Plugins.instance().discover(Launcher)}


def test_a_program_of_its_own_finds_the_launcher_without_importing_torch(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import sys, hydra\n"
        "@hydra.main(version_base='1.3', config_path=None)\n"
        "def main(config): print('torch' in sys.modules)\n"
        "main()\n"
    )
    run = [sys.executable, str(tmp_path / "app.py")]
    info = subprocess.run(
        [*run, "--info", "plugins"], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert "PackLauncher" in info.stdout
    options = ["-m", "hydra/launcher=pack", "hydra.launcher.trainer=null"]
    job = subprocess.run([*run, *options], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert job.stdout.splitlines()[-1] == "False"


def test_all_jobs_are_trained_in_one_call_as_their_tasks_see_them(sweep: Sweep, trainer: Trainer) -> None:
    sweep("loss=mse,huber", "seed=3,4", "hydra.launcher.n_jobs=2", "hydra.launcher.max_members=7")
    assert (trainer.options, trainer.more) == ([(2, 7)], [{}])
    (configs,) = trainer.calls
    out = Path.cwd() / "out"
    assert [OmegaConf.to_container(config) for config in configs[1:3]] == [
        {
            "loss": {"name": "mse"}, "seed": 4, "number": 1, "double": 8,
            "folder": str(out / "1-loss=mse,seed=4"),
        },
        {
            "loss": {"name": "huber", "delta": 1.0}, "seed": 3, "number": 2, "double": 6,
            "folder": str(out / "2-loss=huber,seed=3"),
        },
    ]  # fmt: skip


def test_jobs_return_their_numbers_in_the_order_of_the_sweep(sweep: Sweep, trainer: Trainer) -> None:
    jobs = sweep("seed=5,1,3", "loss=huber")
    assert [job.return_value for job in jobs] == [5.0, 1.0, 3.0]
    assert [job.overrides for job in jobs] == [[f"seed={seed}", "loss=huber"] for seed in (5, 1, 3)]
    assert [job.hydra_cfg.hydra.job.num for job in jobs] == [0, 1, 2]
    assert [job.hydra_cfg.hydra.job.id for job in jobs] == ["0", "1", "2"]


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text().replace(str(folder), "OUT")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_folders_files_and_callbacks_are_those_of_the_basic_launcher(sweep: Sweep, trainer: Trainer) -> None:
    arguments = ("loss=mse,huber", "seed=1,2", "+hydra.job.env_set.COLOUR=blue")
    sweep(*arguments, out="ours")
    ours = list(Diary.entries)
    Diary.entries.clear()
    sweep(*arguments, out="theirs", launcher="basic")
    assert ours == Diary.entries
    assert ours[:2] == [("start", 0, "blue"), ("end", 0, JobStatus.COMPLETED)]
    assert ours[-1] == "multirun end"

    found, expected = files(Path("ours")), files(Path("theirs"))
    own_log = found.pop("app.log")  # what was logged while all jobs trained together
    assert own_log == ""
    assert found.keys() == expected.keys()
    assert "3-loss=huber,seed=2/.hydra/hydra.yaml" in found
    for name in found:
        if name.endswith(("multirun.yaml", "hydra.yaml")):
            mine, theirs = OmegaConf.create(found[name]), OmegaConf.create(expected[name])
            for config in (mine, theirs):  # where the launcher itself is named
                del config.hydra.launcher, config.hydra.overrides.hydra
                config.hydra.runtime.choices.pop("hydra/launcher")
            assert mine == theirs
        else:
            assert found[name] == expected[name], name


def keep(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let so many configs be held; others are composed again."""
    for module in (_held, _compose, _core):
        monkeypatch.setattr(module, "KEPT", number)


def test_jobs_whose_configs_are_composed_again_are_those_of_a_small_sweep(
    sweep: Sweep, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("loss=mse,huber", "seed=1,2,2", "+hydra.job.env_set.COLOUR=blue")
    few = sweep(*arguments, out="few")
    configs, files_of_few = trainer.calls.pop(), files(Path("few"))
    keep(1, monkeypatch)
    many = sweep(*arguments, out="many")

    def told(jobs: Sequence[Any]) -> list[str]:
        return [str(job).replace("/few", "/OUT").replace("/many", "/OUT") for job in jobs]

    assert told(trainer.calls.pop()) == told(configs)
    assert files(Path("many")) == {name: text.replace("few", "many") for name, text in files_of_few.items()}
    for mine, theirs in zip(many, few, strict=True):
        assert mine.return_value == theirs.return_value
        for part in ("overrides", "working_dir", "task_name", "status"):
            assert getattr(mine, part) == getattr(theirs, part)
        for part in ("cfg", "hydra_cfg"):
            seen = [OmegaConf.to_yaml(getattr(job, part)) for job in (mine, theirs)]
            assert seen[0] == seen[1].replace("few", "many")


@pytest.mark.parametrize("kept", [0, 1, 100])
def test_each_job_has_the_name_of_its_choice_however_often_it_is_composed(
    sweep: Sweep, trainer: Trainer, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    Path("conf/loss/mine.yaml").write_text("delta: 1.0")  # its file says no name
    keep(kept, monkeypatch)
    jobs = sweep("loss=mine,huber", "seed=1,2")
    names = ["mine", "mine", "huber", "huber"]
    assert [config.loss.name for config in trainer.calls.pop()] == names
    assert [job.cfg.loss.name for job in jobs] == names
    assert [text.count("name: mine") for text in files(Path("out")).values()].count(1) == 2


def test_a_failed_job_is_marked_and_the_others_are_kept(sweep: Sweep, trainer: Trainer) -> None:
    trainer.answers[2] = RuntimeError("loss exploded")
    with pytest.raises(RuntimeError, match="loss exploded"):  # Hydra's sweeper raises the first failure
        sweep("seed=1,2,3")
    statuses = [entry[2] for entry in Diary.entries if entry[0] == "end"]
    assert statuses == [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.COMPLETED]
    assert Path("out/2-seed=3/.hydra/config.yaml").exists()


def test_a_refusal_leaves_no_trace_of_any_job(sweep: Sweep, trainer: Trainer) -> None:
    trainer.refusal = InputError("seed=2 is not liked; take another.")
    with pytest.raises(InputError, match="not liked"):
        sweep("seed=1,2")
    assert Diary.entries == []
    assert [path.name for path in Path("out").iterdir() if path.is_dir()] == []
    assert not HydraConfig.initialized()


def test_training_sees_the_environment_of_its_jobs_and_the_starting_folder(
    sweep: Sweep, trainer: Trainer
) -> None:
    home = Path.cwd()
    jobs = sweep("seed=1,2", "+hydra.job.env_set.COLOUR=red", "hydra.job.chdir=true")
    assert trainer.seen == [("red", home, str(home / "out"))]
    assert jobs[1].working_dir == str(Path("out/1-seed=2"))
    assert "COLOUR" not in os.environ


def test_a_jobs_folder_may_be_named_by_what_hydra_knows_of_the_job(sweep: Sweep, trainer: Trainer) -> None:
    jobs = sweep("loss=mse,huber", "hydra.sweep.subdir=${hydra:job.num}-${hydra:runtime.choices.loss}")
    folders = [str(Path.cwd() / "out" / name) for name in ("0-mse", "1-huber")]
    assert [job.hydra_cfg.hydra.runtime.output_dir for job in jobs] == folders
    assert [config.folder for config in trainer.calls[0]] == folders


def test_jobs_that_want_different_environments_are_trained_apart(sweep: Sweep, trainer: Trainer) -> None:
    jobs = sweep("seed=7,8", "+hydra.job.env_set.COLOUR=number ${hydra.job.num}")
    assert [colour for colour, *_ in trainer.seen] == ["number 0", "number 1"]
    assert [job.return_value for job in jobs] == [7.0, 8.0]


def test_a_sweeper_that_hands_over_batches_gets_numbers_back(sweep: Sweep, trainer: Trainer) -> None:
    jobs = sweep("seed=4,5,6", "hydra.sweeper.max_batch_size=2")
    assert [len(configs) for configs in trainer.calls] == [2, 1]
    assert [job.return_value for job in jobs] == [4.0, 5.0, 6.0]
    assert [job.hydra_cfg.hydra.job.num for job in jobs] == [0, 1, 2]


def test_a_trainer_is_given_the_engine_that_is_asked_for(sweep: Sweep, trainer: Trainer) -> None:
    sweep("seed=3,4", "hydra.launcher.gpus_per_pack=0.5", "hydra.launcher.n_jobs=2")
    assert trainer.more == [{"engine": Local(2, gpus_per_pack=0.5)}]
    with pytest.raises(InputError, match=r"launcher\.slurm is for engine=slurm"):  # which takes any key
        sweep("seed=3,4", "hydra.launcher.slurm={slurm_partition:gpu,mem_gb:8}")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("engine=dask", "engine=dask is unknown .known: local, ray, slurm"),
        ("gpus_per_pack=2", "gpus_per_pack must be 0, 1 or a share such as 0.5"),
        ("n_jobs=-1", "n_jobs must be 0 .* got -1"),
        ("max_members=0", "max_members must be at least 1; got 0"),
        ("trainer=lossbench.train.train_everything", "cannot be imported .*train_everything"),
        ("trainer=nowhere", "cannot be imported"),
    ],
)
def test_a_faulty_option_is_refused_in_one_sentence(
    sweep: Sweep, trainer: Trainer, option: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        sweep("seed=1,2", f"hydra.launcher.{option}")
    assert Diary.entries == []


def test_an_unknown_choice_is_hydra_s_error(sweep: Sweep, trainer: Trainer) -> None:
    with pytest.raises(Exception, match="Could not find 'loss/huver'"):
        sweep("loss=mse,huver")
    assert trainer.calls == []
