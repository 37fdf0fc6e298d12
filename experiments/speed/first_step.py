"""Runs lossbench with the arguments given, and ends the process after its first training step."""

from __future__ import annotations

import os
import runpy
from collections.abc import Iterator
from typing import Any

from lossbench import train

events = train._events


def until_first_step(*arguments: Any) -> Iterator[Any]:
    """What a sweep hears, with the first step its last. Only here is imported what a step needs, as ever."""
    from lossbench.pack.module import Pack

    step = Pack.training_step

    def only_one(*own: Any) -> None:
        step(*own)
        os._exit(0)

    setattr(Pack, "training_step", only_one)  # noqa: B010 (mypy allows no other spelling)
    yield from events(*arguments)


if __name__ == "__main__":
    setattr(train, "_events", until_first_step)  # noqa: B010
    runpy.run_module("lossbench", run_name="__main__", alter_sys=True)
