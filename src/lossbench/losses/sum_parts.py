"""The parts of a sum of losses: what the config and their own YAMLs say of each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lossbench.config.folders import choices, node_in, searched
from lossbench.config.foreign import plain
from lossbench.config.knob_types import is_number
from lossbench.config.making import make
from lossbench.errors import InputError, suggestion
from lossbench.losses.loss import Loss
from lossbench.task import Target

WEIGHTS = "'loss.parts={mse: 1, mae: 0.5}'"  # an example
_KNOBS = "'loss.knobs={huber: {delta: 0.1}}'"


def nodes_of(sum_: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The nodes of the parts that a sum's node of the config names, in the order of their names.

    Raises:
        InputError: it names no weights, an unknown loss, or knobs of what is no part.
    """
    parts, knobs = _named(sum_, "parts", WEIGHTS), _named(sum_, "knobs", _KNOBS)
    for part in knobs:
        if part not in parts:
            raise InputError(
                f"loss.knobs names {part}, which is no part of the sum ({suggestion(part, parts)})."
            )
    for part, weight in parts.items():
        if not is_number(weight) or not 0 <= weight < math.inf:
            raise InputError(f"loss.parts.{part} must be a number of at least 0, its weight; got {weight!r}.")
    if parts and not any(parts.values()):
        raise InputError("loss.parts gives every loss the weight 0, with which nothing trains: raise one.")
    return {part: _node(part, knobs.get(part)) for part in sorted(parts)}


def _named(sum_: Mapping[str, Any], name: str, example: str) -> dict[str, Any]:
    given = sum_.get(name)
    if given is not None and not isinstance(given, Mapping):  # also a DictConfig, which is a MutableMapping
        raise InputError(f"loss.{name} must name losses, as in {example}; got {given!r}.")
    return plain(given or {})


def _node(part: str, knobs: Any) -> dict[str, Any]:
    """What the YAML of a part says, with the knobs that the sum gives it; of a record all is in these."""
    from omegaconf import OmegaConf

    if knobs is not None and not isinstance(knobs, Mapping):
        raise InputError(f"loss.knobs.{part} must hold knobs, as in {_KNOBS}; got {knobs!r}.")
    if "_target_" in (knobs or {}):
        return {**(knobs or {}), "name": part}
    known = choices("loss", searched())
    if part not in known:
        raise InputError(f"loss.parts names {part}, which is no loss ({suggestion(part, known)}).")
    node: Any = OmegaConf.to_container(OmegaConf.merge(node_in(known[part]), knobs or {}))
    return {**node, "name": part}


def made(name: str, part: str, node: Mapping[str, Any]) -> Loss:
    """A part of the sum of that name.

    Raises:
        InputError: it cannot be made.
    """
    try:
        loss = make("loss", Loss, dict(node))
    except InputError as error:
        raise InputError(f"Of loss={name} its part {part}: {error}") from error
    assert isinstance(loss, Loss)
    return loss


def unlike_needs(losses: Mapping[str, Loss], target: Target) -> str | None:
    """That some parts read outputs by name and others the one that has none."""
    by_name = {part: loss.needs_for(target) for part, loss in losses.items()}
    if len({bool(names) for names in by_name.values()}) < 2:
        return None
    needs = [f"{part} {', '.join(own) or 'one without a name'}" for part, own in by_name.items()]
    return f"its parts want different outputs ({'; '.join(needs)})"


def asked(name: str, losses: Mapping[str, Loss]) -> Mapping[str, Any]:
    """What parts ask of the model, all of them together.

    Raises:
        InputError: two ask for different values of one thing.
    """
    found: dict[str, Any] = {}
    for part, loss in losses.items():
        for what, value in loss.asks.items():
            if found.setdefault(what, value) != value:
                raise InputError(
                    f"loss={name} cannot be computed: {part} asks the model for {what} {value}, another part "
                    f"for {found[what]}; give its parts the same knobs in loss.knobs."
                )
    return found
