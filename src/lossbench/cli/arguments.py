"""The command line before Hydra reads it: unknown options are told, overrides stand anywhere."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from hydra._internal.utils import get_args_parser

from lossbench.cli import natural
from lossbench.cli.refusals import FIRST, known_parts, place
from lossbench.config.folders import conf_dir, root_of
from lossbench.config.naming import NAME, check_typed, check_written, spoken
from lossbench.errors import InputError

DRY_RUN = "--dry-run"


@dataclass(frozen=True)
class Arguments:
    """A command line that Hydra can read."""

    line: list[str]  # its arguments, overrides first
    help: bool = False  # it asks for that alone
    dry_run: bool = False  # it asks only what would be trained
    prints: bool = False  # it only prints, so that nothing is left to do when nobody reads
    folder: Path | None = None  # of the user's configs, which `--config-dir` names


def arranged(arguments: Sequence[str]) -> Arguments:
    """Put all overrides together; argparse refuses those behind an option that stands among them.

    An empty command line asks for help: it names nothing to train. Refused is an unknown option, or one that
    lacks its value or would load a pickle, and an override that takes away the experiment or misnames it.
    """
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    dry_run = DRY_RUN in arguments
    arguments = [argument for argument in arguments if argument != DRY_RUN]
    known, others = parser.parse_known_args(arguments)
    unknown = [argument for argument in others if argument.startswith("-")]
    if unknown:
        raise InputError(_unknown(unknown[0], arguments))
    if known.experimental_rerun:
        raise InputError("--experimental-rerun would load a pickle; give the overrides of that run instead.")
    overrides = [*known.overrides, *others]
    if any(override.partition("=")[0] == "~experiment" for override in overrides):
        raise InputError("~experiment takes away what nobody has chosen; leave it out.")
    options = [argument for argument in arguments if argument not in overrides]
    folder = Path(known.config_dir) if known.config_dir and known.config_path is None else None
    line = [*overrides, *options]
    own = folder if folder and folder.is_dir() else None
    asks = known.help or not line
    if not asks:
        _check_names(overrides, own)
    prints = asks or dry_run or bool(known.cfg or known.info or known.hydra_help)
    return Arguments(line, asks, dry_run=dry_run, prints=prints, folder=own)


def _check_names(overrides: Sequence[str], folder: Path | None) -> None:
    """Refuse a name of an experiment that would be recorded as something else than what was written."""
    parts = [(override, *override.lstrip("+").partition("=")[::2]) for override in overrides]
    typed = [override for override, key, _ in parts if key == NAME]
    for override in typed:
        check_typed(override)
    if typed:
        return
    for _, key, text in parts:
        for name in text.split(",") if key == "experiment" else ():
            chosen = spoken(name.strip())
            if root := root_of(folder, chosen):
                check_written(root / "experiment" / f"{chosen}.yaml")


def before_shipped(line: Sequence[str]) -> list[str]:
    """A command line by which Hydra looks through the shipped configs last: in its --config-dir."""
    return [*line, "--config-dir", str(conf_dir())]  # of two such options the last one counts


def _refuse(message: str) -> NoReturn:
    raise InputError(f"{message[:1].upper()}{message[1:]}; {FIRST}.")


def _unknown(option: str, arguments: Sequence[str]) -> str:
    """What is wrong with an option that does not exist; most often it was to be an override."""
    name, _, value = option.lstrip("-").partition("=")
    following = arguments[list(arguments).index(option) + 1 :]
    if not value and following and "=" not in following[0] and not following[0].startswith("-"):
        value = following[0]
    key = name.replace("-", "_")
    override = key if key in known_parts() else place(key)
    if not override and (here := natural.key_here(key, value)):
        return f"{option} is no option; write {here} without dashes."
    if override:
        return f"{option} is no option; write {override}={value or '...'} without dashes."
    options = [DRY_RUN, *(text for action in get_args_parser()._actions for text in action.option_strings)]
    near = difflib.get_close_matches(option, options, n=1)
    if near:
        return f"{option} is no option (did you mean {near[0]}?); {FIRST}."
    return f"{option} is no option; what a run trains is set as key=value, as in optimizer.lr=0.01; {FIRST}."
