"""Which runs may share a pack. What is not listed here must match, so a forgotten key prevents packing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from lossbench.job import Job
from lossbench.pack.embedded import layer_on

# Members may differ in the whole of the loss, in the seed, and in these knobs; besides, in the noise that
# the data set declares. None of them changes a shape.
_FREE_KNOBS = {"optimizer": ("lr", "weight_decay")}


def pack_key(job: Job) -> str:
    """Equal for runs that may train side by side: one config but for what may differ, and one shape."""
    member = job.member
    free = dict(_FREE_KNOBS, data=member.source.noise_knobs)
    fixed: dict[str, Any] = {
        group: {name: value for name, value in job.knobs[group].items() if name not in free.get(group, ())}
        for group in ("data", "model", "optimizer", "trainer")
    }
    shape: list[Any] = [member.outputs, layer_on(member), member.reads, member.loss.stackable, job.mode]
    shape += [*member.source.part_sizes(member.seed), member.loss.asks]
    return json.dumps([fixed, shape], sort_keys=True, default=str)


def may_share(jobs: Sequence[Job]) -> list[list[Job]]:
    """The jobs that may train side by side, in the order of the sweep."""
    kinds: dict[str, list[Job]] = {}
    for job in jobs:
        kinds.setdefault(pack_key(job), []).append(job)
    return list(kinds.values())


def even_parts(jobs: Sequence[Job], at_most: int, at_least: int = 1) -> list[list[Job]]:
    """Parts of even size, `at_most` long, and `at_least` so many of them where there are as many jobs."""
    count = max(-(-len(jobs) // at_most), min(at_least, len(jobs)))
    size, longer = divmod(len(jobs), count)
    starts = [number * size + min(number, longer) for number in range(count + 1)]
    return [list(jobs[start:stop]) for start, stop in pairwise(starts)]
