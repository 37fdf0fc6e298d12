"""Trials: `trials=N` gives every loss N settings of what is tuned, and the same chance to be tuned well.

Tuned are the learning rate always, and the loss's own knobs, or instead of these what `tune=[...]` names:

    tune=[]                            the learning rate alone
    tune=[loss,optimizer.weight_decay] all knobs of the loss that declare a search, and the weight decay
    tune=[loss,loss.normalize]         and one of the loss that is searched where it is named alone

Settings are points of one scrambled Sobol sequence (Sobol 1967; Owen 1998), which fills a space of few
dimensions more evenly than a grid or chance. Its first coordinate is the learning rate, then come what all
losses tune, then the loss's own knobs: so all losses try the same rates. More trials are further points of
the same sequence.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf, open_dict

from lossbench.config.folders import GROUPS, RATE
from lossbench.config.quoting import quoted
from lossbench.config.searched import Knob, declared_knobs, knobs_in
from lossbench.errors import InputError, suggestion

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_OWN = ("loss",)  # what is tuned beside the rate where `tune` names nothing
_MOST = 64  # coordinates of the sequence, whose first ones do not depend on how many are used


@dataclass(frozen=True)
class Trials:
    """The trials of one job of a sweep.

    settings: of each trial, values by knob; the rate first
    tuned: the names of these knobs without the rate
    """

    settings: tuple[Mapping[str, Any], ...]
    tuned: tuple[str, ...]


def trials_of(config: DictConfig, pinned: Collection[str] = ()) -> Trials | None:
    """The trials that a composed config asks for; None where it asks for none.

    Args:
        config: of one job, before its trials are told apart.
        pinned: knobs that this job sets, which are what they are set to.

    Raises:
        InputError: `trials` or `tune` is at fault, or a knob that is tuned has no range.
    """
    if (count := config.get("trials")) is None:
        return None
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise InputError(
            f"trials must be a whole number of at least 1, the settings that each loss gets; got {count!r}."
        )
    names = tune_of(config)
    for name in sorted({*names} & {*pinned} - {RATE}):
        raise InputError(f"{name} is set and tuned; leave it out of tune, or leave its value to the trials.")
    fixed = {*pinned, *(OmegaConf.select(config, "experiment.axes") or ())}
    knobs = {name: knob for name, knob in named(config, names).items() if name not in fixed}
    rate = knobs_in(config, "optimizer").get("lr")
    if rate is None or rate.search is None:
        raise InputError(
            f"trials={count} searches the learning rate, for which optimizer={config.optimizer.get('name')} "
            "declares no range: lr: float = knob(0.001, above=0, search=log(0.0001, 0.1))."
        )
    for name, knob in knobs.items():
        if knob.search is None:
            raise InputError(
                f"tune names {name}, which declares no range to search: give it a list of values instead, or "
                "declare one, as in knob(..., search=log(0.1, 10))."
            )
    order = sorted(knobs, key=lambda name: (name.startswith("loss."), name)) if knobs else []
    searched = {RATE: rate, **{name: knobs[name] for name in order if name != RATE}}
    if len(searched) > _MOST:
        raise InputError(f"{len(searched)} knobs are too many to tune, at most {_MOST}: name fewer in tune.")
    settings = tuple(
        {name: knob.at(place) for (name, knob), place in zip(searched.items(), point, strict=False)}
        for point in _points(count)
    )
    return Trials(settings, tuple(searched)[1:])


def tune_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """What `tune` names, or the loss where it names nothing.

    Raises:
        InputError: it is no list of names.
    """
    tune = config.get("tune")
    if tune is None:
        return _OWN
    listed = isinstance(tune, Sequence) and not isinstance(tune, str)
    if not listed or not all(isinstance(name, str) for name in tune):
        raise InputError(f"tune must be a list of knobs, as in 'tune=[loss.delta]'; got {tune!r}.")
    return tuple(tune)


def named(config: Mapping[str, Any], names: Iterable[str]) -> dict[str, Knob]:
    """The knobs that these names mean in a config; a group means those of it that declare a search, and
    do not ask to be named."""
    found = {}
    for name in names:
        group, _, own = name.partition(".")
        for knob, declared in knobs_in(config, group).items():
            if knob == own or (not own and declared.search and not declared.asked):
                found[f"{group}.{knob}"] = declared
    return found


def tuned_in(config: Mapping[str, Any]) -> list[str]:
    """The knobs that validation is to choose of a run, as recorded with it; none where `tune` is not set."""
    if config.get("tune") is None:
        return []
    axes = (config.get("experiment") or {}).get("axes") or ()
    return sorted({*named(config, tune_of(config))} - {*axes, RATE})


def check_tune(configs: Sequence[Mapping[str, Any]]) -> None:
    """Refuse names of `tune` that no job of a sweep has.

    Raises:
        InputError: with the names that there are.
    """
    asked = dict.fromkeys(
        name for config in configs if config.get("tune") is not None for name in tune_of(config)
    )
    chosen = {
        (group, str(node.get("_target_")), str(node.get("name"))): node
        for config in (configs if asked else ())
        for group in GROUPS
        if isinstance(node := config.get(group), Mapping)
    }
    known = {
        f"{group}.{name}": knob
        for (group, *_), node in chosen.items()
        for name, knob in declared_knobs(node).items()
    }
    for name in asked:
        if name not in known and name not in {group for group, *_ in chosen}:
            searched = [own for own, knob in known.items() if knob.search]
            raise InputError(
                f"tune names {name}, which no choice here has ({suggestion(name, searched or known)})."
            )


def in_trials(configs: Sequence[DictConfig]) -> list[DictConfig]:
    """The configs of all trials that composed configs ask for, for `train_many`; a config without them stays.

    Raises:
        InputError: as `trials_of` and `check_tune`.
    """
    check_tune(configs)
    found = []
    for config in configs:
        trials = trials_of(config)
        for setting in trials.settings if trials else ():
            one = config.copy()
            with open_dict(one):
                one.trials, one.tune, one.halving = None, list(trials.tuned) if trials else None, False
            for name, value in setting.items():
                OmegaConf.update(one, name, value)
            found.append(one)
        if trials is None:
            found.append(config)
    return found


def lines(trials: Trials, overrides: Sequence[str], *, halved: bool = False) -> list[list[str]]:
    """The overrides of each trial of a job: what a person types to train this one alone.

    Args:
        overrides: of the job.
        halved: its config asks for halving, which a trial alone does not.
    """
    told_anew = {"trials", "tune", RATE, *(["halving"] if halved else [])}
    kept = [line for line in overrides if key_of(line) not in told_anew]
    ending = ["trials=null", *(["halving=false"] if halved else []), f"tune=[{','.join(trials.tuned)}]"]
    return [
        [*kept, *(f"{name}={_text(value)}" for name, value in setting.items()), *ending]
        for setting in trials.settings
    ]


def key_of(override: str) -> str:
    """What an override sets: `optimizer.lr` of `+optimizer.lr=0.1`."""
    return override.partition("=")[0].lstrip("+~")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


@functools.lru_cache(maxsize=8)
def _points(count: int) -> NDArray[np.float64]:
    """The first points of the sequence, (count, _MOST), each coordinate in [0, 1)."""
    from scipy.stats import qmc

    from lossbench.seeds import numpy_generator

    sequence = qmc.Sobol(_MOST, scramble=True, rng=numpy_generator(0, "trials"))
    points: NDArray[np.float64] = sequence.random_base2((count - 1).bit_length())[:count]
    return points
