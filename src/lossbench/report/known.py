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
    """choices: group -> name -> its knobs."""

    choices: Mapping[str, Mapping[str, frozenset[str]]]

    @staticmethod
    def of(folders: Iterable[Path]) -> Known:
        """Read `<folder>/<group>/*.yaml`: the shipped folder and any that a user adds."""
        choices: dict[str, dict[str, frozenset[str]]] = {group: {} for group in GROUPS}
        for folder in folders:
            for group in GROUPS:
                for file in sorted((folder / group).glob("*.yaml")):
                    choices[group][file.stem] = _knobs(file)
        return Known(choices)

    @staticmethod
    def of_config() -> Known:
        """The shipped `conf/` and, inside a Hydra program, the folders of its search path."""
        from lossbench.config import conf_dir

        return _read((conf_dir(), *_search_path()))

    def check(self, where: str, key: str, wanted: Any) -> None:
        """Refuse a key that no run has, and a choice that no group offers.

        Raises:
            InputError: with the nearest known name.
        """
        group, _, knob = key.partition(".")
        if group == "seed":
            raise InputError(
                f"{where}: a side names a condition, not a seed; results are paired over all seeds."
            )
        if group not in self.choices:
            raise InputError(f"{where}: {key!r} is no key of a run ({suggestion(group, self.choices)}).")
        names = self.choices[group]
        if knob in ("", "name"):
            for name in wanted if isinstance(wanted, (list, tuple)) else [wanted]:
                if name not in names:
                    raise InputError(
                        f"{where}: {group}={name} is not known ({suggestion(str(name), names)})."
                    )
            return
        knobs = frozenset().union(*names.values())
        if knob not in knobs:
            raise InputError(f"{where}: {key!r} is no key of a run ({suggestion(knob, knobs)}).")


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


def _knobs(file: Path) -> frozenset[str]:
    content: Any = OmegaConf.load(file)
    return frozenset(str(key) for key in content if not str(key).startswith("_") and key != "defaults")
