"""Errors that are the input's fault, told as one sentence that names the fault and the remedy."""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence
from typing import Any

from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lossbench.cli import natural
from lossbench.cli.unreadable import unreadable
from lossbench.config import foreign
from lossbench.config.chosen import groups
from lossbench.config.folders import GROUPS, choices, conf_dir, node_in
from lossbench.config.making import declared
from lossbench.config.options import PACKAGE_MISSING
from lossbench.config.quoting import corrected
from lossbench.errors import InputError, first_line, knobs_of, suggestion, unknown_knob

_HIDDEN = frozenset({"name", "_target_", "_recursive_"})
_SHOWN = "HYDRA_FULL_ERROR=1 shows where"
FIRST = "python -m lossbench --help shows how to start"

_UNKNOWN_CHOICE = re.compile(r"Could not find '(?P<group>.+)/(?P<name>[^/']*)'")
_OPTIONS = re.compile(r"Available options in '(?P<group>.+)':\n(?P<names>(?:\t.+\n?)+)")
_UNKNOWN_GROUP = re.compile(r"Could not override '(?P<group>[^']*)'\.\s+No match in the defaults list")
_UNKNOWN_KEY = re.compile(r"Could not override '(?P<key>[^']+)'")
_NOT_THERE = re.compile(r"Could not delete .*?'(?P<key>[^']+)'")
_THERE = re.compile(r"An item is already at '(?P<key>[^']+)'")
_TWICE = re.compile(r"Multiple values for (?P<group>[^.]+)\. To override")
_SEVERAL = re.compile(
    r"Ambiguous value for argument '(?P<line>.+)'|Sweep parameters '(?P<sweep>.+)' requires"
)
_UNFIT = re.compile(r"Error merging override (?P<line>.+)")
_NO_MEMORY = re.compile(
    "can't allocate memory|out of memory|array is too big|Storage size calculation overflow"
)


def is_told(error: BaseException) -> bool:
    """Whether an error is told in a sentence: the fault is the input's or the machine's, no mistake here."""
    kinds = (InputError, HydraException, OmegaConfBaseException, OSError)
    told = isinstance(error, kinds) or _no_memory(error) or _of_hydra(error)
    return told or unreadable(error) is not None


def sentence(error: BaseException, overrides: Sequence[str]) -> str:
    """What to print for an error: an `InputError` as it is, others in our words, also of what was typed."""
    if isinstance(error, InputError):
        told = str(error)
    elif (of_file := unreadable(error)) is not None:
        told = of_file
    elif isinstance(error, OverrideParseException):
        return _of_form(error.override, sweep=bool({"-m", "--multirun"} & set(overrides)))
    elif _no_memory(error):
        first = str(error).partition("\n")[0]  # torch adds where in its code it was, before and after
        first = first.rpartition("memory: ")[2].partition(". Error code")[0].partition(";")[0]
        why = first.rstrip(".") or "no more is free"
        told = f"The memory does not suffice ({why}); make the data, the model or the batches smaller."
    elif isinstance(error, OSError) and not isinstance(error, HydraException):
        where = f"{error.filename} cannot be used" if error.filename else "The system refused"
        told = f"{where} ({error.strerror or error}); free or name another place ({_SHOWN})."
    else:
        told = _of_composition(error, str(error), overrides)
    return " ".join(told.split())


def _of_form(override: str, *, sweep: bool) -> str:
    """An override that Hydra's grammar does not take; most often a text with a sign in it."""
    instead = corrected(override, sweep=sweep)
    if instead:
        return f"{override} holds signs that need quotes of their own; write {instead}."
    remedy = "write it as in loss=huber, close every bracket, and quote what has spaces"
    return f"{override!r} is not of the form key=value; {remedy}."


def known_parts() -> set[str]:
    """What a key of the config begins with."""
    return {*groups(), *node_in(conf_dir() / "config.yaml")} - {"defaults"}


def place(name: str) -> str | None:
    """The full key of a knob that some shipped choice has, such as optimizer.lr for lr."""
    found = [f"{group}.{knob}" for group in GROUPS for knobs in _shipped(group).values() for knob in knobs]
    fitting = [key for key in found if key.endswith(f".{name}") and name not in _HIDDEN]
    return min(fitting, key=lambda key: (key.count("."), key.startswith("data."), key), default=None)


