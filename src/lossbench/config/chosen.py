"""What a config chose: a choice is what its file says, and neither its name nor its class is set over it."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

from lossbench.config.folders import GROUPS, conf_dir, node_in
from lossbench.config.folders import choices as named
from lossbench.config.raw import Unusual, members, raw, unsettled
from lossbench.errors import InputError, suggestion


@functools.cache
def groups() -> tuple[str, ...]:
    """The groups of the config, that of experiments among them; `hydra` chooses no part of a run."""
    return tuple(sorted(path.name for path in conf_dir().iterdir() if path.is_dir() and path.name != "hydra"))


def check_chosen(
    choices: Mapping[str, Any],
    config: DictConfig,
    overrides: Sequence[str] = (),
    sources: Sequence[Any] = (),
) -> None:
    """Refuse a list where one choice is wanted, and a choice under another's name or class.

    Of a list, Hydra would merge the members, and the last one would win. A choice is recorded by its name, so
    that is the name of its file: a YAML that has none gets it here, also that of an experiment, which may
    have another. What it is, its file says as well.

    Args:
        choices: `hydra.runtime.choices`, in which Hydra leaves out a group that was given a list.
        overrides: what was set, which tells who gave the name or the class.
        sources: `hydra.runtime.config_sources`, where the files lie, the first that has one being taken.
    """
    for group in groups():
        if group in config and group not in choices:
            raise InputError(
                f"{group} takes one name, not a list; to sweep over several write "
                f"-m {group}=one,other (in a YAML, the text 'one,other')."
            )
    # As Hydra looks through them.
    folders = [Path(one["path"]) for one in sources if one["schema"] == "file"] or [conf_dir()]
    for found in filter(None, map(_RELABELS.match, overrides)):
        if (group := found["group"]) in GROUPS:
            chosen, value = str(choices.get(group)), found["value"] or ""
            told = _renamed if found["key"] == "name" else _reclassed
            raise InputError(told(group, chosen, value, named(group, folders)))
    for group in (*GROUPS, "experiment"):
        if isinstance(node := config.get(group), DictConfig) and isinstance(choices.get(group), str):
            _check_name(group, choices[group].removesuffix(".yaml").rpartition("/")[2], node)
            _check_class(group, choices[group].removesuffix(".yaml"), node, folders)


class ChoiceCheck:
    """`check_chosen` for the jobs of a sweep, most of which choose what one before them did."""

    def __init__(self) -> None:
        self._passed: set[str] = set()

    def __call__(
        self, choices: Mapping[str, Any], config: DictConfig, overrides: Sequence[str], sources: Sequence[Any]
    ) -> None:
        """As `check_chosen`."""
        known = _looked_at(choices, config, overrides, sources)
        if known is None or known not in self._passed:
            check_chosen(choices, config, overrides, sources)
        if known is not None:
            self._passed.add(known)


def _looked_at(
    choices: Mapping[str, Any], config: DictConfig, overrides: Sequence[str], sources: Sequence[Any]
) -> str | None:
    """All that decides whether choices pass and are left as they are, in plain words; else None."""
    try:
        whole, taken, folders = members(config), raw(choices), raw(sources)
        there = [group for group in groups() if group in whole]
        labels = {group: _labels(whole[group]) for group in (*GROUPS, "experiment") if group in whole}
    except (Unusual, AttributeError):  # AttributeError: of what is no config
        return None
    # Where a choice has no name, it is about to get one.
    unnamed = any(name is None and isinstance(taken.get(of), str) for of, (name, _) in labels.items())
    if unnamed or unsettled([taken, folders, labels]) or any(map(_RELABELS.match, overrides)):
        return None
    return json.dumps([taken, folders, there, labels])


def _labels(node: Any) -> list[Any]:
    """The name and the class of a choice."""
    content = members(node)
    return [raw(content[key]) if key in content else None for key in ("name", "_target_")]


_RELABELS = re.compile(
    r"^[+~]*(?P<group>\w+)(?:@[\w.]*)?\.(?P<key>name|_target_)(?:$|=(?P<value>.*))", re.DOTALL
)


def _renamed(group: str, chosen: str, name: str, known: Mapping[str, Path]) -> str:
    """Why a name cannot be set, and what was probably meant."""
    if name == chosen:
        return (
            f"{group}.name={name} names what {group}={chosen} is called anyway; leave it out, and to sweep "
            f"over several write {group}={name},OTHER (in a YAML, {group}: {name},OTHER)."
        )
    told = f"{group}.name would only relabel {group}={chosen}"
    if name in known or set(name.split(",")) <= set(known):
        return f"{told}; to choose another write {group}={name} (in a YAML, {group}: {name})."
    file = name if re.fullmatch(r"\w+", name) else "NAME"
    return (
        f"{told}; to choose another write {group}=NAME ({suggestion(name, known)}), or write "
        f"{group}/{file}.yaml in a folder of your own and name that with --config-dir."
    )


def _reclassed(group: str, chosen: str, target: str, known: Mapping[str, Path]) -> str:
    """Why a class cannot be set, and the choice that has it."""
    having = next((name for name, path in known.items() if target and _class_in(path) == target), None)
    what = target or "something else"
    remedy = (
        f"choose {group}={having}"
        if having
        else f"write {group}/NAME.yaml with this _target_ in a folder of your own, name that with "
        f"--config-dir, and choose {group}=NAME"
    )
    return f"{group}._target_ would record {what} as {group}={chosen}; {remedy}."


def _check_class(group: str, chosen: str, node: DictConfig, folders: Sequence[Path]) -> None:
    """Refuse a class that something else than the file of the choice gave it."""
    try:
        target = node.get("_target_")
    except OmegaConfBaseException:  # checked where all values are
        return
    files = (folder / group / f"{chosen}.yaml" for folder in folders)
    path = next((file for file in files if file.is_file()), None)
    own = _class_in(path) if path and target is not None else None
    if own is not None and own != target:
        known = named(group, folders)
        raise InputError(_reclassed(group, chosen.rpartition("/")[2], str(target), known))


@functools.lru_cache(maxsize=64)
def _class_at(path: Path, _changed: int) -> str | None:
    own = node_in(path).get("_target_")
    return own if isinstance(own, str) and "${" not in own else None


def _class_in(path: Path) -> str | None:
    """The class that a file names; None where it leaves that to its defaults, or to another key."""
    return _class_at(path, path.stat().st_mtime_ns)


def _check_name(group: str, choice: str, node: DictConfig) -> None:
    try:
        name = node.get("name")
    except OmegaConfBaseException:  # no value, or one that cannot be resolved: checked where all are
        return
    if node and name is None:
        with open_dict(node):
            node["name"] = choice
    elif group in GROUPS and isinstance(name, str) and name.strip() and name != choice:  # else told elsewhere
        raise InputError(
            f"{group}={choice} is named {name!r} in a YAML, and its runs would be taken for those of "
            f"{group}={name}: write name: {choice} there, or choose {group}={name}."
        )
