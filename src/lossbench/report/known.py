"""The names that a claim may use: the keys and choices of the config groups, read from their YAML files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def _knobs(file: Path) -> frozenset[str]:
    content: Any = OmegaConf.load(file)
    return frozenset(str(key) for key in content if not str(key).startswith("_") and key != "defaults")
