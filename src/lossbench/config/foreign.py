"""Objects that others wrote, as a config names them: checked, in one spelling, made or refused in a sentence.

A node of the config is `_target_: package.module.Class` (or a function) with its arguments by name, or by
position in `_args_`; an argument may be such a node itself. It is made here, not by Hydra, so that a mistake
in it is told in one sentence; its owner's YAML says `_recursive_: false`.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lossbench._torchvision import mend
from lossbench.config.knob_types import Type, one_spelling, type_of
from lossbench.errors import InputError, suggestion

# Of an argument whose default is 2 and that has no annotation: it may well take 0.5.
_NUMBER = Type(float, optional=True)
_ARGUMENTS, _PARTIAL = "_args_", "_partial_"


@dataclass(frozen=True)
class Argument:
    """One that a callable names; `default` is `inspect.Parameter.empty` where it must be given."""

    type: Type
    default: Any

    def reads_text(self) -> bool:
        """Whether a text is meant as one, and as no word that stands for a number."""
        return self.type.item is str


@dataclass(frozen=True)
class Signature:
    """What a callable takes.

    named: its arguments, in order.
    open: it takes arguments of any other name as well.
    positional: it takes any number of arguments by position, or some by position alone.
    """

    named: Mapping[str, Argument]
    open: bool
    positional: bool


def imported(path: str, target: Any) -> Any:
    """What a node's `_target_` names.

    Args:
        path: of the node in the config, such as `model.module`.

    Raises:
        InputError: it names nothing, or that cannot be imported.
    """
    if not isinstance(target, str) or target in ("", "???"):
        raise InputError(
            f"{path} must be a callable or name one: set {path}._target_ to package.module.Class."
        )
    try:
        mend()  # it may import torchvision
        return pkgutil.resolve_name(target)
    except Exception as error:  # a module may raise anything
        why = (" ".join(str(error).split()) or type(error).__name__).rstrip(".")
        raise InputError(
            f"{path} cannot be made from {target} ({why}): correct the YAML, or install the package that it "
            "needs."
        ) from error


def _no_word(text: str) -> bool:
    return False


def spelled(node: Any, path: str, is_word: Callable[[str], bool] = _no_word) -> Any:
    """A config of an object in one spelling: arguments by name, in order, defaults filled in, types checked.

    The type of an argument is that of its annotation, else of its default. Of others a number that is whole
    is written as a whole one. A default that is no plain value is left out: it is the same for everyone.

    Args:
        path: of the node in the config, for messages.
        is_word: whether a text stands for what is known later; where an argument asks for a text, none does.

    Raises:
        InputError: what it names cannot be imported, does not take such arguments, or lacks one.
    """
    if isinstance(node, list):
        return [spelled(item, f"{path}[{place}]", is_word) for place, item in enumerate(node)]
    if not isinstance(node, dict):
        return one_spelling(node)
    if "_target_" not in node:
        return {name: spelled(value, f"{path}.{name}", is_word) for name, value in node.items()}
    found = signature(imported(path, node["_target_"]))
    given = {name: spelled(value, f"{path}.{name}", is_word) for name, value in node.items()}
    if found is None:
        return given
    given = _by_name(given, found)
    _check_names(path, given, found)
    for name, argument in found.named.items():
        value = given.get(name, argument.default)
        word = isinstance(value, str) and is_word(value) and not argument.reads_text()
        if name in given and value is not None and not isinstance(value, dict) and not word:
            argument.type.check(f"{path}.{name}", value)
        if value is None or isinstance(value, (bool, int, float, str)):
            plainly = word or argument.type == _NUMBER
            given[name] = one_spelling(value) if plainly else argument.type.canonical(value)
    order = [name for name in given if name.startswith("_")] + [*found.named]
    rest = sorted(set(given) - set(order))
    return {name: given[name] for name in [*order, *rest] if name in given}


def _by_name(given: dict[str, Any], found: Signature) -> dict[str, Any]:
    """Arguments by position under their names, where all of them have one."""
    values = given.get(_ARGUMENTS, [])
    names = list(found.named)[: len(values)] if isinstance(values, list) else []
    if found.positional or len(names) < len(values) or set(names) & set(given):
        return given
    rest = {name: value for name, value in given.items() if name != _ARGUMENTS}
    return rest | dict(zip(names, values, strict=True))


def _check_names(path: str, given: Mapping[str, Any], found: Signature) -> None:
    for name in given:
        if not name.startswith("_") and name not in found.named and not found.open:
            raise InputError(
                f"{path}.{name} is no argument of {given['_target_']} ({suggestion(name, found.named)})."
            )
    if given.get(_PARTIAL) or _ARGUMENTS in given:
        return
    lacking = [n for n, a in found.named.items() if a.default is inspect.Parameter.empty and n not in given]
    if lacking:
        what = " and ".join(f"{path}.{name}" for name in lacking)
        raise InputError(
            f"{given['_target_']} lacks {what}: list it in the YAML, or add +{path}.{lacking[0]}=..."
        )


def signature(callable_: Any) -> Signature | None:
    """What a callable takes; None where it does not say."""
    try:
        found = inspect.signature(callable_).parameters.values()
    except (TypeError, ValueError):
        return None
    home = getattr(callable_, "__module__", "") or ""
    named = [one for one in found if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    return Signature(
        {one.name: Argument(_type_of(one, home), one.default) for one in named},
        open=any(one.kind == one.VAR_KEYWORD for one in found),
        positional=any(one.kind in (one.VAR_POSITIONAL, one.POSITIONAL_ONLY) for one in found),
    )


def arguments(target: Any) -> list[str]:
    """The names of the arguments that a `_target_` takes; none where that cannot be said."""
    try:
        found = signature(imported("", target))
    except InputError:
        return []
    return list(found.named) if found else []


def _type_of(argument: inspect.Parameter, module: str) -> Type:
    if argument.annotation is not argument.empty:
        return type_of(argument.annotation, module)
    if isinstance(argument.default, bool):
        return Type(bool)
    return {float: Type(float), int: _NUMBER}.get(type(argument.default), Type())


def filled(node: Any, meaning: Callable[[str], Any]) -> Any:
    """A spelled config whose words stand no longer for what is known now.

    Args:
        meaning: what a word stands for; any other text as it is.
    """
    if isinstance(node, list):
        return [filled(item, meaning) for item in node]
    if isinstance(node, str):
        return meaning(node)
    if not isinstance(node, dict):
        return node
    found = signature(pkgutil.resolve_name(node["_target_"])) if "_target_" in node else None
    texts = [name for name, argument in (found.named if found else {}).items() if argument.reads_text()]
    return {name: value if name in texts else filled(value, meaning) for name, value in node.items()}


def made(node: Mapping[str, Any], path: str) -> Any:
    """The object that a config names, with all that is nested in it.

    Raises:
        InputError: it cannot be made.
    """
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
            f"{path} cannot be made from {node['_target_']} ({reason.rstrip('.')}): "
            "correct the YAML, or install the package that it needs."
        ) from error


def plain(node: Mapping[str, Any]) -> dict[str, Any]:
    """A node as plain dicts and lists, its interpolations resolved."""
    from omegaconf import OmegaConf

    found: Any = OmegaConf.to_container(OmegaConf.create(dict(node)), resolve=True)
    return {str(name): value for name, value in found.items()}
