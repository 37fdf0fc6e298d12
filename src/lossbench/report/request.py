"""What the command line of a report asks for: an experiment, where things are, and which of its runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lossbench.claims.declared import shipped
from lossbench.config.folders import own_folder
from lossbench.config.naming import ANATOMY, spoken
from lossbench.errors import InputError, first_line, suggestion
from lossbench.tracking.runs import BY_CODE, BY_FINGERPRINT


@dataclass
class Options:
    """What `report.*` sets."""

    out: str | None = None
    figures: bool = True
    files: bool = True
    record: bool = True


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    experiment: str
    uri: str | None
    options: Options
    selection: dict[str, Any]
    folder: Path | None = None  # of `--config-dir`
    instead: Mapping[str, str] = field(default_factory=dict)  # of what the experiment's YAML says


def parse(arguments: Sequence[str]) -> Request:
    """Understand the command line.

    Raises:
        InputError: an argument is no assignment, or sets an unknown option.
    """
    folder, arguments = own_folder(arguments, "experiment/NAME.yaml")
    for argument in arguments:
        if "=" not in argument or argument.startswith("-"):
            raise InputError(f"{argument!r} is not understood; write key=value, as in experiment=outliers.")
    experiment, instead, arguments = _experiment(arguments)
    settings = [argument for argument in arguments if re.match(_SETTINGS, argument)]
    selection = _selection([argument for argument in arguments if argument not in settings])
    plain = _tree(settings)
    if not experiment:
        known = [*shipped(folder), ANATOMY]
        raise InputError(f"Name an experiment: experiment=NAME ({suggestion('', known)}).")
    uri, options = _uri(plain.get("tracking")), _options(plain.get("report") or {})
    return Request(experiment, uri, options, selection, folder, instead)


_SETTINGS = r"(tracking|report)[.=]"  # everything else selects runs
_INSTEAD = ("name", "judge", "select")


def _experiment(arguments: Sequence[str]) -> tuple[str, dict[str, str], list[str]]:
    """The experiment that is named, what stands instead of its YAML's own, and the other arguments.

    Read as text, because names may look like numbers or YAML. A name alone says that of the experiment, too.
    """
    found: dict[str, str] = {}
    others = []
    for argument in arguments:
        key, _, value = argument.partition("=")
        part, _, knob = key.partition(".")
        if part != "experiment":
            others.append(argument)
            continue
        if knob and knob not in _INSTEAD:
            raise InputError(f"{key} is no option of a report ({suggestion(knob, _INSTEAD)}).")
        if key in found:
            raise InputError(f"{key} is set twice; set it once.")
        found[key] = spoken(value)
    instead = {knob: own for knob in _INSTEAD if (own := found.get(f"experiment.{knob}"))}
    return found.get("experiment") or instead.get("name", ""), instead, others


def _tree(arguments: Sequence[str], typed: str = "") -> dict[str, Any]:
    """Assignments as a nested dict, with values as YAML reads them; `typed` is what a person wrote."""
    try:
        tree: Any = OmegaConf.to_container(OmegaConf.from_dotlist(list(arguments)))
    except Exception as error:  # of YAML, or of OmegaConf where one key contradicts another
        raise InputError(
            f"{typed or ' '.join(arguments)!r} is not understood; write each as key=value, close every "
            "bracket, and set a key once."
        ) from error
    return dict(tree)


def _uri(tracking: Any) -> str | None:
    """The address that `tracking.uri` gives; the other knobs of tracking are those of a sweep."""
    given = {} if tracking is None else tracking
    if not isinstance(given, dict):
        raise InputError(
            f"tracking must hold an address, as in tracking.uri=sqlite:///mlflow.db; got {given!r}."
        )
    for key in given:
        if key != "uri":
            raise InputError(f"tracking.{key} is no option of a report ({suggestion(str(key), ['uri'])}).")
    uri = given.get("uri")
    if not isinstance(uri, (str, type(None))):
        raise InputError(f"tracking.uri must be a text; got {uri!r}.")
    return uri


def _options(given: Any) -> Options:
    known = set(vars(Options()))
    for key in given if isinstance(given, dict) else ["report"]:
        if key not in known:
            raise InputError(f"report.{key} is no option ({suggestion(str(key), known)}).")
    try:
        merged: Any = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Options), given))
    except OmegaConfBaseException as error:
        raise InputError(
            f"report.{first_line(error)}; figures, files and record are true or false."
        ) from error
    assert isinstance(merged, Options)
    return merged


def _selection(arguments: Sequence[str]) -> dict[str, Any]:
    """Selections by dotted key; a group alone (`loss=mse`) means its name.

    A list is several values, as `loss=mse,mae` writes them; a tuple is one that is a list, `[8,8]`.
    """
    selection: dict[str, Any] = {}
    for argument in arguments:
        key, _, text = argument.partition("=")
        parts = _alternatives(text)
        values = [_value(argument, part) for part in parts]
        if key in (BY_FINGERPRINT, BY_CODE):  # of digits alone, YAML would make a number
            values = [part.strip() for part in parts]
        selection |= _flat(key, values if len(parts) > 1 else values[0])
    return selection


def _alternatives(text: str) -> list[str]:
    """`mse,mae` as Hydra's sweeps write it; a comma within brackets, braces or quotes parts nothing."""
    parts, depth, quote = [""], 0, ""
    for sign in text:
        if quote or sign in "'\"":
            quote = ("" if sign == quote else quote) if quote else sign
        depth += (sign in "[{(") - (sign in "]})") if not quote else 0
        if sign == "," and depth <= 0 and not quote:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


def _value(argument: str, text: str) -> Any:
    value = _tree([f"value={text}"], argument)["value"]
    return tuple(value) if isinstance(value, list) else value


def _flat(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {key: value}
    return {path: own for name, inner in value.items() for path, own in _flat(f"{key}.{name}", inner).items()}
