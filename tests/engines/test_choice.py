"""Options of a launcher become an engine, or are refused in one sentence."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from omegaconf import OmegaConf

from lossbench.engines.choice import engine_in, engine_of
from lossbench.engines.local import Local
from lossbench.errors import InputError


def test_without_options_packs_train_on_this_machine() -> None:
    assert engine_of() == Local()
    assert engine_of(n_jobs=3, cpus_per_pack=2, gpus_per_pack=0.5) == Local(3, 2, 0.5)


def test_options_of_another_launcher_are_not_ours() -> None:
    assert engine_in(OmegaConf.create({"n_jobs": -1, "ray": {"address": "auto"}})) == Local()
    options = {"n_jobs": 3, "cpus_per_pack": 1, "gpus_per_pack": None, "ray": {}, "slurm": {}, "folder": None}
    assert engine_in(OmegaConf.create({"engine": "local", "max_members": 5, **options})) == Local(3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": "rey"}, r"engine=rey is unknown \(did you mean 'ray'\? known: local, ray, slurm\)"),
        ({"n_jobs": -1}, r"n_jobs must be 0 \(one per core\) or more; got -1"),
        ({"cpus_per_pack": 0}, "cpus_per_pack must be at least 1; got 0"),
        ({"gpus_per_pack": 2.0}, "gpus_per_pack must be 0, 1 or a share such as 0.5, .* got 2"),
        ({"gpus_per_pack": -0.5}, "got -0.5"),
        ({"ray": {"address": "auto"}}, "launcher.ray is for engine=ray, and hydra.launcher.engine=local"),
        ({"engine": "ray", "slurm": {"mem_gb": 1}}, "launcher.slurm is for engine=slurm, .*engine=ray"),
        ({"folder": "jobs"}, "launcher.folder is for engine=slurm"),
    ],
)
def test_a_bad_option_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        engine_of(**options)


@pytest.mark.parametrize(("engine", "module"), [("ray", "ray"), ("slurm", "submitit")])
def test_an_extra_that_is_missing_is_told_with_the_command_that_installs_it(
    engine: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=rf"pip install 'lossbench\[{engine}\]'"):
        engine_of(engine)


def test_no_extra_is_imported_where_it_is_not_asked_for() -> None:
    program = "import sys; from lossbench.engines.choice import engine_of; engine_of(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"ray", "submitit", "torch", "lossbench.engines.ray"}.intersection(done.stdout.split())
