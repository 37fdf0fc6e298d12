"""Names of experiments: an experiment in MLflow, a folder of files, and a word on the command lines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from lossbench.config.quoting import corrected, parsed, typed
from lossbench.config.yaml_reading import read_yaml
from lossbench.errors import InputError

NAME = "experiment.name"
ANATOMY = "anatomy"  # the report that needs no runs

_MOST_BYTES = 255  # of a file name
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_QUOTED = re.compile(r"(?P<mark>['\"])(?P<text>.*)(?P=mark)", re.DOTALL)


def checked_name(value: Any) -> str:
    """The name under which runs are recorded, from what a config holds; refused if it can name no folder."""
    if isinstance(value, (bool, float)):
        text = str(value).lower() if isinstance(value, bool) else repr(value)
        raise InputError(
            f"experiment.name must be a text, and was read as {value!r}; choose another, or quote it twice, "
            f"as in {typed(NAME, text)}."
        )
    if not isinstance(value, (str, int)) or not str(value).strip():
        raise InputError(
            f"experiment.name must be a text that is not empty; got {value!r}: leave it out, or write one, "
            "as in experiment.name=first_try."
        )
    name = str(value)
    if len(name.encode("utf-8", "replace")) > _MOST_BYTES or _CONTROL.search(name):
        raise InputError(
            f"experiment.name must be one line of at most {_MOST_BYTES} characters, without tabs; "
            f"got {len(name)} that begin with {name[:30]!r}."
        )
    if name in (".", ".."):
        raise InputError(
            f"experiment.name={name} cannot name the folder of a report, for it means another folder; "
            "choose a name, as in experiment.name=first_try."
        )
    if not is_file_name(name):
        raise InputError(
            f"experiment.name={name} cannot name the folder of a report; "
            "leave out slashes and backslashes, as in experiment.name=first_try."
        )
    if name.casefold() == ANATOMY:
        raise InputError(f"experiment.name={name} is the name of the report without runs; choose another.")
    return name


def check_typed(override: str) -> None:
    """Refuse a name on a command line that Hydra would read as something else than what stands there."""
    from hydra.core.override_parser.types import ChoiceSweep, QuotedString

    text = override.partition("=")[2]
    found = parsed(override) if text.strip() else None
    if found is None:  # told where the config is composed
        return
    value = found.value()
    sweep = isinstance(value, ChoiceSweep)
    texts = [part.strip() for part in text.split(",")] if sweep else [text]
    values = value.list if isinstance(value, ChoiceSweep) else [value]
    if len(texts) != len(values):  # commas in quotes or brackets
        return
    for own, read in zip(texts, values, strict=True):
        quoted = isinstance(read, QuotedString) or _QUOTED.fullmatch(own.strip())
        if not quoted and not _is_kept(own, read):
            raise InputError(
                f"experiment.name must be a text, and {own!r} was read as {read!r}; choose another, or "
                f"quote it twice, as in {corrected(override, sweep=sweep)}."
            )


def check_written(file: Path) -> None:
    """Refuse a name in the YAML of an experiment that YAML reads as something else than what stands there."""
    import yaml  # type: ignore[import-untyped]

    try:
        written: Any = yaml.load(
            file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader
        )  # all of it is text
        read: Any = read_yaml(file)
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return  # told where the config is composed
    for key in NAME.split("."):
        if not isinstance(written, dict) or not isinstance(read, dict) or key not in read:
            return
        written, read = written.get(key), read[key]
    if isinstance(written, str) and not isinstance(read, str) and not _is_kept(written, read):
        raise InputError(
            f"experiment.name must be a text, and name: {written} in {file} was read as {read!r}; "
            f'choose another, or quote it there, as in name: "{written or "first_try"}".'
        )


def _is_kept(text: str, read: Any) -> bool:
    """Whether what was read is the text that stands there; lists and mappings are told elsewhere."""
    if isinstance(read, str):
        return text == text.strip()
    if isinstance(read, int) and not isinstance(read, bool):
        return str(read) == text
    return read is not None and not isinstance(read, (bool, float))


def is_file_name(name: str) -> bool:
    """Whether a name means one entry of the folder that it is put into."""
    return name not in ("", ".", "..") and not re.search(r"[/\\\0]", name)


def spoken(text: str) -> str:
    """A name as it stands on a command line: as it is, or in quotes, as Hydra wants some."""
    quoted = _QUOTED.fullmatch(text)
    return quoted["text"] if quoted else text
