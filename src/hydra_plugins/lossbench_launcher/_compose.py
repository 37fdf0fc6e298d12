"""Composes the jobs of a sweep: Hydra's result, at a twentieth of its time.

Hydra composes every job from its YAML files, 50 ms each, and a sweeper does so twice. The jobs of a sweep
differ in few words: the choices of config groups decide which files are read, everything else only sets
values. So files are read once per combination of choices, and values are set on copies. And what a sweeper
has composed to find faults early is what the launcher gets, instead of being composed again.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.types import RunMode
from omegaconf import Container, DictConfig, OmegaConf, StringNode

from hydra_plugins.lossbench_launcher._held import KEPT
from hydra_plugins.lossbench_launcher._quick import QuickConfig, quick
from lossbench.config.raw import Unusual, inside, raw, settled, unsettled

Shape = tuple[tuple[Any, ...], ...]


class _Unusual(Exception):  # noqa: N818 - not an error: Hydra composes this one itself
    """Overrides that are left to Hydra."""


class SweepLoader:
    """Hydra's config loader with a fast `load_sweep_config`; all the rest of it is Hydra's.

    Whatever is unusual (deletions, overrides of Hydra itself, faulty overrides) is left to Hydra's own
    composition, so errors are Hydra's too. So is any kind of sweep whose first job does not come out equal.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        self._loader = loader
        self._parser = OverridesParser.create()
        self._parsed: dict[str, Override] = {}
        self._choices: dict[Shape, list[bool]] = {}  # which overrides of a shape choose from config groups
        self._trusted: dict[Shape, bool] = {}
        self._bases: dict[tuple[Any, ...], QuickConfig] = {}
        self._checked: dict[tuple[Any, ...], DictConfig] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Compose one job; the master config gives what all jobs share.

        A sweeper asks for this to see whether it can be done, and leaves the config as it is.
        """
        config = self._load(master_config, sweep_overrides)
        if len(self._checked) < KEPT:
            self._checked[id(master_config), Path.cwd(), *sweep_overrides] = config
        return config

    def take(self, master_config: DictConfig, sweep_overrides: Sequence[str]) -> DictConfig:
        """The config of a job that is about to run: the one that was composed for a check, but once only."""
        checked = self._checked.pop((id(master_config), Path.cwd(), *sweep_overrides), None)
        return self._load(master_config, sweep_overrides) if checked is None else checked

    def forget(self) -> None:
        """Let go of configs that were checked and never taken."""
        self._checked.clear()

    def _load(self, master_config: DictConfig, sweep_overrides: Sequence[str]) -> DictConfig:
        lines = list(sweep_overrides)
        try:
            overrides = [self._parse(line) for line in lines]
            shape = tuple((o.type, o.key_or_group, o.package, type(o.value())) for o in overrides)
            config = self._compose(master_config, overrides, shape)
        except Exception:  # Hydra's own composition finds the fault again, and has the words for it
            return quick(self._loader.load_sweep_config(master_config, lines))
        if shape not in self._trusted:
            composed = self._loader.load_sweep_config(master_config, lines)
            self._trusted[shape] = _plain(config) == _plain(composed)
            return quick(composed)
        return config

    def _parse(self, line: str) -> Override:
        if line not in self._parsed:
            override = self._parser.parse_override(line)
            if override.is_sweep_override() or override.is_delete() or override.key_or_group[:5] == "hydra":
                raise _Unusual(line)
            self._parsed[line] = override
        return self._parsed[line]

    def _compose(self, master: DictConfig, overrides: list[Override], shape: Shape) -> QuickConfig:
        if not self._trusted.get(shape, True):
            raise _Unusual(shape)
        if shape not in self._choices:
            self._choices[shape] = self._choosing(master, overrides)
        choosing = self._choices[shape]
        choices = [o for o, is_choice in zip(overrides, choosing, strict=True) if is_choice]
        config = copy.deepcopy(self._base(master, choices))
        for override, is_choice in zip(overrides, choosing, strict=True):
            if not is_choice:
                _set(config, override)
        _name(config, overrides)
        OmegaConf.copy_cache(from_config=master, to_config=config)
        return config

    def _choosing(self, master: DictConfig, overrides: Sequence[Override]) -> list[bool]:
        lines = [*master.hydra.overrides.hydra, *_lines(overrides)]
        defaults = self._loader.compute_defaults_list(master.hydra.job.config_name, lines, RunMode.RUN)
        values = set(_lines(defaults.config_overrides))
        return [line not in values for line in _lines(overrides)]

    def _base(self, master: DictConfig, choices: Sequence[Override]) -> QuickConfig:
        lines = _lines(choices)
        hydra = inside(master, "hydra")
        name, own = raw(inside(hydra, "job", "config_name")), raw(inside(hydra, "overrides", "hydra"))
        key = (Path.cwd(), name, *own, None, *lines)
        if key not in self._bases:
            self._bases[key] = quick(self._loader.load_sweep_config(master, lines))
        return self._bases[key]


def _lines(overrides: Sequence[Override]) -> list[str]:
    return [str(override.input_line) for override in overrides]


def _set(config: DictConfig, override: Override) -> None:
    if override.package is not None:
        raise _Unusual(override.input_line)
    key, value = override.key_or_group, override.value()
    extends = isinstance(value, (dict, list))
    if not override.is_add() and isinstance(value, (str, int, float)) and _replaced(config, key, value):
        return
    if (
        override.is_add()
        and not extends
        and OmegaConf.select(config, key, throw_on_missing=False) is not None
    ):
        raise _Unusual(override.input_line)
    OmegaConf.update(config, key, value, merge=True, force_add=override.type != OverrideType.CHANGE)


def _replaced(config: DictConfig, key: str, value: str | float) -> bool:
    """Put a plain value in the place of another; whether that was all there was to do."""
    try:
        node = inside(config, *key.split("."))
        plain = not isinstance(node, Container) and not unsettled([raw(node), value])
    except Unusual:
        return False
    if plain:
        node._set_value(value)
    return plain


def _name(config: DictConfig, overrides: Sequence[Override]) -> None:
    """Put the overrides where Hydra keeps them, and the name that it makes of them."""
    task = inside(config, "hydra", "overrides", "task")
    # `extend` checks every line against the type of the list, .05 ms each.
    lines = enumerate(_lines(overrides))
    nodes = [StringNode(line, place, parent=task, is_optional=False) for place, line in lines]
    task.__dict__["_content"] = nodes
    options = settled(inside(config, "hydra", "job", "config", "override_dirname"))
    if options is None:
        raise _Unusual("hydra.job.config.override_dirname")
    excluded = set(options["exclude_keys"])
    named = sorted(str(o.input_line) for o in overrides if o.key_or_group not in excluded)
    told = options["item_sep"].join(named).replace("=", options["kv_sep"])
    inside(config, "hydra", "job", "override_dirname")._set_value(told)


def _plain(config: DictConfig) -> Any:
    return OmegaConf.to_container(config, resolve=False)
