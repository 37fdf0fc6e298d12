"""What `pip install .` gives: a package that needs nothing of the checkout."""

from __future__ import annotations

import ast
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import lossbench

ROOT = Path(__file__).parents[1]
SITE_PACKAGES = sysconfig.get_path("purelib")
LAUNCHER = ["-m", "lossbench", "--cfg", "hydra", "-p", "hydra.launcher"]


def python(*arguments: str, folder: Path, **environment: str) -> str:
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    python("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", str(ROOT), folder=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    python("-m", "pip", "install", "-q", "--no-deps", "--target", str(target), str(wheel), folder=target)
    return target


def files(folder: Path, relative_to: Path) -> set[str]:
    kept = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {str(path.relative_to(relative_to)) for path in kept}


def test_a_checkout_that_moved_on_after_it_was_installed_says_its_own_version(tmp_path: Path) -> None:
    # Else runs of the version before, whose numbers may be other ones, are taken for finished.
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "src/lossbench/_version.py").write_text('__version__ = "99.1.2"\n')
    moved = {"PYTHONPATH": str(tmp_path / "src")}
    assert python("-m", "lossbench", "--version", folder=tmp_path, **moved) == "lossbench 99.1.2\n"
    recorded = "from lossbench.tracking.provenance import versions; print(versions())"
    assert json.loads(python("-c", recorded, folder=tmp_path, **moved))["lossbench"] == "99.1.2"


def test_the_package_has_the_version_of_the_source(wheel: Path) -> None:
    assert wheel.name.startswith(f"lossbench-{lossbench.__version__}-")


def test_wheel_holds_conf_and_src_and_nothing_else(wheel: Path) -> None:
    expected = files(ROOT / "src", ROOT / "src") | {f"lossbench/{x}" for x in files(ROOT / "conf", ROOT)}
    assert {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name} == expected
    assert "hydra_plugins/__init__.py" not in expected  # it would hide other packages' plugins


def test_wheel_carries_the_licence(wheel: Path) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in zipfile.ZipFile(wheel).namelist())


def test_installed_package_trains_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    # -S leaves out the .pth file of the editable install, so that no line of the checkout is in reach.
    alone = {"PYTHONPATH": os.pathsep.join([str(installed), SITE_PACKAGES])}
    origin = python("-S", "-c", "import lossbench; print(lossbench.__file__)", folder=tmp_path, **alone)
    assert Path(origin.strip()).is_relative_to(installed)
    assert "hydra_plugins.lossbench_launcher" in python("-S", *LAUNCHER, folder=tmp_path, **alone)

    command = ("-S", "-m", "lossbench", "data=outliers", "loss=huber", "trainer.max_epochs=1")
    python(*command, folder=tmp_path, **alone)
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    assert run.info.status == "FINISHED"


def imported(source: Path) -> set[str]:
    """Top-level names of the packages that a module imports anywhere."""
    nodes = list(ast.walk(ast.parse(source.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {
        node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level
    }
    return {name.split(".")[0] for name in names}


def test_every_imported_package_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {name: lines for name, lines in project["optional-dependencies"].items() if name != "dev"}
    requirements = [*project["dependencies"], *itertools.chain.from_iterable(extras.values())]
    declared = {re.match(r"[\w.-]+", line)[0].lower() for line in requirements}  # type: ignore[index]
    used = set().union(*(imported(path) for path in (ROOT / "src").rglob("*.py")))
    used -= sys.stdlib_module_names | {"lossbench", "hydra_plugins"}
    distributions = packages_distributions()
    missing = {name for name in used if not declared & {d.lower() for d in distributions.get(name, [name])}}
    assert not missing


def test_editable_install_finds_the_launcher(tmp_path: Path) -> None:
    assert "hydra_plugins.lossbench_launcher" in python(*LAUNCHER, folder=tmp_path)
