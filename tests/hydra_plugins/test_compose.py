from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.singleton import Singleton
from hydra.types import RunMode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.lossbench_launcher._compose import SweepLoader
from hydra_plugins.lossbench_launcher._quick import QuickConfig

FILES = {
    "config.yaml": """
        defaults: [_self_, {db: mysql}, {loss: mse}, {optional extra: "${db}"}]
        seed: 0
        names: [a, b]
        table: {x: 1, y: {z: 2}}
        link: ${seed}
        when: ${now:%Y}
        wanted: ???
        hydra:
          sweep: {subdir: "${hydra.job.num}-${seed}"}
          job: {config: {override_dirname: {exclude_keys: [seed]}}}
    """,
    "db/mysql.yaml": "{name: mysql, port: 1}",
    "db/postgres.yaml": "{name: postgres, port: 2, ssl: true}",
    "db/nested.yaml": "{defaults: [mysql], deep: {deeper: 1}}",
    "extra/postgres.yaml": "{bonus: 1}",
    "loss/mse.yaml": "{name: mse}",
    "loss/huber.yaml": "{name: huber, delta: 1.0}",
    "loss/global.yaml": "# @package _global_\nseed: 77\nloss: {name: global}",
}


class Counting(ConfigLoader):
    """Hydra's loader, counting how often it composes."""

    def __init__(self, loader: Any) -> None:
        self.loader, self.count = loader, 0

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        self.count += 1
        return self.loader.load_sweep_config(master_config, sweep_overrides)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def load_configuration(self, *args: Any, **kwargs: Any) -> Any:
        return self.loader.load_configuration(*args, **kwargs)

    def compute_defaults_list(self, *args: Any, **kwargs: Any) -> Any:
        return self.loader.compute_defaults_list(*args, **kwargs)

    get_search_path = get_sources = list_groups = get_group_options = load_configuration


@pytest.fixture(scope="module")
def hydra_loader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConfigLoader]:
    state = copy.deepcopy(Singleton.get_state())
    folder = tmp_path_factory.mktemp("conf")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        lines = text.splitlines()
        (folder / name).write_text("\n".join(line.removeprefix(" " * 8) for line in lines), encoding="utf-8")
    with initialize_config_dir(str(folder), version_base="1.3", job_name="app"):
        yield GlobalHydra.instance().config_loader()
    Singleton.set_state(state)


def load_master(loader: ConfigLoader, *overrides: str) -> DictConfig:
    return loader.load_configuration("config", list(overrides), RunMode.MULTIRUN)


def composed(loader: ConfigLoader, master: DictConfig, job: list[str]) -> Any:
    """Everything that a job can see of its config, or the error's type and text."""
    try:
        config = loader.load_sweep_config(master, job)
    except Exception as error:
        return type(error), str(error)
    config.hydra.job.num = 3
    kinds = {key: OmegaConf.get_type(config, key) for key in config}
    flags = [OmegaConf.is_struct(config), OmegaConf.is_readonly(config), OmegaConf.is_struct(config.hydra)]
    subdir, year = config.hydra.sweep.subdir, config.when
    return OmegaConf.to_container(config), OmegaConf.to_yaml(config), kinds, flags, subdir, year


