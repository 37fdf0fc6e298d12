"""From a node of the config to the object that it names, and why that may fail."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pkgutil
import re
from collections.abc import Mapping
from typing import Any

from lossbench.config.choice import Choice
from lossbench.errors import InputError, knobs_of, unknown_knob

SEARCH = "_search_"  # of a YAML: where trials look for arguments of an object that others wrote


def make(group: str, wanted: type[Choice], node: dict[str, Any]) -> Choice:
    """What a YAML node names with `_target_`, its other keys being knobs; refused where it is no `wanted`."""
    if not isinstance(node.get("_target_"), str):
        raise InputError(
            f"{_owner(group, node)} names no class: set _target_ in its YAML to package.module.Class."
        )
    path = node["_target_"]
    fault = f"{group}._target_={path} cannot be imported"
    target = resolved(path, fault, "; name a class as package.module.Class.")
    node = {name: value for name, value in node.items() if name != SEARCH}
    foreign = isinstance(target, type) and not issubclass(target, wanted)
    if not foreign and inspect.isabstract(target):
        lacking = ", ".join(sorted(target.__abstractmethods__))
        raise InputError(
            f"{path} lacks {lacking}: write what {wanted.__module__}.{wanted.__name__} says of each."
        )
    choice = None if foreign else _made(group, node, target)
    if not isinstance(choice, wanted):
        raise InputError(
            f"{_owner(group, node)}: {path} gives no {wanted.__name__}; name a dataclass that "
            f"extends {wanted.__module__}.{wanted.__name__}."
        )
    undeclared = [
        name
        for name, kind in wanted.__annotations__.items()
        if str(kind).startswith("ClassVar") and not hasattr(choice, name)
    ]
    if undeclared:
        raise InputError(f"{path} does not say its {' and '.join(undeclared)}: set it there.")
    return choice


def _made(group: str, node: dict[str, Any], target: Any) -> Any:
    """What a node makes: by Hydra, but where it holds nothing but plain values, which takes 4 ms less."""
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    knobs = {name: value for name, value in node.items() if name != "_target_"}
    try:
        if all(_plain(value) and not name.startswith("_") for name, value in knobs.items()):
            return target(**copy.deepcopy(knobs))
        return instantiate(node, _convert_="all")
    except (InstantiationException, TypeError) as error:
        cause = error.__cause__ or error
        if isinstance(cause, InputError):
            raise cause from error
        raise InputError(_not_made(group, node, target, cause)) from error
    except InputError:
        raise
    except Exception as error:  # a class of others may raise anything
        raise InputError(_not_made(group, node, target, error)) from error


def _plain(value: Any) -> bool:
    """Whether a value means itself, and is no node, interpolation or missing value of OmegaConf."""
    if isinstance(value, list):
        return all(map(_plain, value))
    return not isinstance(value, dict) and not (isinstance(value, str) and ("${" in value or value == "???"))


def completed(node: dict[str, Any]) -> dict[str, Any]:
    """A node with all that files say of what it names; what cannot be imported is told where it is made."""
    owner = choice_class(node.get("_target_"))
    return owner.completed(node) if owner else node


def choice_class(target: Any) -> type[Choice] | None:
    """The class of a choice that a `_target_` names; None where it is none, or cannot be imported."""
    try:
        found = pkgutil.resolve_name(str(target))
    except Exception:  # a module may raise anything
        return None
    return found if isinstance(found, type) and issubclass(found, Choice) else None


def declared(target: Any) -> dict[str, Any]:
    """The knobs of the class that a YAML names, with their defaults, whether or not the YAML lists them.

    Empty where it cannot be imported, which is told where it is made.
    """
    try:
        fields = dataclasses.fields(pkgutil.resolve_name(str(target)))
    except Exception:  # a module may raise anything
        return {}
    absent = dataclasses.MISSING
    return {field.name: None if field.default is absent else field.default for field in fields if field.init}


def _owner(group: str, node: Mapping[str, Any]) -> str:
    return f"{group}={node['name']}" if node.get("name") else group


def resolved(path: str, fault: str, remedy: str) -> Any:
    """What a dotted path names; refused with fault, reason and remedy where it cannot be imported."""
    try:
        return pkgutil.resolve_name(path)
    except InputError:  # a knob of it is declared amiss
        raise
    except Exception as error:  # a module may raise anything
        why = (" ".join(str(error).split()) or type(error).__name__).rstrip(".")
        raise InputError(f"{fault} ({why}){remedy}") from error


def _not_made(group: str, node: Mapping[str, Any], target: Any, cause: BaseException) -> str:
    """Why a choice cannot be made from its YAML and overrides."""
    owner, text = _owner(group, node), " ".join(str(cause).split())
    unknown = re.search(r"unexpected keyword argument '(\w+)'", text)
    lacking = re.search(r"missing \d+ required .*arguments?: (.+)", text)
    if unknown and dataclasses.is_dataclass(target):
        fields = {field.name for field in dataclasses.fields(target) if field.init} - {"name"}
        set_here = knobs_of({name: value for name, value in node.items() if name in fields})
        known = [*set_here, *(name for name in fields if name not in node)]
        return f"{unknown_knob(f'{group}.{unknown[1]}', owner, known)}."
    if lacking:
        return f"{owner} lacks {lacking[1]}: set it in its YAML."
    return f"{owner} cannot be made from {node['_target_']} ({text.rstrip('.')}): correct its YAML."
