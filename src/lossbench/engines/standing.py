"""Items whose jobs are waited for, and what is heard of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lossbench.engines.batch import Batch
from lossbench.engines.events import Died, Ended, Event, Said, Started
from lossbench.engines.queue import ask, end, goes_on

_GRACE_SECONDS = 5.0  # that a shared disk may take to show the result of a job that has ended
_CANCEL_SECONDS = 5.0


@dataclass
class Standing:
    """An item whose end is waited for."""

    batch: Batch
    name: str
    heard: int = 0  # bytes of what it has said
    begun: bool = False
    gone: float | None = None  # when Slurm first said that its job has ended
    state: str = ""

    @property
    def job(self) -> str:
        return self.batch.jobs[self.name]


def look(standing: Mapping[int, Standing], cluster: str) -> None:
    """Which jobs have ended, whatever they have left."""
    states = ask(cluster, [one.job for one in standing.values()])
    for one in standing.values():
        one.batch.give_sign()
        if goes_on(states, one.job):
            one.gone = None
        else:
            one.gone = one.gone or time.monotonic()
            one.state = (states or {}).get(one.job, "")


def cancel(standing: Mapping[int, Standing], cluster: str) -> None:
    """End what is left, and wait until it has: what comes to a result meanwhile is kept."""
    jobs = [one.job for one in standing.values()]
    end(cluster, jobs)
    until = time.monotonic() + _CANCEL_SECONDS
    while time.monotonic() < until:
        states = ask(cluster, jobs)
        if not any(goes_on(states, job) for job in jobs):
            break
        time.sleep(0.2)
    for one in standing.values():
        if f"{one.name}.result" not in one.batch.sizes():
            one.batch.settle(one.name)


def news(standing: dict[int, Standing]) -> Iterator[Event]:
    """What jobs have written since the last time."""
    sizes = {batch: batch.sizes() for batch in {one.batch for one in standing.values()}}
    for index, one in list(standing.items()):
        there = sizes[one.batch]
        ended = f"{one.name}.result" in there
        if ended or there.get(f"{one.name}.said", 0) > one.heard:
            said, one.heard = one.batch.said(one.name, one.heard)
            yield from _events(index, one, said)
        lost = not ended and one.gone is not None and time.monotonic() - one.gone > _GRACE_SECONDS
        if ended or lost:
            yield from _events(index, one, [()])
            yield Ended(index, one.batch.result(one.name) if ended else Died(_words(one)))
            del standing[index]
            one.batch.settle(one.name, lost=lost)


def _events(index: int, one: Standing, said: Sequence[tuple[Any, ...]]) -> Iterator[Event]:
    """Of a job that was queued again there are several starts."""
    for message in said:
        if message:
            yield Said(index, *message)
        elif not one.begun:
            one.begun = True
            yield Started(index)


def _words(one: Standing) -> str:
    """How a job ended that has left no result."""
    log = one.batch.folder / one.job / f"{one.job}_0_log.err"
    ended = f"Slurm has ended its job {one.job}{f' ({one.state})' if one.state else ''}"
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except FileNotFoundError:
        return f"{ended}, and its node has written nothing; does it see {log.parent}?"
    errors = [line for line in lines if "error" in line] or lines or ["it left no result and no word"]
    # Slurm's own word of a limit comes before that of what it did then. That of another start tells nothing.
    limits = [line for line in errors if "DUE TO" in line and "REQUEUE" not in line]
    return f"{ended}: {(limits or errors)[-1]}; see {log}"
