"""What an engine is: it works on items, and tells of each when it starts, speaks and ends."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Send = Callable[[Any], None]

# What a worker has in its environment: packs train side by side, and each has one core for itself.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Died:
    """What is left of an item without a result."""

    reason: str  # in plain words: the worker was killed, or what the function raised
    error: BaseException | None = None  # that the function raised; None where the worker itself ended


@dataclass(frozen=True)
class Started:
    """A worker has begun with the item."""

    index: int


@dataclass(frozen=True)
class Said:
    """What the function has sent."""

    index: int
    message: Any


@dataclass(frozen=True)
class Ended:
    """The item's result, or its Died; nothing comes after it."""

    index: int
    result: Any


Event = Started | Said | Ended


class Engine(Protocol):
    """Where packs train."""

    @property
    def slots(self) -> int:
        """Packs that can train at a time: how many packs a sweep becomes, and how wide they are, follows."""
        ...

    @property
    def gpus_per_pack(self) -> float | None:
        """The share of a GPU that each has, at most 1; None: one, where there are any."""
        ...

    @property
    def elsewhere(self) -> bool:
        """Whether even a single pack must not train in this process, which may be a login node's."""
        ...

    def run(
        self, function: Callable[[Item, Send], Result], items: Sequence[Item]
    ) -> Generator[Event, None, None]:
        """Work on all items; of each, tell that it Started, what it Said, and how it Ended, in this order.

        Function, items, messages and results are pickled. No item is tried twice: one whose worker is lost
        has Died, and the others go on. Closing the generator, by an exception or Ctrl-C, ends all work.

        Args:
            function: importable by name, called as `function(item, send)` in a worker.
            items: taken up in this order, `slots` at a time.
        """
        ...


def call(function: Callable[[Item, Send], Result], item: Item, send: Send) -> Result | Died:
    """In a worker: the function's result, or how it failed, as something that can travel."""
    try:
        result = function(item, send)
        pickle.dumps(
            result, protocol=5, buffer_callback=lambda _: None
        )  # whether it can; arrays are not copied
    except Exception as error:
        return _travelling(error)
    return result


def raised(error: BaseException) -> Died:
    """The fate of an item whose function raised."""
    return Died(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, error)


def _travelling(error: Exception) -> Died:
    """With its traceback as a note, for tracebacks are not pickled; nor are errors of some classes."""
    died, trace = raised(error), traceback.format_exc()
    try:
        travelling = pickle.loads(pickle.dumps(error))
    except Exception:
        travelling = RuntimeError(died.reason)
    travelling.add_note(trace)
    return Died(died.reason, travelling)
