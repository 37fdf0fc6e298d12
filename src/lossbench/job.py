"""From a composed Hydra config to a checked description of one run. Nothing heavy is imported here."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from lossbench import __version__
from lossbench.config import options, own_code
from lossbench.config.choice import Choice
from lossbench.config.folders import GROUPS, choices, node_in
from lossbench.config.knob_types import one_spelling
from lossbench.config.making import completed, make
from lossbench.config.trials import check_tune, tuned_in
from lossbench.data.contract import check_source
from lossbench.data.source import DataSource
from lossbench.errors import InputError, suggestion
from lossbench.losses.loss import Loss
from lossbench.metrics.families import needed
from lossbench.models.model import Model
from lossbench.optimizer import Optimizer
from lossbench.trainer import TrainerOptions

if TYPE_CHECKING:
    from lossbench.task import InputKind, Target

KINDS: Mapping[str, type[Choice]] = {
    "data": DataSource,
    "model": Model,
    "loss": Loss,
    "optimizer": Optimizer,
    "trainer": TrainerOptions,
}
Digests = Callable[[frozenset[str]], Mapping[str, str]]
_PARTS = (*GROUPS, "seed", "trials", "tune", "halving", "pack", "tracking", "experiment")


@dataclass(frozen=True)
class Member:
    """What one run trains. Members of a pack differ only in what `pack.grouping` lists."""

    seed: int
    source: DataSource
    model: Model
    loss: Loss
    optimizer: Optimizer
    trainer: TrainerOptions
    reads: InputKind
    target: Target  # the kind of target that the loss trains on

    @property
    def outputs(self) -> int:
        """How many numbers the last layer gives per example, or per place where the model gives places."""
        return self.loss.outputs(self.target, self.model.embedding_size) * math.prod(self.layout[:-1])

    @property
    def layout(self) -> tuple[int, ...]:
        """The places and outputs (*places, outputs) of a model that gives them in one row; else nothing."""
        if self.model.at_places(self.reads) or not self.target.shape:
            return ()
        return (*self.target.shape, self.loss.outputs(self.target, self.model.embedding_size))

    @property
    def headed(self) -> bool:
        """Whether a layer that is trained stands on the embedding that is judged (faces).

        So it is where embeddings choose, and neither the loss nor the model gives one.
        """
        wanted = needed(self.source.measures, self.source.selects)
        return "embedding" in wanted and "embedding" not in (*self.loss.gives(self.target), *self.model.gives)


@dataclass(frozen=True)
class Job:
    """One run: what it trains, and how it is recorded."""

    member: Member
    config: dict[str, Any]  # resolved
    mode: str
    code: Mapping[str, str] = field(default_factory=dict)  # of the user's own, as `own_code.digests` gives it

    @property
    def experiment(self) -> str:
        """Name of the MLflow experiment."""
        return str(self.config["experiment"]["name"])

    @property
    def name(self) -> str:
        """What the run is called in a list of runs."""
        member = self.member
        return f"{member.loss.name} lr={member.optimizer.lr:g} seed={member.seed}"

    @cached_property
    def key(self) -> str:
        """A hash of what matters to the result, by which a finished run is found again."""
        return self._key({"code": self.code} if self.code else {})

    @cached_property
    def key_without_code(self) -> str:
        """What it has in common with runs that differ in the user's own code alone."""
        return self._key({})

    def _key(self, beside: Mapping[str, Any]) -> str:
        member, made, knobs = self.member, self.choices.items(), self.knobs
        # Where files lie does not change what is trained: their content is in the fingerprints.
        files = {"data": member.source.places, "model": member.model.file_knobs}
        placeless = {
            of: {k: v for k, v in knobs[of].items() if k not in names} for of, names in files.items()
        }
        read = {"model": content} if (content := member.model.fingerprint()) else {}
        parts = {
            "classes": {group: f"{type(own).__module__}.{type(own).__qualname__}" for group, own in made},
            "knobs": {**knobs, **placeless},
            "seed": member.seed,
            "experiment": self.experiment,
            "data": member.source.fingerprint(member.seed),
            "version": __version__,
            **read,
            **beside,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @cached_property
    def knobs(self) -> dict[str, dict[str, Any]]:
        """The knobs of each group as the made object has them: one spelling of a value, defaults filled in.

        What is no field of the object, or no plain value in it, is as the config says.
        """
        typed = {g: _configured(self.config[g], own.unsaid) for g, own in self.choices.items()}
        return {g: {**typed[g], **own.values()} for g, own in self.choices.items()}

    @property
    def choices(self) -> dict[str, Choice]:
        """What is made of each group."""
        own = self.member
        return dict(zip(GROUPS, (own.source, own.model, own.loss, own.optimizer, own.trainer), strict=True))


def _configured(node: Mapping[str, Any], unsaid: Collection[str]) -> dict[str, Any]:
    said = {name: value for name, value in node.items() if name not in unsaid}
    return {name: one_spelling(value) for name, value in said.items() if not name.startswith("_")}


def jobs_from(configs: Sequence[DictConfig]) -> list[Job]:
    """Check the configs of a sweep; nothing is loaded and nothing trains before all of them are right.

    Raises:
        InputError: at the first config that cannot train, with the reason and the remedy.
    """
    plain = [options.plain(config) for config in configs]
    check_tune(plain)
    made: dict[str, Choice] = {}
    # Of one sweep: a file is read once.
    digests = functools.cache(functools.partial(own_code.digests, reading=functools.cache(own_code.read)))
    return [_job(config, made, digests) for config in plain]


def _job(plain: Mapping[str, Any], made: dict[str, Choice], digests: Digests) -> Job:
    for name in plain:
        if name not in _PARTS:
            raise InputError(f"{name} is no part of the config ({suggestion(name, _PARTS)}).")
    resolved = options.checked(plain)
    if resolved.pop("trials", None) is not None:
        raise InputError(
            f"trials={plain['trials']} makes a sweep of one command: add -m, or leave trials out for one run."
        )
    if resolved.pop("halving", False):
        raise InputError("halving=true drops trials of a sweep: add -m and trials=16, or leave halving out.")
    resolved["tune"] = tuned_in(resolved)
    if isinstance(data := resolved.get("data"), dict) and not data.get("metrics", True):
        del data["metrics"]  # no measures of one's own leave no trace in a record
    resolved |= {g: completed(node) for g in GROUPS if isinstance(node := resolved.get(g), dict)}
    choices = {group: _choice(group, resolved.get(group), made) for group in GROUPS}
    member = member_of(_whole("seed", resolved.get("seed")), choices)
    paths = {type(choice).__module__ for choice in choices.values()} | set(member.source.metrics)
    paths |= {path for measure in member.source.measures for path in measure.functions}
    code = digests(frozenset(paths.union(*(own_code.targets(resolved[group]) for group in GROUPS))))
    return Job(member, resolved, resolved["pack"]["mode"], code)


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        several = "; write several for -m as the text 0,1,2" if isinstance(value, list) else ""
        got = "null" if value is None else repr(value)
        raise InputError(f"{name} must be a whole number from 0 to 2147483647; got {got}{several}.")
    return value


def _choice(group: str, node: Any, made: dict[str, Choice]) -> Choice:
    if not isinstance(node, dict) or not node:
        example = next(iter(choices(group)), "...")
        raise InputError(f"{group} is not chosen; name one, as in {group}={example}.")
    key = json.dumps([group, node], default=str)
    if key not in made:
        made[key] = make(group, KINDS[group], node)
    return made[key]


def member_of(seed: int, choices: Mapping[str, Choice]) -> Member:
    """What a run trains; refused where the choices do not fit together."""
    source, model, loss, optimizer, trainer = (choices[group] for group in GROUPS)
    assert isinstance(source, DataSource)
    assert isinstance(model, Model)
    assert isinstance(loss, Loss)
    assert isinstance(optimizer, Optimizer)
    assert isinstance(trainer, TrainerOptions)
    check_source(source)
    reads = [kind for kind in source.reads if kind in model.reads or not model.reads]
    if not reads:
        fitting = [name for name, other in shipped("model") if set(other.reads) & set(source.reads)]
        raise InputError(
            f"model={model.name} cannot read data={source.name}, which gives {' or '.join(source.reads)}; "
            f"models that fit: {', '.join(fitting) or 'none that ships'} "
            f"(this one reads {', '.join(model.reads)})."
        )
    target = loss.chosen_target(source.targets())
    if target is None:
        offered = [offer.words for offer in source.targets()]
        fitting = [name for name, one in shipped("loss") if one.chosen_target(source.targets()) is not None]
        as_set = ", its knobs as they are set," if loss.name in fitting else ""
        shared = {offer.kind for offer in source.targets()} & set(loss.trains_on)
        not_all = ", but not of every size and shape" if shared and not as_set else ""
        set_so = "".join(f", with {on}" for kind, on in source.elsewhere if kind in loss.trains_on)
        raise InputError(
            f"loss={loss.name}{as_set} cannot train on data={source.name}, "
            f"whose targets are {', '.join(offered)}; "
            f"losses that fit: {', '.join(fitting) or 'none that ships'} "
            f"(this one trains on {', '.join(loss.trains_on)}{not_all}{set_so})."
        )
    suited = trainer.suited(source.epochs, source.training_size)
    return Member(seed, source, model.asked(loss.asks), loss, optimizer, suited, reads[0], target)


def shipped(group: str) -> list[tuple[str, Any]]:
    """The choices of a group that ship with lossbench and need no other package, by name."""
    nodes = {name: node_in(path) for name, path in choices(group).items()}
    return [
        (name, make(group, KINDS[group], node))
        for name, node in nodes.items()
        if not any(isinstance(value, dict) and "_target_" in value for value in node.values())
    ]
