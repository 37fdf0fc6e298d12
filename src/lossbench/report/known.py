"""The names that a claim may use: the keys and choices of the config groups, read from their YAML files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from lossbench.errors import InputError, suggestion

GROUPS = ("data", "model", "loss", "optimizer", "trainer")


@dataclass(frozen=True)
class Known:
    """choices: group -> name -> its knobs, each with its value in the YAML."""

    choices: Mapping[str, Mapping[str, Mapping[str, Any]]]

    @staticmethod
    def of(folders: Iterable[Path]) -> Known:
        """Read `<folder>/<group>/*.yaml`; the first folder that has a name counts, as for Hydra."""
        choices: dict[str, dict[str, Mapping[str, Any]]] = {group: {} for group in GROUPS}
        for folder in folders:
            for group in GROUPS:
                for file in sorted((folder / group).glob("*.yaml")):
                    choices[group].setdefault(file.stem, _knobs(file))
        return Known(choices)

    @staticmethod
    def of_config() -> Known:
        """The shipped `conf/` and, inside a Hydra program, the folders of its search path."""
        from lossbench.config import conf_dir

        return _read((*_search_path(), conf_dir()))

    def check(self, where: str, key: str, wanted: Any) -> None:
        """Refuse a key that no run has, a choice that no group offers, and what is no number where all are.

        Raises:
            InputError: with the nearest known name.
        """
        values = wanted if isinstance(wanted, (list, tuple)) else [wanted]
        for value in values:
            if value is not None and not isinstance(value, (str, int, float)):
                raise InputError(f"{where}: {key} must be one value or a list of values; got {value!r}.")
        group, _, knob = key.partition(".")
        if group == "seed":
            raise InputError(
                f"{where}: a side names a condition, not a seed; results are paired over all seeds."
            )
        if group not in self.choices:
            raise InputError(f"{where}: {key!r} is no key of a run ({suggestion(group, self.choices)}).")
        names = self.choices[group]
        if knob in ("", "name"):
            for name in values:
                if name not in names:
                    raise InputError(
                        f"{where}: {group}={name} is not known ({suggestion(str(name), names)})."
                    )
            return
        shipped = [knobs[knob] for knobs in names.values() if knob in knobs]
        if not shipped:
            known = {own for knobs in names.values() for own in knobs}
            raise InputError(f"{where}: {key!r} is no key of a run ({suggestion(knob, known)}).")
        if all(map(_is_number, shipped)):
            for value in values:
                if value is not None and not _is_number(value):
                    raise InputError(f"{where}: {key} must be a number; got {value!r}.")


@lru_cache(maxsize=4)
def _read(folders: tuple[Path, ...]) -> Known:
    return Known.of(folders)


def _search_path() -> tuple[Path, ...]:
    """Folders that a user added with `--config-dir` or `hydra.searchpath`."""
    hydra = GlobalHydra.instance()
    if not hydra.is_initialized():
        return ()
    paths = [element.path or "" for element in hydra.config_loader().get_search_path().get_path()]
    return tuple(Path(path.removeprefix("file://")) for path in paths if path.startswith("file://"))


def _knobs(file: Path) -> dict[str, Any]:
    content: Any = OmegaConf.to_container(OmegaConf.load(file))
    if not isinstance(content, dict):
        return {}
    return {str(key): value for key, value in content.items() if str(key)[:1] != "_" and key != "defaults"}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
