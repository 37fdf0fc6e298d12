"""What a config says of a teacher: a model, and how it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lossbench.config.folders import choices, node_in, searched
from lossbench.config.foreign import plain
from lossbench.config.making import make
from lossbench.errors import InputError, suggestion
from lossbench.job import KINDS

if TYPE_CHECKING:
    from lossbench.config.choice import Choice

# What trains it where nothing is said; a model has to be named.
_USUAL = {"loss": "cce", "optimizer": "adam", "trainer": "default"}
_GROUPS = ("model", *_USUAL)
_JITTER = "jitter"
_EXAMPLE = "'data.teacher={model: mlp}'"


@dataclass(frozen=True)
class Recipe:
    """How a teacher is made.

    choices: its model, loss, optimizer and trainer, by these names.
    jitter: pixels by which each training image moves at most, drawn anew for each batch.
    """

    choices: Mapping[str, Choice]
    jitter: int

    def values(self) -> dict[str, Any]:
        """All that matters to what it learns."""
        found: dict[str, Any] = {group: values_of(choice) for group, choice in self.choices.items()}
        return {**found, _JITTER: self.jitter}


def values_of(choice: Choice, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The knobs of a choice within another, but for some, and its class, which is no param of a run."""
    kind = type(choice)
    known = {name: value for name, value in choice.values().items() if name not in without}
    return {"_class": f"{kind.__module__}.{kind.__qualname__}", **known}


def nodes_of(owner: str, said: Any) -> dict[str, Any]:
    """What is said of a teacher with all that YAMLs say of what it names.

    Args:
        owner: the data set whose teacher it is.

    Raises:
        InputError: there is no teacher, or something is no part of one.
    """
    if said is None:
        raise InputError(f"data={owner} has no teacher: name a model, as in {_EXAMPLE}.")
    given = {"model": said} if isinstance(said, str) else said
    if not isinstance(given, Mapping):
        raise InputError(f"data.teacher must say what is trained, and how, as in {_EXAMPLE}; got {said!r}.")
    given = plain(given)
    for part in given:
        if part not in (*_GROUPS, _JITTER):
            raise InputError(
                f"data.teacher.{part} is no part of a teacher ({suggestion(str(part), (*_GROUPS, _JITTER))})."
            )
    if not given.get("model"):
        raise InputError(f"data={owner} has a teacher without a model: name one, as in {_EXAMPLE}.")
    nodes: dict[str, Any] = {
        group: full_node(group, f"data.teacher.{group}", given.get(group) or _USUAL.get(group))
        for group in _GROUPS
    }
    return {**nodes, _JITTER: given.get(_JITTER) or 0}


def full_node(group: str, where: str, said: Any) -> dict[str, Any]:
    """The node of a choice that is named within another one, with what its YAML says.

    Args:
        said: its name, or its knobs with the name among them; of a record all is in these.

    Raises:
        InputError: there is no such choice.
    """
    from omegaconf import OmegaConf

    knobs: dict[str, Any] = {"name": said} if isinstance(said, str) else dict(plain(said))
    if "_target_" in knobs:
        return knobs
    name = knobs.pop("name", None) or _USUAL.get(group)
    known = choices(group, searched())
    if name not in known:
        raise InputError(f"{where} names {name}, which is no {group} ({suggestion(str(name), known)}).")
    node: Any = OmegaConf.to_container(OmegaConf.merge(node_in(known[str(name)]), knobs))
    return {**node, "name": name}


def made_of(nodes: Mapping[str, Any]) -> Recipe:
    """A teacher's recipe of its nodes.

    Raises:
        InputError: a part of it cannot be made.
    """
    jitter = nodes[_JITTER]
    if isinstance(jitter, bool) or not isinstance(jitter, int) or jitter < 0:
        raise InputError(f"data.teacher.jitter must be a whole number of pixels, at least 0; got {jitter!r}.")
    found = {group: made("teacher", group, f"data.teacher.{group}", nodes[group]) for group in _GROUPS}
    return Recipe(found, jitter)


def made(whose: str, group: str, where: str, node: Mapping[str, Any]) -> Choice:
    """A choice that is named within another one; a fault is told with where it stands."""
    try:
        return make(group, KINDS[group], dict(node))
    except InputError as error:
        raise InputError(f"Of the {whose}, {where}: {error}") from error
