"""Baselines into MLflow: a run for each, its data and its seed, of a kind of its own, measured once."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lossbench import __version__, palette
from lossbench.config import own_code
from lossbench.data.baseline import called
from lossbench.engines.answers import answers
from lossbench.significant import number
from lossbench.tracking import Opening, RunResult, Store, opening, provenance, runs
from lossbench.tracking.told import data_tags

if TYPE_CHECKING:
    from lossbench.data.cache import DataCache
    from lossbench.data.source import Description
    from lossbench.engines.events import Engine
    from lossbench.job import Job, Member

KIND = "baseline"


@dataclass(frozen=True)
class Wanted:
    """A baseline of the data of a job, for its seed; `code` as of a job, of what makes and judges it."""

    job: Job
    name: str
    code: tuple[tuple[str, str], ...]

    @property
    def title(self) -> str:
        """What its run is called."""
        return f"{called(self.name)} seed={self.job.member.seed}"

    @functools.cached_property
    def key(self) -> str:
        """A hash of what matters to its result."""
        source, seed = self.job.member.source, self.job.member.seed
        parts = {
            "baseline": self.name,
            "class": f"{type(source).__module__}.{type(source).__qualname__}",
            "knobs": {k: v for k, v in self.job.knobs["data"].items() if k not in source.places},
            "seed": seed,
            "experiment": self.job.experiment,
            "data": source.fingerprint(seed),
            "version": __version__,
            "code": dict(self.code),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def opening(self, description: Description) -> Opening:
        """How its run starts; the description is that of the data as it was loaded."""
        source, seed = self.job.member.source, self.job.member.seed
        described = replace(description, fingerprint=source.fingerprint(seed))
        tags = {runs.KIND: KIND, runs.BASELINE: self.name, runs.RUN_COLOR: palette.BASELINE}
        tags |= data_tags(source, described)
        if unsaid := provenance.flatten({"data": source.when_unsaid}):
            tags[runs.UNSAID] = json.dumps(unsaid)
        if self.code:
            tags[runs.CODE] = own_code.as_text(dict(self.code))
        params = provenance.flatten({"data": self.job.knobs["data"], "seed": seed})
        return opening(self.key, self.job.experiment, self.title, params, tags, described)


def wanted(jobs: Iterable[Job]) -> dict[str, Wanted]:
    """The baselines of the data of some jobs by their keys, for each data and seed once."""
    digests = functools.cache(functools.partial(own_code.digests, reading=functools.cache(own_code.read)))
    names = functools.cache(lambda source: tuple(source.baselines()))
    alike = {(job.member.source, job.member.seed, job.experiment): job for job in jobs}
    found = {}
    for (source, *_), job in alike.items():
        if offered := names(source):
            paths = {type(source).__module__, *source.metrics, *own_code.targets(job.config["data"])}
            paths |= {path for measure in source.measures for path in measure.functions}
            code = tuple(digests(frozenset(paths)).items())
            for name in offered:
                one = Wanted(job, name, code)
                found[one.key] = one
    return found


def measure(
    store: Store, asked: Mapping[str, Wanted], cache: DataCache | None, workers: Engine | None = None
) -> list[str]:
    """Measure baselines that are not recorded yet, and hand them to the store.

    Args:
        asked: by their keys.
        cache: data that is held in this process anyway; None: what is loaded is given up again.
        workers: they measure, for a process that has imported nothing that does; None: this process.

    Returns:
        what to say of each that was measured.

    Raises:
        InputError: a baseline of a user's own is at fault.
    """
    missing: dict[str, list[Wanted]] = {}
    there = _recorded(store, asked)
    for key, one in asked.items():
        if key not in there:
            missing.setdefault(one.job.key, []).append(one)
    if not missing:
        return []
    questions = [_Question(own[0].job.member, tuple(one.name for one in own)) for own in missing.values()]
    found = answers(_measured, questions, workers) if workers else None
    if found is None:
        found = [_measured(question, cache) for question in questions]
    openings, metrics = [], []
    for alike, (description, each) in zip(missing.values(), found, strict=True):
        openings += [one.opening(description) for one in alike]
        metrics += each
    ids = store.start(openings)
    store.finish([RunResult(i, "finished", metrics=own) for i, own in zip(ids, metrics, strict=True)])
    return [_line(*pair) for pair in zip(openings, metrics, strict=True)]


@dataclass(frozen=True)
class _Question:
    member: Member  # whose data it is
    names: tuple[str, ...]


def _measured(
    question: _Question, cache: DataCache | None = None
) -> tuple[Description, list[dict[str, float]]]:
    """What was loaded, and the metrics of each baseline."""
    from lossbench.data.cache import DataCache
    from lossbench.pack.baselines import measured

    source, seed = question.member.source, question.member.seed
    data = (cache or DataCache()).load(source, seed, source.reads[0])
    return data.description, [measured(source, data, name) for name in question.names]


def _recorded(store: Store, asked: Mapping[str, Wanted]) -> set[str]:
    """The keys of those that need not be measured again."""
    keys: dict[str, list[str]] = {}
    for key, one in asked.items():
        if one.job.config["tracking"]["resume"]:
            keys.setdefault(one.job.experiment, []).append(key)
    return {key for experiment, own in keys.items() for key in store.finished(own, experiment)}


def _line(opening: Opening, metrics: Mapping[str, float]) -> str:
    told = ", ".join(f"{name} {number(value)}" for name, value in metrics.items())
    return f"{opening.name}:\n  {told or 'it gives none of the metrics'}"
