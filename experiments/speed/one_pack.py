"""Train one pack in this process: how long that takes without imports, data and the first use of a GPU.

    python experiments/speed/one_pack.py vmap 32 data=mnist_5k model=cnn loss=cce trainer.max_epochs=3

Members differ in seeds and in four learning rates, as those of a sweep do. Before the pack that is timed, two
members train an epoch.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace

import torch
from hydra import compose, initialize_config_dir
from measure import TOLD

from lossbench.config.folders import conf_dir
from lossbench.data.cache import DataCache
from lossbench.job import Member, jobs_from
from lossbench.pack.fit import fit

RATES = (0.001, 0.002, 0.005, 0.01)


def main() -> None:
    mode, runs, *overrides = sys.argv[1:]
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        (job,) = jobs_from([compose("config", overrides)])
    cache = DataCache()
    members = [varied(job.member, number) for number in range(int(runs))]
    short = replace(job.member.trainer, max_epochs=1)
    train([replace(varied(job.member, number), trainer=short) for number in (0, 1)], mode, cache)
    for member in members:
        cache.load(member.source, member.seed, member.reads, member.model.preparing)
    told = {"training_seconds": train(members, mode, cache)}
    if torch.cuda.is_available():
        told["gpu_mib"] = torch.cuda.max_memory_allocated() / 2**20
    TOLD.write_text(json.dumps(told))
    print(told)


def varied(member: Member, number: int) -> Member:
    optimizer = replace(member.optimizer, lr=RATES[number % len(RATES)])
    return replace(member, seed=number // len(RATES), optimizer=optimizer)


def train(members: list[Member], mode: str, cache: DataCache) -> float:
    """Seconds from the members to their results."""
    start = time.perf_counter()
    results = fit(members, mode, cache)
    seconds = time.perf_counter() - start
    assert [result.outcome for result in results] == ["finished"] * len(members)
    return seconds


if __name__ == "__main__":
    main()