VALUES = {
    "seed": ["0", "5", "'7'", "1.5", "null", "true", "text", "${table.x}", "[1,2]"],
    "names": ["[x]", "[]", "[1,2,3]", "null"],
    "table": ["{x:5}", "{y:{z:9}}"],
    "table.y.z": ["3", "{deep:1}", "'a=b,c'"],
    "wanted": ["1", "???"],
    "link": ["${db.port}", "'${wanted}'"],
    "db": ["mysql", "postgres", "nested", "absent", "{port:9}", "[mysql,postgres]"],
    "loss": ["mse", "huber", "global"],
    "loss.name": ["mine", "'quoted text'"],
    "db.port": ["80", "81"],
    "db.ssl": ["false"],
    "+added": ["1", "2", "{a:1}"],
    "+seed": ["1"],
    "++seed": ["1", "2"],
    "+table": ["{w:1}"],
    "+db@backup": ["postgres", "nested"],
    "db@other": ["mysql"],
    "+extra": ["postgres"],
    "hydra.job.name": ["a", "b"],
    "nothing": ["1"],
}
assignments = st.sampled_from(sorted(VALUES)).flatmap(
    lambda key: st.sampled_from(VALUES[key]).map(lambda value: (key, value))
)
deletions = st.sampled_from(["~names", "~db", "~db=mysql", "~table.x", "~absent"]).map(lambda key: (key, ""))


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(assignments, assignments, assignments, deletions), max_size=4), st.data())
def test_every_job_comes_out_as_hydra_composes_it(
    hydra_loader: ConfigLoader, words: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Three jobs, so that the later ones are composed the fast way, with what the first one left behind."""
    master = load_master(hydra_loader, "db.port=3", "hydra.sweep.dir=somewhere")
    fast = SweepLoader(hydra_loader)
    for _ in range(3):
        job = []
        for key, value in words:
            chosen = data.draw(st.sampled_from(VALUES[key])) if value else ""
            job.append(f"{key}={chosen}" if value else key)
        assert composed(fast, master, job) == composed(hydra_loader, master, job)


def test_files_are_read_once_per_combination_of_choices(hydra_loader: ConfigLoader) -> None:
    counting = Counting(hydra_loader)
    loader = SweepLoader(counting)
    master = load_master(hydra_loader)
    jobs = [
        [f"db={db}", f"loss={loss}", f"seed={seed}"]
        for db, loss, seed in itertools.product(("mysql", "postgres"), ("mse", "huber"), range(10))
    ]
    configs = [loader.load_sweep_config(master, job) for job in jobs]
    assert counting.count == 4 + 1  # four combinations, and the first job as a check
    assert [(c.db.name, c.loss.name, c.seed) for c in configs[::13]] == [
        ("mysql", "mse", 0), ("mysql", "huber", 3), ("postgres", "mse", 6), ("postgres", "huber", 9),
    ]  # fmt: skip


def test_a_kind_of_sweep_whose_first_job_differs_is_left_to_hydra(hydra_loader: ConfigLoader) -> None:
    """Hydra looks at hydra.job.name while it composes; here that depends on a value of the job."""
    master = load_master(hydra_loader, "hydra.job.name=${title}")
    loader = SweepLoader(hydra_loader)
    for title in ("one", "two", "three"):
        job = [f"+title={title}"]
        config = loader.load_sweep_config(master, job)
        assert config.hydra.job.name == title
        assert composed(loader, master, job) == composed(hydra_loader, master, job)


def test_jobs_do_not_share_what_can_change(hydra_loader: ConfigLoader) -> None:
    loader, master = SweepLoader(hydra_loader), load_master(hydra_loader)
    first, second, third = (loader.load_sweep_config(master, [f"seed={seed}"]) for seed in range(3))
    assert isinstance(third, QuickConfig)
    second.names.append("c")
    second.hydra.overrides.task.append("changed")
    assert third.names == first.names == ["a", "b"]
    assert third.hydra.overrides.task == ["seed=2"]
    assert loader.load_sweep_config(master, ["seed=3"]).names == ["a", "b"]


def test_values_cached_by_the_sweep_hold_for_every_job(hydra_loader: ConfigLoader) -> None:
    master = load_master(hydra_loader)
    stamp = iter(["first", "second", "third", "fourth"])
    OmegaConf.register_new_resolver("now", lambda pattern: next(stamp), use_cache=True, replace=True)
    loader = SweepLoader(hydra_loader)
    assert master.when == "first"
    assert [loader.load_sweep_config(master, [f"seed={seed}"]).when for seed in range(3)] == ["first"] * 3


def test_a_job_that_was_checked_is_taken_once_and_composed_anew_after_that(
    hydra_loader: ConfigLoader,
) -> None:
    fast, master = SweepLoader(hydra_loader), load_master(hydra_loader)
    checked = fast.load_sweep_config(master, ["seed=1"])
    first, second = fast.take(master, ["seed=1"]), fast.take(master, ["seed=1"])
    assert first is checked
    assert second is not checked
    first.seed = 5
    assert (second.seed, fast.take(master, ["seed=2"]).seed) == (1, 2)


def test_configs_that_were_checked_and_not_wanted_are_let_go(hydra_loader: ConfigLoader) -> None:
    fast, master = SweepLoader(hydra_loader), load_master(hydra_loader)
    checked = fast.load_sweep_config(master, ["seed=1"])
    fast.forget()
    assert fast.take(master, ["seed=1"]) is not checked
