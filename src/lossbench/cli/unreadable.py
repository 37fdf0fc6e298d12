"""YAML files that cannot be read or do not fit: which file it is, and why, found from the error alone."""

from __future__ import annotations

import re
import traceback
from typing import Any

import yaml  # type: ignore[import-untyped]
from omegaconf.errors import OmegaConfBaseException

_COMPOSERS = ("hydra", "omegaconf", "antlr4")
# What OmegaConf says of a file that holds one value, and Hydra of one that does not fit the config.
_SINGLE = re.compile(r"Invalid loaded object type: (?P<kind>\w+)")
_UNFIT = re.compile(
    r"In '(?P<file>.+)': \w+ raised while composing config:\n(?P<why>.+)(?:\n\s*full_key: (?P<key>\S*))?"
)
_LISTED = "Cannot merge DictConfig with ListConfig"
_ENDLESS = "maximum recursion depth"


def unreadable(error: BaseException) -> str | None:
    """The sentence for an error that a file of the config raised; None where it is about something else."""
    if isinstance(error, yaml.reader.ReaderError):
        what = f"{_file(error) or error.name} is no valid YAML"
        return f"{what} (the character {error.character!r} at position {error.position}); correct it."
    if (mark := getattr(error, "problem_mark", None)) is not None:
        problem = getattr(error, "problem", None) or "it cannot be read"
        return f"{mark.name}, line {mark.line + 1}, is no valid YAML ({problem}); correct it."
    if found := _UNFIT.search(str(error)):
        return _unfit(found)
    if not composing(error):
        return None
    file = _file(error) or "A file of the config"
    if isinstance(error, UnicodeError):
        return f"{file} is no text in UTF-8 ({getattr(error, 'reason', error)}); save it as UTF-8."
    if isinstance(error, OSError) and (found := _SINGLE.search(str(error))):
        return f"{file} holds a single value ({found['kind']}); write key: value, one a line."
    if isinstance(error, RecursionError) or (
        isinstance(error, OmegaConfBaseException) and _ENDLESS in str(error)
    ):
        # The config whose defaults were being followed, where nothing was being read in them for the moment.
        if where := _local(error, "_create_defaults_tree_impl", "path"):
            return f"The defaults of {where} lead back to it; take out of its defaults what names it again."
        return (
            f"{file} holds itself without end; take the alias (*name) out of what its anchor (&name) marks."
        )
    return None


def composing(error: BaseException) -> bool:
    """Whether Hydra or OmegaConf was at work when it was raised, on files, and not what they then called."""
    names = (str(frame.f_globals.get("__name__", "")) for frame, _ in traceback.walk_tb(error.__traceback__))
    packages = [name.partition(".")[0] for name in names]
    known = [package for package in packages if package in (*_COMPOSERS, "lossbench", "hydra_plugins")]
    return bool(known) and known[-1] in _COMPOSERS


def _unfit(found: re.Match[str]) -> str:
    if found["why"] == _LISTED:
        return f"{found['file']}.yaml holds a list where the config has keys; write key: value, one a line."
    where = f"{found['key']} of {found['file']}.yaml" if found["key"] else f"{found['file']}.yaml"
    return f"{where} does not fit ({found['why'].rstrip('.')}); correct it."


def _file(error: BaseException) -> str | None:
    """The file that was being read, as Hydra's reader knows it."""
    return _local(error, "load_config", "full_path")


def _local(error: BaseException, function: str, variable: str) -> str | None:
    """The value of a variable in the innermost call of a function that an error has left."""
    values: list[Any] = [
        frame.f_locals.get(variable)
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_name == function
    ]
    return str(values[-1]) if values and values[-1] else None
