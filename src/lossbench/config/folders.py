"""Where configs lie: what a user's folder holds comes before what ships under the same name."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lossbench.config.naming import is_file_name
from lossbench.config.yaml_reading import read_yaml
from lossbench.errors import InputError

GROUPS = ("data", "model", "loss", "optimizer", "trainer")  # whose choices make what one run trains
RATE = "optimizer.lr"  # the learning rate, a knob of every optimizer


def conf_dir() -> Path:
    """The folder of the YAML files: inside an installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "conf"
    return installed if installed.is_dir() else package.parents[1] / "conf"


def own_folder(arguments: Sequence[str], holds: str) -> tuple[Path | None, list[str]]:
    """The folder of `--config-dir`, as Hydra's programs take it, and the other arguments.

    Args:
        holds: a file that such a folder has, for a sentence: `loss/NAME.yaml`.

    Raises:
        InputError: the option names no folder.
    """
    options = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    options.add_argument("--config-dir", "-cd", type=Path)
    try:
        known, rest = options.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise InputError("--config-dir needs a folder, as in --config-dir mine.") from error
    folder: Path | None = known.config_dir
    if folder and not folder.is_dir():
        raise InputError(f"--config-dir {folder} is no folder; name one that holds {holds}.")
    return folder, rest


def roots(folder: Path | None) -> tuple[Path, ...]:
    """The folders of YAML files, the first that has a name being the one that counts."""
    return (*((folder,) if folder else ()), conf_dir())


def searched() -> tuple[Path, ...]:
    """As `roots`; inside a Hydra program with the folders of its search path, which `--config-dir` names."""
    from hydra.core.global_hydra import GlobalHydra

    hydra = GlobalHydra.instance()
    elements = hydra.config_loader().get_search_path().get_path() if hydra.is_initialized() else ()
    folders = [(element.path or "").removeprefix("file://") for element in elements]
    return (*(Path(folder) for folder in folders if folder and "://" not in folder), conf_dir())


def root_of(folder: Path | None, experiment: str) -> Path | None:
    """The first of `roots` that has an experiment of this name, which may lie in a folder of its own."""
    if not all(map(is_file_name, experiment.split("/"))):
        return None
    with suppress(OSError):  # a name that is too long
        return next((r for r in roots(folder) if (r / "experiment" / f"{experiment}.yaml").is_file()), None)
    return None


def choices(group: str, folders: Iterable[Path] = ()) -> dict[str, Path]:
    """The YAML files of a group by their names, in order; of several the first folder's (else what ships)."""
    found: dict[str, Path] = {}
    for folder in tuple(folders) or (conf_dir(),):
        for path in (folder / group).glob("*.yaml"):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def node_in(path: Path) -> dict[str, Any]:
    """What a YAML file holds under its keys; nothing where it has none."""
    tree = read_yaml(path)
    return {str(key): value for key, value in tree.items()} if isinstance(tree, dict) else {}


def shadowing(folder: Path) -> str | None:
    """The sentence about files of a user that are taken instead of shipped ones; None where none are."""
    shipped = (path.relative_to(conf_dir()) for path in sorted(conf_dir().rglob("*.yaml")))
    same = [path for path in shipped if (folder / path).is_file()]
    if not same or folder.resolve() == conf_dir().resolve():
        return None
    named = ", ".join(str(folder / path) for path in same)
    what = "is taken instead of the file" if len(same) == 1 else "are taken instead of the files"
    return f"{named} {what} of that name that lossbench brings."
