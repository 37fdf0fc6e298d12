"""The parts of a config that change how a run is trained and recorded, not what is trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lossbench.config.choice import Knobs, knob
from lossbench.config.naming import checked_name
from lossbench.errors import InputError, first_line, unknown_knob

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass(frozen=True, kw_only=True)
class Pack(Knobs):
    """How runs share a fit.

    mode: vmap (members stacked), loop (members in turns), or auto (whichever is faster).
    checkpoint_every: epochs after which a pack writes down its state, to go on from there when it is
        interrupted; 0 is never, null is after each minute of training.
    """

    part = "pack"
    mode: str = knob("auto", choices=("auto", "vmap", "loop"))
    checkpoint_every: int | None = knob(None, at_least=0, optional=True)


@dataclass(frozen=True, kw_only=True)
class Tracking(Knobs):
    """Where and what to record.

    uri: an address of MLflow; null is MLFLOW_TRACKING_URI, or a database in the current folder.
    resume: what is finished is not trained again.
    retry_diverged: what has diverged is trained again all the same.
    predictions: test predictions are kept as an artifact of each run.
    models: the weights that were tested are kept as an artifact of each run.
    """

    part = "tracking"
    uri: str | None = knob(None, optional=True)
    resume: bool = knob(True)
    retry_diverged: bool = knob(False)
    predictions: bool = knob(False)
    models: bool = knob(False)


def plain(config: DictConfig) -> dict[str, Any]:
    """A config as plain dicts and lists, its interpolations resolved.

    Raises:
        InputError: a value is missing, or cannot be resolved.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from lossbench.config.raw import settled

    content = settled(config)
    if isinstance(content, dict):
        return content
    try:
        parts: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        where, why = error.full_key or "The config", first_line(error).rstrip(".")
        raise InputError(f"{where} cannot be resolved ({why}): give it a value.") from error
    return {str(name): value for name, value in parts.items()}


def checked(config: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved config with the defaults of `pack`, `tracking` and `experiment`, which are checked."""
    options = {kind.part: dataclasses.asdict(_made(kind, config.get(kind.part))) for kind in (Pack, Tracking)}
    experiment = _mapping("experiment", config.get("experiment"))
    if set(experiment) & set(config):  # what was to be set at the top
        raise InputError(f"{PACKAGE_MISSING}.")
    name = experiment.get("name")
    experiment["name"] = "adhoc" if name is None else checked_name(name)
    return {**config, **options, "experiment": experiment}


def _made(kind: type[Pack] | type[Tracking], node: Any) -> Pack | Tracking:
    known = [field.name for field in dataclasses.fields(kind)]
    given = _mapping(kind.part, node)
    for name in given:
        if name not in known:
            raise InputError(f"{unknown_knob(f'{kind.part}.{name}', kind.part, known)}.")
    return kind(**given)


def _mapping(part: str, node: Any) -> dict[str, Any]:
    if node is None:
        return {}
    if not isinstance(node, Mapping):
        raise InputError(f"{part} must hold knobs, as in {part}.{_EXAMPLES[part]}; got {node!r}.")
    return {str(name): value for name, value in node.items()}


PACKAGE_MISSING = (
    "The experiment's YAML sets what lies outside of it: begin it with the line '# @package _global_'"
)
_EXAMPLES = {"pack": "mode=loop", "tracking": "resume=false", "experiment": "name=first_try"}
