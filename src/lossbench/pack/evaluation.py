"""One pass over a split: what each group predicts, or what its measures keep of that, chunk by chunk."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from lossbench.data.source import Split
from lossbench.job import Member
from lossbench.metrics.class_means import nearest_mean_scores
from lossbench.metrics.families import needed, wants_class_means, wants_decisions
from lossbench.metrics.measure import Measure
from lossbench.metrics.thresholds import decided, thresholds_of, unknown
from lossbench.pack.groups import Group
from lossbench.pack.objective import Report
from lossbench.task import Prediction
from lossbench.trees import Tree, leaves, mapped

# Numbers of output that are made predictions at once where measures keep something of them: of members after
# one another, or what a chunk says of many tokens would be there several times for all of them.
_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Found:
    """What a group predicts of examples (G, N, ...), and what measures with `keep` kept of that."""

    group: Group
    prediction: Prediction
    kept: Mapping[Measure, tuple[Tensor, ...]] = field(default_factory=dict)

    def of(self, *places: int) -> Found:
        """Of some members of the group, in order."""
        return self._parts(self.group.part(list(places)), list(places), slice(None))

    def among(self, members: Tensor) -> Found | None:
        """Of those of the group among members (R,) bool of the pack; None where there are none."""
        places = members[self.group.index.to(members.device)].nonzero().flatten().tolist()
        if not places:
            return None
        return self if len(places) == len(self.group.losses) else self.of(*places)

    def examples(self, which: slice) -> Found:
        """Of some of the examples."""
        return self._parts(self.group, slice(None), which)

    def _parts(self, group: Group, members: slice | list[int], examples: slice) -> Found:
        def part(tensor: Tensor) -> Tensor:
            return tensor[members, examples].contiguous()  # laid out anew: sums round alike in any company

        prediction = Prediction(**{name: part(tensor) for name, tensor in self.prediction.items()})
        return Found(group, prediction, {of: tuple(map(part, kept)) for of, kept in self.kept.items()})


class Evaluation:
    """All members on one split.

    Where no measure says what to keep, outputs are held until all are there. Else each chunk is predicted
    when it comes, and of large outputs (a probability for each word at each step) only that is held.

    Args:
        size: examples of the split.
        train: gives outputs (R, N, ...) on the whole training split, where metrics are computed; asked for
            only where class scores come from the class means of the training embeddings.
        thresholds: (R, K) that validation chose for decisions on two classes; None: these examples choose.
        report: told of a member whose prediction raises; the others go on.
    """

    def __init__(
        self,
        groups: Sequence[Group],
        members: Sequence[Member],
        split: Split,
        size: int,
        train: Callable[[], Tree],
        report: Report,
        thresholds: Tensor | None = None,
    ) -> None:
        self.thresholds = thresholds  # where decisions are measured, from `found` on
        self.members, self.split, self.size, self.report = members, split, size, report
        self.measures = [one for one in members[0].source.measures if split == "test" or not one.test_alone]
        self.keeping = [measure for measure in self.measures if measure.keep]
        self._lanes, self.exact = groups[0].lanes, groups[0].lanes.exact
        self.finite = torch.ones(len(members), dtype=torch.bool, device=self.exact)
        self._train, self._trained = train, None
        self.outputs: Tree = None  # (R, N, ...) of the split; None where only what measures keep is held
        self._pieces: list[tuple[Group, list[Found]]] = [(group, []) for group in groups]

    def add(self, outputs: Tree, start: int) -> None:
        """Take in the outputs (R, n, ...) of the examples from `start` on."""
        outputs = mapped(lambda tensor: tensor.to(self.exact), outputs)
        for tensor in leaves(outputs):
            # Embeddings are judged by distances: what has no finite square has none.
            parts = torch.split(tensor.flatten(1), max(1, _AT_ONCE // tensor[0].numel()))
            self.finite &= torch.cat([part.square().isfinite().all(1) for part in parts])
        if self.keeping:
            self._predict(outputs, start)
        else:
            self._hold(outputs, start)

    def _hold(self, outputs: Tree, start: int) -> None:
        """Into room for all: what stays of a chunk would stand in the way of the next one's inputs."""
        if self.outputs is None:
            self.outputs = mapped(lambda t: t.new_empty(len(t), self.size, *t.shape[2:]), outputs)
        for room, tensor in zip(leaves(self.outputs), leaves(outputs), strict=True):
            room[:, start : start + tensor.shape[1]] = tensor

    def found(self) -> list[Found]:
        """What groups, or parts of groups, predict of the whole split; of who raised nothing."""
        if not self.keeping:
            self._predict(self.outputs, 0)
        found = [_joined(group, parts) for group, parts in self._pieces if parts]
        return self._decided(found) if wants_decisions(self.measures, self._lanes.kinds) else found

    def _decided(self, found: list[Found]) -> list[Found]:
        """With what is decided on two classes, at thresholds that these examples choose or validation has."""
        truth, whose = self._lanes.truth[self.split], [one.group.index.to(self.exact) for one in found]
        if self.thresholds is None:
            self.thresholds = unknown(len(self.members)).to(self.exact)
            for one, index in zip(found, whose, strict=True):
                best = thresholds_of(one.prediction, truth, one.group.lane.to(self.exact))
                if best is not None:
                    self.thresholds[index] = best
        return [
            replace(one, prediction=decided(one.prediction, truth, self.thresholds[index]))
            for one, index in zip(found, whose, strict=True)
        ]

    def _predict(self, outputs: Tree, start: int) -> None:
        pieces = self._pieces
        self._pieces = [
            piece for group, parts in pieces for piece in self._extended(group, parts, outputs, start)
        ]

    def _extended(
        self, group: Group, parts: list[Found], outputs: Tree, start: int
    ) -> list[tuple[Group, list[Found]]]:
        """A group with the next part; where that raises its members apart, but for those that raise alone."""
        try:
            return [(group, [*parts, self._chunk(group, outputs, start)])]
        except Exception as error:
            if len(group.losses) > 1:
                each = [(one, [part.of(place) for part in parts]) for place, one in enumerate(group.cut(1))]
                return [piece for one, own in each for piece in self._extended(one, own, outputs, start)]
            self.report(next(iter(group.places)), error, traceback.format_exc())
            return []

    def _chunk(self, group: Group, outputs: Tree, start: int) -> Found:
        if not self.keeping:
            return Found(group, self._prediction(group, of_group(outputs, group)))
        size, rows = _predicted_size(outputs)
        groups = group.cut(max(1, _AT_ONCE // size))
        parts = [self._in_turns(one, outputs, start, rows) for one in groups]
        return _joined(group, parts, dim=0)

    def _in_turns(self, group: Group, outputs: Tree, start: int, rows: int) -> Found:
        """So many examples after one another."""
        count = max(tensor.shape[1] for tensor in leaves(outputs))

        def some(tensor: Tensor, at: int) -> Tensor:
            return tensor[:, at : at + rows] if tensor.shape[1] == count else tensor

        parts = [
            self._kept(group, mapped(partial(some, at=at), outputs), start + at)
            for at in range(0, count, rows)
        ]
        return _joined(group, parts)

    def _kept(self, group: Group, outputs: Tree, start: int) -> Found:
        own = of_group(outputs, group)
        prediction = self._prediction(group, own)
        truth = group.lanes.truth_of(self.split, slice(start, start + leaves(own)[0].shape[1]))
        made = {measure: group.kept(measure, prediction, truth) for measure in self.keeping}
        kept = {measure: tensors for measure, tensors in made.items() if tensors is not None}
        others = needed(measure for measure in self.measures if not measure.keep)
        return Found(group, Prediction(**{n: t for n, t in prediction.items() if n in others}), kept)

    def _prediction(self, group: Group, outputs: Tree) -> Prediction:
        prediction = group.predict(outputs)
        if wants_class_means(self.measures, prediction, group.lanes.kinds):
            if self._trained is None:
                self._trained = self._train()
            known = group.predict(of_group(self._trained, group))["embedding"]
            labels = group.lanes.truth["train"]["identity"]
            labels = labels[group.lane.to(labels.device)]
            scores = nearest_mean_scores(known, labels, prediction["embedding"], group.target.size)
            return Prediction(**{**prediction, "scores": scores})
        return prediction


def _predicted_size(outputs: Tree) -> tuple[int, int]:
    """How many numbers are predicted of a member, about, and of how many of its examples at once.

    An output with one row for all examples is what each of them is compared with, as all items are.
    """
    count = max(tensor.shape[1] for tensor in leaves(outputs))
    own = max(tensor[0].numel() for tensor in leaves(outputs) if tensor.shape[1] == count)
    common = [tensor.shape[2] for tensor in leaves(outputs) if tensor.shape[1] < count]
    if not common:
        return own, count
    return max(own, count * max(common)), min(count, max(1, _AT_ONCE // max(common)))


def _joined(group: Group, parts: Sequence[Found], dim: int = 1) -> Found:
    """Of parts of its members (0) or of the examples (1) the whole."""
    if len(parts) == 1:
        return replace(parts[0], group=group)
    read = [(dict(part.prediction), dict(part.kept)) for part in parts]
    prediction, kept = mapped(lambda *tensors: torch.cat(tensors, dim=dim), *read)
    return Found(group, Prediction(**prediction), kept)


def of_group(outputs: Tree, group: Group) -> Tree:
    """Of the outputs (R, N, ...) of all members, those of a group (G, N, ...)."""
    return mapped(lambda tensor: tensor[group.index.to(tensor.device)], outputs)