def _of_composition(error: BaseException, text: str, overrides: Sequence[str]) -> str:
    """Hydra's words about the command line, and what it says of the config that came out."""
    if found := _UNKNOWN_CHOICE.search(text):
        return _unknown_choice(found["group"], found["name"], text)
    if found := _UNKNOWN_GROUP.search(text):
        group = found["group"]
        return (
            f"{group} is no group of the config ({suggestion(group, groups())})."
            if group
            else "An override has no name; write key=value, as in loss=huber."
        )
    if "@experiment." in text:
        return f"{PACKAGE_MISSING}."
    if found := _UNKNOWN_KEY.search(text):
        return f"{_called(found['key'], overrides) or _unknown_key(found['key'], error.__cause__)}."
    if found := _NOT_THERE.search(text):
        return f"~{found['key']} deletes what this config does not have; leave it out."
    if "range() arg 3 must not be zero" in text:
        return "A range has the step 0; give it another, as in seed=range(0,10,2), or none."
    if found := _THERE.search(text):
        return f"{found['key']} is there already; write {found['key']}=... without +."
    if found := _TWICE.search(text):
        group = found["group"]
        return f"{group} is chosen already; write {group}=... without + (in a YAML: override /{group}:)."
    if found := _SEVERAL.search(text):
        line = found["line"] or found["sweep"]
        return f"{line} names several values; add -m to sweep over them, or quote a text that holds commas."
    if found := _UNFIT.search(text):
        why = first_line(error.__cause__).rstrip(".") if error.__cause__ else "of the wrong type"
        return f"{found['line']} does not fit ({why}); correct it."
    if text.startswith("Config group override must be"):
        return _no_choice(overrides)
    first = re.split(r"\n|\. ", text.strip(), maxsplit=1)[0].rstrip(".") or type(error).__name__
    return f"{first}; {_SHOWN if _of_hydra(error) and not isinstance(error, HydraException) else FIRST}."


def _no_choice(overrides: Sequence[str]) -> str:
    """A group was given null or a number, which is the name of no file."""
    of_group = re.compile(r"^(?P<group>[\w/@]+)=(?:.*,)?(?P<value>null|~|true|false|[-+.\d]+)(?:,|$)", re.I)
    known = groups()
    for found in filter(None, map(of_group.match, overrides)):
        group, value = found["group"], found["value"]
        if value in ("null", "~"):
            return f"{group} cannot be null; name a choice, or leave {group}= out for the default."
        if group in known:
            return f"{group}={value} names no choice ({suggestion(value, _shipped(group))})."
        if group == "hydra":
            return f"hydra={value} does not fit; set one of its keys, as in hydra.run.dir=FOLDER."
    return "A group is given what is no name; write it as in loss=huber, or leave it out for the default."


def _unknown_choice(group: str, name: str, text: str) -> str:
    if group not in groups() and (inner := group.partition("/")[2]) in groups():  # in the defaults of a YAML
        return f"{group}={name} is unknown; in the defaults of a YAML write override /{inner}: {name}."
    options = _OPTIONS.search(text)
    names = options["names"].split() if options else list(_shipped(group))
    fault = f"{group}={name} is unknown" if name else f"{group}= names nothing"
    if name not in names and (here := natural.choice_here(group, name)):
        return f"{fault}; write {here}."
    return f"{fault} ({suggestion(name, names)})."


def _called(key: str, overrides: Sequence[str]) -> str | None:
    """Of a key that other tools have, what it is called here, with the value that was typed."""
    typed = next((one for one in overrides if one.partition("=")[0] == key), key)
    here = natural.key_here(key, typed.partition("=")[2])
    return f"{key} is called otherwise here: write {here}" if here else None


def _unknown_key(key: str, cause: BaseException | None) -> str:
    """A key that the composed config does not have; `cause` knows the node that lacks it."""
    parent = getattr(cause, "parent_node", None)
    full = str(getattr(cause, "full_key", None) or key)
    part, _, name = full.rpartition(".")
    if not isinstance(parent, DictConfig) or not part:
        known = known_parts()
        first, elsewhere = full.partition(".")[0].partition("@")[0], place(key)
        hint = f"did you mean {elsewhere!r}? known: {', '.join(sorted(known))}" if elsewhere else None
        return f"{key} is no part of the config ({hint or suggestion(first, known)})"
    node: Any = OmegaConf.to_container(parent)  # interpolations stay as they are
    if part in GROUPS and name in declared(node.get("_target_")):
        return f"{full} has its default in its class alone; write +{full}=..., or list it in the YAML"
    if "_target_" not in node or "name" not in node:
        known_here = {*knobs_of(node), *foreign.arguments(node.get("_target_"))}
        if name in known_here or node.get("_target_") == "???":
            return f"{full} is not listed in the YAML; write +{full}=..., or list it there"
        return unknown_knob(full, part, known_here)
    shipped = _shipped(part).items()
    having = [choice for choice, knobs in shipped if name in {knob.partition(".")[0] for knob in knobs}]
    told = unknown_knob(full, f"{part}={node['name']}", knobs_of(node, _HIDDEN))
    return f"{told}; {part}={having[0]} has it" if having else told


def _shipped(group: str) -> dict[str, list[str]]:
    """The choices of a group, each with its knobs."""
    return {name: knobs_of(node_in(path)) for name, path in choices(group).items()}


def _no_memory(error: BaseException) -> bool:
    """Whether memory does not suffice: for Python, or numpy, or torch on a CPU or GPU.

    Where a size is beyond what can be counted, numpy says so in a ValueError and torch in a RuntimeError.
    """
    if isinstance(error, (RuntimeError, ValueError)):
        return _NO_MEMORY.search(str(error)) is not None
    return isinstance(error, MemoryError)


def _of_hydra(error: BaseException) -> bool:
    """Whether it was raised in Hydra's own code, which then could not read what it was given."""
    frames = list(traceback.walk_tb(error.__traceback__))
    module = str(frames[-1][0].f_globals.get("__name__", "")) if frames else ""
    return module.partition(".")[0] in ("hydra", "omegaconf", "antlr4")
