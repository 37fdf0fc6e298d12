"""The teachers of a sweep, trained before its runs: side by side and each once, and how well they know."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from lossbench.counting import counted
from lossbench.data.archive import cache_folder
from lossbench.engines.events import Died, Ended, Engine
from lossbench.engines.local import here
from lossbench.errors import InputError
from lossbench.teachers.distilled import Distilled, untaught

if TYPE_CHECKING:
    from lossbench.job import Job

log = logging.getLogger(__name__)

_Lesson = tuple[Distilled, int]  # a data set and a seed


def has_teacher(job: Job) -> bool:
    """Whether the data of a run is taught."""
    return isinstance(job.member.source, Distilled)


def teach(jobs: Iterable[Job], engine: Engine) -> None:
    """Train the teachers that the data of these jobs has and the cache lacks; nothing where it has none.

    Args:
        engine: where they train.

    Raises:
        InputError: a teacher cannot be trained, or has diverged.
    """
    from lossbench.teachers.lesson import place, said_in

    lessons = _lessons(jobs)
    missing = _missing(lessons)
    if len(missing) > 1:
        log.info("%s train first, one for each seed", counted(len(missing), "teacher"))
    alone = min(len(missing), engine.slots) <= 1 and not engine.elsewhere
    events = here(trained, missing, lambda _: None) if alone else engine.run(trained, missing)
    with closing(events):
        for event in events:
            if isinstance(event, Ended) and isinstance(event.result, Died):
                _refuse(event.result)
    if missing and _missing(lessons):
        raise InputError(
            f"Teachers have trained, and {cache_folder()} of this machine has none of them: let "
            "LOSSBENCH_CACHE name a folder that all machines share."
        )
    alike: dict[str, list[float]] = {}
    for known, (source, _) in lessons.items():
        alike.setdefault(_words(source), []).append(said_in(place(known)).wrong["test"])
    for words, shares in alike.items():
        log.info("%s", _line(words, shares))


def _refuse(died: Died) -> NoReturn:
    if isinstance(died.error, InputError):
        raise died.error
    raise InputError(f"A teacher could not be trained ({died.reason}): correct data.teacher.")


def without_teachers(jobs: Sequence[Job]) -> tuple[list[Job], int]:
    """The jobs as a dry run plans them, for which no teacher is trained; and how many would be."""
    found = []
    for job in jobs:
        source = job.member.source
        own = untaught(source) if isinstance(source, Distilled) else source
        found.append(replace(job, member=replace(job.member, source=own)))
    return found, len(_missing(_lessons(jobs)))


def _lessons(jobs: Iterable[Job]) -> dict[str, _Lesson]:
    """The teachers of jobs by what they are known by."""
    each = ((job.member.source, job.member.seed) for job in jobs)
    return {own.fingerprint(seed): (own, seed) for own, seed in each if isinstance(own, Distilled)}


def _missing(lessons: Mapping[str, _Lesson]) -> list[_Lesson]:
    """Those that the cache lacks."""
    from lossbench.teachers.lesson import place

    return [lesson for known, lesson in lessons.items() if not place(known).is_file()]


def trained(lesson: _Lesson, send: Callable[[object], None]) -> None:
    """Train one, in whichever process; what it says is then in the cache."""
    from lossbench.teachers.lesson import taught

    source, seed = lesson
    taught(source.source, source.recipe, seed)


def _words(source: Distilled) -> str:
    """`teacher mlp of mnist_5k (label_noise=0.2)`: with what of the data is not as its YAML says."""
    said = {name: value for name, value in source.set_to.items() if name not in source.source.places}
    knobs = ", ".join(f"{name}={value}" for name, value in said.items())
    return f"teacher {source.recipe.choices['model'].name} of {source.of}{f' ({knobs})' if knobs else ''}"


def _line(words: str, shares: list[float]) -> str:
    """How many test examples teachers get wrong, on average."""
    mean = 100 * sum(shares) / len(shares)
    spread_ = f", {counted(len(shares), 'seed')}: {100 * min(shares):.3g} to {100 * max(shares):.3g}%"
    return f"{words}: {mean:.3g}% of test examples wrong{spread_ if len(shares) > 1 else ''}"
