"""Hydra and OmegaConf in less time, with the same results: what a sweep of hundreds of jobs waits for.

Measured on 240 jobs, composed and replayed in 2.5 s of CPU: without `QuickConfig` they take 4.2 s more,
without libyaml 0.9 s, without remembered parse trees 0.5 s, without the patient garbage collector 1.1 s.
"""

from __future__ import annotations

import copy
import functools
import gc
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml  # type: ignore[import-untyped]
from hydra.conf import HydraConf
from hydra.core import utils
from hydra.core.hydra_config import HydraConfig
from omegaconf import Container, DictConfig, OmegaConf, base, omegaconf
from omegaconf._utils import get_omega_conf_dumper
from omegaconf.grammar_parser import parse

from hydra_plugins.lossbench_launcher._logs import Logs
from hydra_plugins.lossbench_launcher._writing import Writer

_NODE_SHARED = "_lossbench_node_shared"


class QuickConfig(DictConfig):
    """A DictConfig that is copied ten times as fast; otherwise, and in a pickle, it is a DictConfig.

    Hydra copies its own node seven times for each job, and asks for its members thirty times.
    """

    def __getattr__(self, key: str) -> Any:
        # What OmegaConf's finds for a member that is a mapping or a list.
        own = self.__dict__.get("_content")
        node = own.get(key) if isinstance(own, dict) else None
        if isinstance(node, Container) and isinstance(node.__dict__["_content"], (dict, list)):
            return node
        return super().__getattr__(key)

    def __deepcopy__(self, memo: dict[int, Any]) -> QuickConfig:
        if self.__dict__.pop(_NODE_SHARED, False):
            clone = without(self, "hydra")
            clone.__dict__["_content"]["hydra"] = self.__dict__["_content"]["hydra"]
            return clone
        whole: QuickConfig = _clone(self, self.__dict__["_parent"])
        return whole

    def __reduce__(self) -> tuple[Any, ...]:
        return DictConfig.__new__, (DictConfig,), self.__getstate__()


def quick(config: DictConfig) -> QuickConfig:
    """A copy of a composed config whose further copies, and those of its hydra node, are fast."""
    clone: QuickConfig = _clone(config, None)
    for node in (clone, clone._get_node("hydra")):
        object.__setattr__(node, "__class__", QuickConfig)
    return clone


def share_node(config: DictConfig) -> None:
    """Let the next copy of a job's config share the hydra node.

    It is the one that `run_job` makes for the task, and takes the node from at once.
    """
    if isinstance(config, QuickConfig):
        config.__dict__[_NODE_SHARED] = True


def without(config: DictConfig, key: str) -> QuickConfig:
    """A fast copy of a config without one of its keys, which is not copied first."""
    lacking = object.__new__(QuickConfig)
    lacking.__dict__.update(config.__dict__)
    lacking.__dict__["_content"] = {name: own for name, own in config._content.items() if name != key}  # type: ignore[union-attr]
    copied: QuickConfig = _clone(lacking, None)
    return copied


def _set_config(instance: HydraConfig, config: DictConfig) -> None:
    """`HydraConfig.set_config` with the config's own hydra node where Hydra copies it, twice for each job."""
    OmegaConf.set_readonly(config.hydra, True)
    kind = OmegaConf.get_type(config, "hydra")
    assert kind is not None, "every job has a hydra node"
    assert issubclass(kind, HydraConf), "which is of Hydra's kind"
    alone: Any = object.__new__(QuickConfig)
    inside = {**config.__dict__, "_content": {"hydra": config._get_node("hydra")}}
    alone.__dict__.update(inside, _metadata=_own(inside["_metadata"]), _flags_cache=None)
    instance.cfg = alone


def _clone(node: Any, parent: Any) -> Any:
    """What OmegaConf's `__deepcopy__` gives: new nodes and metadata, shared immutable values and types."""
    clone = object.__new__(type(node))
    inside = clone.__dict__
    inside.update(node.__dict__, _parent=parent, _flags_cache=None)

    inside["_metadata"] = _own(inside["_metadata"])

    content = inside.get("_content")  # of containers and unions; a plain value is in `_val`
    if isinstance(content, dict):
        inside["_content"] = {key: _clone(child, clone) for key, child in content.items()}
    elif isinstance(content, list):
        inside["_content"] = [_clone(child, clone) for child in content]
    elif hasattr(content, "_metadata"):
        inside["_content"] = _clone(content, clone)
    return clone


def _own(metadata: Any) -> Any:
    """A copy of a node's metadata."""
    copied = object.__new__(type(metadata))
    copied.__dict__.update(metadata.__dict__)
    copied.flags = dict(copied.flags)
    answered = copied.resolver_cache
    copied.resolver_cache = copy.deepcopy(answered) if answered else defaultdict(dict)
    return copied


class _Dumper(getattr(yaml, "CDumper", yaml.Dumper)):  # type: ignore[misc]
    """OmegaConf's dumper but for its base class: PyYAML's writer in C, where it was built with libyaml."""


_Dumper.add_representer(str, get_omega_conf_dumper().str_representer)


@contextmanager
def hurried() -> Iterator[None]:
    """Many jobs are composed, resolved or written in here.

    A text that OmegaConf has parsed is not parsed again (no reader changes a parse tree). YAML is written by
    libyaml, once for nodes that are alike. Logging of a job that differs from the last in its file alone gets
    another file. Garbage is collected seldom: configs are many small objects, and
    would set off a search of everything, torch and MLflow included, several times per job. Afterwards all is
    as it was.
    """
    reading: Any = base
    writing: Any = omegaconf
    running: Any = utils
    known: Any = HydraConfig
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, *before[1:])
    reading.parse = functools.lru_cache(maxsize=1000)(parse)
    writing.get_omega_conf_dumper = lambda: _Dumper
    slow, configure, set_config = OmegaConf.to_yaml, running.configure_log, known.set_config
    OmegaConf.to_yaml = Writer(_Dumper).to_yaml  # type: ignore[method-assign]
    running.configure_log = Logs(configure).configure
    known.set_config = _set_config
    try:
        yield
    finally:
        OmegaConf.to_yaml = staticmethod(slow)  # type: ignore[method-assign]
        running.configure_log, known.set_config = configure, set_config
        reading.parse, writing.get_omega_conf_dumper = parse, get_omega_conf_dumper
        gc.set_threshold(*before)
        gc.unfreeze()
