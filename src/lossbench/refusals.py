"""Hydra's errors about overrides, told as one sentence that names the fault and the remedy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

from lossbench.config import conf_dir
from lossbench.errors import InputError, suggestion

_UNKNOWN_CHOICE = re.compile(r"Could not find '(?P<group>.+)/(?P<name>[^/']*)'")
_OPTIONS = re.compile(r"Available options in '(?P<group>.+)':\n(?P<names>(?:\t.+\n?)+)")
_UNKNOWN_KEY = re.compile(r"Could not override '(?P<key>[^']+)'")
_UNKNOWN_GROUP = re.compile(r"Could not override '(?P<group>[^']+)'\.\s+No match in the defaults list")


def sentence(error: BaseException, overrides: Sequence[str]) -> str:
    """What to print for an error: an `InputError` as it is, one of Hydra's in our words.

    Args:
        overrides: the command line, which tells what the config was to be.
    """
    text = str(error).strip()
    if isinstance(error, InputError):
        return text
    choice, options = _UNKNOWN_CHOICE.search(text), _OPTIONS.search(text)
    if choice and options:
        names = options["names"].split()
        return f"{choice['group']}={choice['name']} is unknown ({suggestion(choice['name'], names)})."
    if choice:
        known = [path.stem for path in (conf_dir() / choice["group"]).glob("*.yaml")]
        return f"{choice['group']}={choice['name']} is unknown ({suggestion(choice['name'], known)})."
    group = _UNKNOWN_GROUP.search(text)
    if group:
        return f"{group['group']} is no group of the config ({suggestion(group['group'], _groups())})."
    key = _UNKNOWN_KEY.search(text)
    if key:
        return f"{key['key']} is no knob of this config ({_known_knobs(key['key'], overrides)})."
    return _first_sentence(text)


def _groups() -> list[str]:
    return sorted(path.name for path in conf_dir().iterdir() if path.is_dir())


def _known_knobs(key: str, overrides: Sequence[str]) -> str:
    """The knobs of the part of the config that the key points into, with the nearest first."""
    part, _, name = key.rpartition(".")
    if (conf_dir() / part).is_dir() and part:
        chosen = _chosen(part, overrides)
        knobs = {knob for path in chosen for knob in _keys(path)} - {"name", "_target_", "_recursive_"}
        names = " and ".join(path.stem for path in chosen)
        return suggestion(name, knobs) if knobs else f"{part}={names} has none"
    return suggestion(name, {*_groups(), *_keys(conf_dir() / "config.yaml")} if not part else _groups())


def _chosen(group: str, overrides: Sequence[str]) -> list[Path]:
    """The YAML files of a group that the command line chooses, or the default one."""
    files = {path.stem: path for path in (conf_dir() / group).glob("*.yaml")}
    named = [override.partition("=")[2] for override in overrides if override.startswith(f"{group}=")]
    names = named[-1].split(",") if named else [_default(group)]
    return [files[name] for name in names if name in files]


def _default(group: str) -> str:
    defaults = OmegaConf.load(conf_dir() / "config.yaml").defaults
    return next((str(entry[group]) for entry in defaults if group in entry), "")


def _keys(path: Path) -> list[str]:
    return [str(key) for key in OmegaConf.load(path) if key != "defaults"]


def _first_sentence(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "The config is at fault")
    return f"{line.rstrip('.')}; see python -m lossbench --help."
