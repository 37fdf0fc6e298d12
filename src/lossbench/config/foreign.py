"""Objects that others wrote, as a config names them: checked, in one spelling, made or refused in a sentence.

A node of the config is `_target_: package.module.Class` (or a function) with its arguments by name, or by
position in `_args_`; an argument may be such a node itself. It is made here, not by Hydra, so that a mistake
in it is told in one sentence; its owner's YAML says `_recursive_: false`.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter
from typing import Any

from lossbench._torchvision import mend
from lossbench.config.knob_types import Type, one_spelling, type_of
from lossbench.config.making import resolved
from lossbench.errors import InputError, suggestion

# Of an argument whose default is 2 and that has no annotation: it may well take 0.5.
_NUMBER = Type(float, optional=True)
_ARGUMENTS, _PARTIAL = "_args_", "_partial_"
_REMEDY = "correct the YAML, or install the package that it needs."


@dataclass(frozen=True)
class Argument:
    """One that a callable names; `default` is `Parameter.empty` where it must be given."""

    type: Type
    default: Any


def imported(path: str, target: Any) -> Any:
    """What the `_target_` of the node at `path` (`model.module`) names; refused if it cannot be imported."""
    if not isinstance(target, str) or target in ("", "???"):
        raise InputError(
            f"{path} must be a callable or name one: set {path}._target_ to package.module.Class."
        )
    mend()  # it may import torchvision
    return resolved(target, f"{path} cannot be made from {target}", f": {_REMEDY}")


def spelled(node: Any, path: str, is_word: Callable[[str], bool] = lambda text: False) -> Any:
    """A config of an object in one spelling: arguments by name, in order, defaults filled in, types checked.

    The type of an argument is that of its annotation, else of its default. Of others a number that is whole
    is written as a whole one. A default that is no plain value is left out: it is the same for everyone.
    Refused is what cannot be imported, does not take such arguments, or lacks one.

    Args:
        path: of the node in the config, for messages.
        is_word: whether a text stands for what is known later; where an argument asks for a text, none does.
    """
    if isinstance(node, list):
        return [spelled(item, f"{path}[{place}]", is_word) for place, item in enumerate(node)]
    if not isinstance(node, dict):
        return one_spelling(node)
    if "_target_" not in node:
        return {name: spelled(value, f"{path}.{name}", is_word) for name, value in node.items()}
    found = _signature(imported(path, node["_target_"]))
    given = {name: spelled(value, f"{path}.{name}", is_word) for name, value in node.items()}
    if found is None:
        return given
    named, beside = found
    if not beside & {Parameter.VAR_POSITIONAL, Parameter.POSITIONAL_ONLY}:
        given = _by_name(given, list(named))
    _check_names(path, given, named, further=Parameter.VAR_KEYWORD in beside)
    for name, argument in named.items():
        value = given.get(name, argument.default)
        word = isinstance(value, str) and is_word(value) and argument.type.item is not str
        if name in given and value is not None and not isinstance(value, dict) and not word:
            argument.type.check(f"{path}.{name}", value)
        if value is None or isinstance(value, (bool, int, float, str)):
            plainly = word or argument.type == _NUMBER
            given[name] = one_spelling(value) if plainly else argument.type.canonical(value)
    order = [name for name in given if name.startswith("_")] + [*named]
    rest = sorted(set(given) - set(order))
    return {name: given[name] for name in [*order, *rest] if name in given}


def _by_name(given: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Arguments by position under their names, where all of them have one."""
    values = given.get(_ARGUMENTS, [])
    names = names[: len(values)] if isinstance(values, list) else []
    if len(names) < len(values) or set(names) & set(given):
        return given
    rest = {name: value for name, value in given.items() if name != _ARGUMENTS}
    return rest | dict(zip(names, values, strict=True))


def _check_names(path: str, given: Mapping[str, Any], named: Mapping[str, Argument], further: bool) -> None:
    for name in given:
        if not name.startswith("_") and name not in named and not further:
            raise InputError(
                f"{path}.{name} is no argument of {given['_target_']} ({suggestion(name, named)})."
            )
    if given.get(_PARTIAL) or _ARGUMENTS in given:
        return
    lacking = [name for name, own in named.items() if own.default is Parameter.empty and name not in given]
    if lacking:
        what = " and ".join(f"{path}.{name}" for name in lacking)
        raise InputError(
            f"{given['_target_']} lacks {what}: list it in the YAML, or add +{path}.{lacking[0]}=..."
        )


def _signature(callable_: Any) -> tuple[dict[str, Argument], set[Any]] | None:
    """The arguments that a callable names, in order, and its kinds of parameters; None: it does not say."""
    try:
        found = inspect.signature(callable_).parameters.values()
    except (TypeError, ValueError):
        return None
    home = getattr(callable_, "__module__", "") or ""
    named = [one for one in found if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    arguments = {one.name: Argument(_type_of(one, home), one.default) for one in named}
    return arguments, {one.kind for one in found}


def arguments(target: Any) -> list[str]:
    """The names of the arguments that a `_target_` takes; none where that cannot be said."""
    try:
        found = _signature(imported("", target))
    except InputError:
        return []
    return list(found[0]) if found else []


def _type_of(argument: Parameter, module: str) -> Type:
    if argument.annotation is not argument.empty:
        return type_of(argument.annotation, module)
    if isinstance(argument.default, bool):
        return Type(bool)
    return {float: Type(float), int: _NUMBER}.get(type(argument.default), Type())


def filled(node: Any, meaning: Callable[[str], Any]) -> Any:
    """A spelled config whose words have the `meaning` that is known now; other texts mean themselves."""
    if isinstance(node, list):
        return [filled(item, meaning) for item in node]
    if isinstance(node, str):
        return meaning(node)
    if not isinstance(node, dict):
        return node
    found = _signature(pkgutil.resolve_name(node["_target_"])) if "_target_" in node else None
    texts = [name for name, argument in (found[0] if found else {}).items() if argument.type.item is str]
    return {name: value if name in texts else filled(value, meaning) for name, value in node.items()}


def made(node: Mapping[str, Any], path: str) -> Any:
    """The object that a config names, with all that is nested in it; refused where it cannot be made."""
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    imported(path, node.get("_target_"))
    try:
        return instantiate(node, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__ or error
        first, *more = str(cause).strip().splitlines() or [type(cause).__name__]
        reason = more[0] if more and first.endswith(":") else first  # "Error loading ...:" is no reason
        raise InputError(
            f"{path} cannot be made from {node['_target_']} ({reason.rstrip('.')}): {_REMEDY}"
        ) from error


def plain(node: Mapping[str, Any]) -> dict[str, Any]:
    """A node as plain dicts and lists, its interpolations resolved."""
    from omegaconf import OmegaConf

    found: Any = OmegaConf.to_container(OmegaConf.create(dict(node)), resolve=True)
    return {str(name): value for name, value in found.items()}
