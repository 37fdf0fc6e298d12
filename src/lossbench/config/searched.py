"""The knobs of a choice, and where a search looks for their values: its class says it, or its YAML."""

from __future__ import annotations

import dataclasses
import functools
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from lossbench.config.folders import GROUPS
from lossbench.config.knob_types import is_number, types_of
from lossbench.config.making import SEARCH, choice_class
from lossbench.config.search import Search, linear, log
from lossbench.errors import InputError, knobs_of


@dataclass(frozen=True)
class Knob:
    """One that a choice declares.

    search: None where it may only be swept over.
    whole: its values are whole numbers.
    off: of a knob that came later, its default, at which it does nothing.
    asked: it is searched where `tune` names it alone.
    """

    search: Search | None
    whole: bool
    off: Any = None
    asked: bool = False

    def at(self, place: float) -> Any:
        """The value at a place in [0, 1)."""
        assert self.search is not None
        value = self.search.at(place)
        return round(value) if self.whole else value


def knobs_in(config: Mapping[str, Any], group: str) -> Mapping[str, Knob]:
    """The knobs of the choice of a group; none where there is no such group."""
    node = config.get(group) if group in GROUPS else None
    return declared_knobs(node) if isinstance(node, Mapping) else {}


def declared_knobs(node: Mapping[str, Any]) -> Mapping[str, Knob]:
    """The knobs of a choice: those of its class, and what its YAML declares of the arguments of another's.

        _search_:
          function.gamma: [0, 5, linear]

    Empty where the class cannot be imported, which is told where it is made.

    Raises:
        InputError: the YAML declares what is no range.
    """
    target = node.get("_target_")
    owner, listed = choice_class(target), set(knobs_of(node))
    inner = {
        f"{place}.{name}": knob
        for place, own in (owner.inner(node) if owner else {}).items()
        for name, knob in declared_knobs(own).items()
        if f"{place}.{name}" in listed  # what a node does not list, it cannot be set to
    }
    return {**knobs_of_class(str(target)), **inner, **_written(node.get(SEARCH) or {})}


def _written(ranges: Any) -> dict[str, Knob]:
    found = {}
    for name, written in ranges.items() if isinstance(ranges, Mapping) else ():
        ends = list(written) if isinstance(written, Sequence) and not isinstance(written, str) else []
        numbers = ends[:2] if all(map(is_number, ends[:2])) else []
        scale = {"log": log, "linear": linear}.get(str(ends[2]) if len(ends) == 3 else "")
        if len(numbers) != 2 or scale is None:
            raise InputError(
                f"{SEARCH} must give each knob its ends and a scale, as in {name}: [0.1, 10, log]; "
                f"got {written}."
            )
        found[str(name)] = Knob(scale(*numbers), whole=False)
    if not isinstance(ranges, Mapping):
        raise InputError(f"{SEARCH} must hold knobs, as in function.gamma: [0.1, 10, log]; got {ranges!r}.")
    return found


@functools.lru_cache(maxsize=256)
def knobs_of_class(target: str) -> Mapping[str, Knob]:
    """The knobs that the class of a `_target_` declares; none where it cannot be imported."""
    try:
        owner = pkgutil.resolve_name(target)
        fields = dataclasses.fields(owner)
    except Exception:  # a module may raise anything
        return {}
    types = types_of(owner)
    return {
        field.name: Knob(
            field.metadata.get("search"),
            types[field.name].item is int,
            field.default if field.metadata.get("later") else None,
            bool(field.metadata.get("asked")),
        )
        for field in fields
        if field.init and field.name != "name"
    }


def untuned(config: DictConfig) -> list[str]:
    """The numbers among the knobs of a loss that declare no search, and so stay as they are; none is off."""
    node, known = config.loss, declared_knobs(config.loss)
    set_to = {name: value for name in knobs_of(node) if _number(value := OmegaConf.select(node, name))}
    left_out = {name for name, knob in known.items() if knob.search or knob.off == set_to.get(name)}
    return [f"loss.{name}" for name in set_to if name not in left_out]


def _number(value: Any) -> bool:
    return type(value) in (int, float)
