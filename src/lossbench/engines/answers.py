"""Questions to worker processes, which have imported what this one has not."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from logging.handlers import QueueHandler
from types import SimpleNamespace
from typing import Any, TypeVar, cast

from lossbench.engines.events import Died, Ended, Engine, Said, Send
from lossbench.errors import InputError

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def answers(function: Callable[[Item], Answer], items: Sequence[Item], engine: Engine) -> list[Answer] | None:
    """What a function gives for each item, by workers; None where one of them has failed.

    What it logs there is logged here. Who asks calls the function itself where there are no answers: what
    went wrong is then met here, with all that is known of it.

    Args:
        function: importable by name; it and what it takes and gives are pickled.

    Raises:
        InputError: that of the first item for which the function raises one.
    """
    level = logging.getLogger().getEffectiveLevel()
    found: dict[int, Any] = {}
    with closing(engine.run(functools.partial(_answer, function=function, level=level), items)) as events:
        for event in events:
            if isinstance(event, Said):
                _log(event.message)
            elif isinstance(event, Ended):
                found[event.index] = event.result
    died = [one for _, one in sorted(found.items()) if isinstance(one, Died)]
    for one in died:
        if isinstance(one.error, InputError):
            raise one.error
    return None if died else [found[index] for index in range(len(items))]


def _answer(item: Any, send: Send, function: Callable[[Any], Any], level: int) -> Any:
    """In a worker."""
    root = logging.getLogger()
    root.setLevel(level)
    handler = QueueHandler(cast(Any, SimpleNamespace(put_nowait=send)))
    root.addHandler(handler)
    try:
        return function(item)
    finally:
        root.removeHandler(handler)


def _log(record: logging.LogRecord) -> None:
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)
