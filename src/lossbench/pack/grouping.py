"""Which runs may share a pack. What is not listed here must match, so a forgotten key prevents packing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from lossbench.config import Job

# Members may differ in the whole of the loss, in the seed, and in these knobs; besides, in the noise that
# the data set declares. None of them changes a shape.
_FREE_KNOBS = {"optimizer": ("lr", "weight_decay")}


def pack_key(job: Job) -> str:
    """Equal for runs that may train side by side: one config but for what may differ, and one shape."""
    member = job.member
    free = dict(_FREE_KNOBS, data=member.source.noise_knobs)
    fixed: dict[str, Any] = {
        group: {name: value for name, value in job.config[group].items() if name not in free.get(group, ())}
        for group in ("data", "model", "optimizer", "trainer")
    }
    shape = [member.outputs, member.headed, member.reads, member.loss.stackable, job.mode]
    return json.dumps([fixed, shape], sort_keys=True, default=str)


def group_into_packs(jobs: Sequence[Job], max_members: int) -> list[list[int]]:
    """Positions of the jobs of each pack, in the order of the sweep; packs of one kind are of even size.

    Args:
        max_members: the most members that a pack may have.
    """
    kinds: dict[str, list[int]] = {}
    for position, job in enumerate(jobs):
        kinds.setdefault(pack_key(job), []).append(position)
    packs = []
    for positions in kinds.values():
        count = -(-len(positions) // max_members)
        size, larger = divmod(len(positions), count)
        start = 0
        for number in range(count):
            stop = start + size + (number < larger)
            packs.append(positions[start:stop])
            start = stop
    return packs
