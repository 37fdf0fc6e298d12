"""The names that a claim may use: the keys and choices of the config groups, read from their YAML files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from lossbench.config.folders import GROUPS, node_in, searched
from lossbench.config.folders import choices as named
from lossbench.config.foreign import arguments
from lossbench.config.knob_types import is_number
from lossbench.config.making import declared
from lossbench.errors import InputError, suggestion


@dataclass(frozen=True)
class Known:
    """choices: group -> name -> its knobs, each with its value in the YAML; targets: name -> its class."""

    choices: Mapping[str, Mapping[str, Mapping[str, Any]]]
    targets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @staticmethod
    def of(folders: Iterable[Path]) -> Known:
        """Read `<folder>/<group>/*.yaml`; the first folder that has a name counts, as for Hydra."""
        choices: dict[str, dict[str, Mapping[str, Any]]] = {group: {} for group in GROUPS}
        targets: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
        places = tuple(folders)
        for group in GROUPS:
            for name, file in named(group, places).items():
                node = node_in(file)
                choices[group][name] = _knobs(node)
                targets[group][name] = node.get("_target_")
        return Known(choices, targets)

    @staticmethod
    def of_config() -> Known:
        """The shipped `conf/` and, inside a Hydra program, the folders of its search path."""
        return _read(searched())

    def checked(self, where: str, key: str, wanted: Any) -> Any:
        """What a selection wants of a key: a value, a list of several; a value that is a list is a tuple.

        Raises:
            InputError: no run has the key, no group offers the choice, or no such knob takes the value; with
                the nearest known name.
        """
        group, _, knob = key.partition(".")
        if group == "seed":
            raise InputError(
                f"{where}: a side names a condition, not a seed; results are paired over all seeds."
            )
        if group not in self.choices:
            raise InputError(f"{where}: {key!r} is no key of a run ({suggestion(group, self.choices)}).")
        names = self.choices[group]
        kinds = self._kinds(group, knob)
        several = isinstance(wanted, (list, tuple))
        if any(isinstance(kind, list) for kind in kinds) and several:
            nested = any(isinstance(item, (list, tuple)) for item in wanted)
            options = [tuple(item) if isinstance(item, (list, tuple)) else item for item in wanted]
            return options if nested else tuple(wanted)
        values = list(wanted) if several else [wanted]
        for value in values:
            if value is not None and not isinstance(value, (str, int, float)):
                raise InputError(f"{where}: {key} must be one value or a list of values; got {value!r}.")
        if knob in ("", "name"):
            for name in values:
                if name not in names:
                    raise InputError(
                        f"{where}: {group}={name} is not known ({suggestion(str(name), names)})."
                    )
        elif not kinds:
            known = {own for knobs in names.values() for own in knobs}
            raise InputError(f"{where}: {key!r} is no key of a run ({suggestion(knob, known)}).")
        else:
            _check_kind(f"{where}: {key}", kinds, values)
        return values if several else wanted

    def _kinds(self, group: str, knob: str) -> list[Any]:
        """Values of a knob in all choices of its group; where no YAML lists it, of their classes."""
        listed = [knobs[knob] for knobs in self.choices[group].values() if knob in knobs]
        if listed or knob in ("", "name"):
            return listed
        whole = knob.partition(".")[0] if "." in knob else ""
        if any(whole in knobs and knobs[whole] is None for knobs in self.choices[group].values()):
            return [None]  # a YAML leaves open what is in it
        classes = map(declared, dict.fromkeys(self.targets.get(group, {}).values()))
        found = [knobs[knob] for knobs in classes if knob in knobs]
        return found or ([None] if self._takes(group, *knob.rpartition(".")[::2]) else [])

    def _takes(self, group: str, owner: str, argument: str) -> bool:
        """Whether an object that some choice names takes such an argument, or the command line names it."""
        targets = [knobs.get(f"{owner}._target_") for knobs in self.choices[group].values()]
        return any(target == "???" or argument in arguments(target) for target in targets if target)


_read = lru_cache(maxsize=4)(Known.of)


def _check_kind(place: str, kinds: Sequence[Any], values: Sequence[Any]) -> None:
    """Refuse what is no number, or neither true nor false, where every choice's knob is one."""
    wanted: dict[str, Callable[[Any], bool]] = {
        "a number": is_number,
        "true or false": lambda value: isinstance(value, bool),
    }
    for words, fits in wanted.items():
        if all(map(fits, kinds)):
            for value in values:
                if value is not None and not fits(value):
                    raise InputError(f"{place} must be {words}; got {value!r}.")


def _knobs(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The knobs of a YAML; those of a node in it by their path, `function.gamma`."""
    found: dict[str, Any] = {}
    for key, value in node.items():
        if key != "defaults" and (str(key)[:1] != "_" or (prefix and key == "_target_")):
            nested = isinstance(value, dict) and value
            found |= _knobs(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return found
