"""What every test needs: one thread a process, its own MLflow store, no clock in hypothesis, and programs
that start without the seconds that their imports take."""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported; pytest-xdist brings the processes

import gc
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from omegaconf import DictConfig

pytest_plugins = ["made_up_runs"]  # of reports, verdicts and claims

# Garbage is collected seldom: a search goes through all that was imported, and took a tenth of the time.
gc.set_threshold(50_000, 20, 20)

# Whoever starts the tests in the background may ignore Ctrl-C, which the programs under test would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis.settings.register_profile(
    "lossbench", deadline=None, derandomize="CI" in os.environ, max_examples=60
)
hypothesis.settings.load_profile("lossbench")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no accelerator here"))


def pytest_collection_finish() -> None:
    gc.freeze()  # what is imported by now is not searched again


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, to be copied."""
    from lossbench.tracking.creation import prepare_database

    path = tmp_path_factory.mktemp("database") / "mlflow.db"
    prepare_database(path)
    return path


@pytest.fixture
def stored(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, a new one, with an empty database in it."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(database, tmp_path / "mlflow.db")
    return tmp_path


@pytest.fixture(scope="module")
def composing() -> Iterator[None]:
    """Hydra composes the shipped configs; it allows one such place at a time."""
    from hydra import initialize_config_dir

    from lossbench.config.folders import conf_dir

    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        yield


@pytest.fixture(scope="session")
def composed() -> Callable[..., DictConfig]:
    """Composes a shipped config as a sweep does: its files are read once for each combination of choices."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.types import RunMode
    from omegaconf import open_dict

    from hydra_plugins.lossbench_launcher._compose import SweepLoader
    from hydra_plugins.lossbench_launcher._quick import hurried
    from lossbench.config.folders import conf_dir

    # Open no longer than needed: Hydra allows one such place at a time, and other tests compose too.
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", ["hydra/launcher=basic"], RunMode.MULTIRUN)
    fast = SweepLoader(loader)

    def compose(*overrides: str) -> DictConfig:
        with hurried():
            config = fast.take(master, overrides)
        with open_dict(config):
            del config["hydra"]
        return config

    return compose


@pytest.fixture(autouse=True)
def _own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes to the tracking server of whoever runs it."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


# What a sweep, its summaries and a report import. Python's own start of a module follows in the child.
_EVERYTHING = (
    "lossbench.cli.app",
    "lossbench.train",
    "lossbench.pack.fit",
    "lossbench.pack.module",
    "lossbench.pack.plan",
    "lossbench.review.refresh",
    "lossbench.report.making",
    "lossbench.report.record",
    "lossbench.report.terminal",
    "lossbench.report.write",
    "alembic.script",
    "hydra._internal.core_plugins.basic_sweeper",
    "jinja2",
    "mlflow.store.tracking.sqlalchemy_workspace_store",
    "mlflow.tracking.client",
    "sklearn.datasets",
    "sqlalchemy.dialects.sqlite",
)
_NURSERY = """
import gc, importlib, json, os, runpy, signal, sys

for name in sys.argv[1:]:
    importlib.import_module(name)
gc.freeze()  # what was imported is not searched again, and not copied, by each child

def child(module, arguments, folder, environment, stdout, stderr):
    signal.alarm(600)  # no test waits for longer
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, place in enumerate((os.devnull, stdout, stderr)):
        os.dup2(os.open(place, os.O_RDWR | os.O_CREAT | os.O_APPEND), number)
    sys.path[0], sys.argv = folder, ["-m", *arguments]
    if module == "-c":
        exec(arguments[0], {"__name__": "__main__"})
    else:
        runpy.run_module(module, run_name="__main__", alter_sys=True)

for line in sys.stdin:
    command = json.loads(line)
    if "wait" in command:
        print(os.waitstatus_to_exitcode(os.waitpid(command["wait"], 0)[1]), flush=True)
        continue
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        child(**command)
        sys.exit(0)
    os.setpgid(pid, pid)  # in both, so that it is one whoever comes first
    print(pid, flush=True)
"""


class Nursery:
    """Forks programs from a process that has its imports done; all else of `python -m` is the real thing."""

    def __init__(self, *imports: str) -> None:
        command = [sys.executable, "-c", _NURSERY, *imports]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _ask(self, **command: object) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the nursery ended with {self.process.wait()}"
        return int(answer)

    def start(
        self, module: str, arguments: tuple[str, ...], folder: Path, stdout: Path, stderr: Path, **more: str
    ) -> int:
        """Begin `python -m module`, or `python -c`, in a process group of its own; `more` is set in its
        environment.

        Returns:
            its process id, which is that of its group.
        """
        return self._ask(
            module=module, arguments=arguments, folder=str(folder), environment={**os.environ, **more},
            stdout=str(stdout), stderr=str(stderr),
        )  # fmt: skip

    def wait(self, pid: int) -> int:
        """The exit status of what was started."""
        return self._ask(wait=pid)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Of programs that train or report."""
    running = Nursery(*_EVERYTHING)
    yield running
    running.end()


@pytest.fixture(scope="session")
def light_nursery() -> Iterator[Nursery]:
    """Of programs that answer before torch, pandas and MLflow are imported."""
    running = Nursery("lossbench.cli.app")
    yield running
    running.end()


def _runner(nursery: Nursery, outputs: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(
        *arguments: str, folder: Path, module: str = "lossbench", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        stdout, stderr = (outputs / name for name in ("stdout", "stderr"))
        for file in (stdout, stderr):
            file.unlink(missing_ok=True)
        status = nursery.wait(nursery.start(module, arguments, folder, stdout, stderr, **environment))
        return subprocess.CompletedProcess(arguments, status, stdout.read_text(), stderr.read_text())

    return run


@pytest.fixture(scope="session")
def program(
    nursery: Nursery, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `python -m lossbench`, or another module, to its end, as `subprocess.run` would."""
    return _runner(nursery, tmp_path_factory.mktemp("outputs"))


@pytest.fixture(scope="session")
def light_program(
    light_nursery: Nursery, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The same for what is answered before anything heavy is imported."""
    return _runner(light_nursery, tmp_path_factory.mktemp("light_outputs"))
