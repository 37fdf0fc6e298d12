"""What a stack computes for a batch, recorded on a GPU once and then replayed.

A step of small models is some hundred short operations, and a GPU waits for each of them to be ordered. A
CUDA graph orders them all at once. What is recorded are losses and gradients, and the outputs of an
evaluation; what depends on numbers that change from step to step (the schedule, Adam's corrections, who has
stopped) stays outside.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import torch
from torch import Tensor

from lossbench.errors import first_line
from lossbench.trees import Tree, leaves, mapped

log = logging.getLogger(__name__)

# Batches of a shape that are computed as ever before one is recorded: libraries choose their algorithms, and
# what is made once is made. Few enough that short trainings gain, too.
_BEFORE = 3


@dataclass(frozen=True)
class _Recorded:
    """A computation as a graph: it reads `held`, whose `changing` places are written before each replay."""

    graph: torch.cuda.CUDAGraph
    held: list[Tensor]
    changing: list[int]
    result: Tree

    def reads(self, given: list[Tensor]) -> bool:
        """Whether what it does not copy is still what it was."""
        rest = set(range(len(given))).difference(self.changing)
        return all(given[place] is self.held[place] for place in rest)

    def __call__(self, given: list[Tensor]) -> Tree:
        for place in self.changing:
            self.held[place].copy_(given[place])
        self.graph.replay()
        return self.result


class Replay:
    """Computes what one engine computes: on a GPU, from the fourth batch of a shape on, by a recording."""

    def __init__(self, device: torch.device) -> None:
        self._wanted = device.type == "cuda"
        self._recorded: dict[Hashable, _Recorded] = {}
        self._before: dict[Hashable, list[list[Tensor]]] = {}  # what batches of a shape have read so far

    def __call__(
        self, what: Hashable, given: Tree, compute: Callable[[], Tree], of: Callable[[Tree], Tree]
    ) -> Tree:
        """The result for tensors, which is overwritten by the next of their shapes.

        Args:
            what: is computed; with the shapes it says which recording to use.
            given: all that changes from one time to the next.
            compute: how it is done without a recording.
            of: the same, of tensors that take the place of `given`; where that raises, nothing is recorded.
        """
        if not self._wanted:
            return compute()
        read = leaves(given)
        key = (what, *((leaf.shape, leaf.dtype) for leaf in read))
        recorded = self._recorded.get(key)
        if recorded is None and len(self._before.get(key, ())) == _BEFORE:
            recorded = self._record(key, given, of)
        if recorded is not None and recorded.reads(read):
            return recorded(read)
        self._recorded.pop(key, None)
        self._before.setdefault(key, []).append(read)
        return compute()

    def stop(self) -> None:
        """Record and replay no more: what is computed goes another way from one time to the next."""
        self._wanted = False

    def _record(self, key: Hashable, given: Tree, of: Callable[[Tree], Tree]) -> _Recorded | None:
        before = self._before.pop(key)
        try:
            self._recorded[key] = _recorded(given, of, before)
        except Exception as error:  # whatever there is in the code of others that a graph cannot hold
            log.debug("batches are not recorded as a CUDA graph: %s", first_line(error))
            self.stop()
            torch.cuda.synchronize()
            return None
        return self._recorded[key]


def _recorded(given: Tree, of: Callable[[Tree], Tree], before: list[list[Tensor]]) -> _Recorded:
    """Record a computation; what has been the same tensor each time is read where it lies."""
    read = leaves(given)
    changing = [place for place, leaf in enumerate(read) if any(own[place] is not leaf for own in before)]
    held = [leaf.clone() if place in changing else leaf for place, leaf in enumerate(read)]
    one_by_one = iter(held)
    own = mapped(lambda _: next(one_by_one), given)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = of(own)
    return _Recorded(graph, held, changing, result)
