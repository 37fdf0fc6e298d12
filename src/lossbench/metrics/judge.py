"""The one judge: what a prediction defines is measured, the same way for every loss."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import torch

from lossbench.task import WEIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from lossbench.metrics.measure import Measure

# Members are judged in chunks of about this many numbers, to bound memory (tens of bytes a number) and to
# stay in the processor's cache; a validation set of 1,000 rows and 240 members is one chunk.
CHUNK = 250_000

_NONE: Mapping[str, Tensor] = MappingProxyType({})
_NOTHING: Mapping[Measure, tuple[Tensor, ...]] = MappingProxyType({})


def judge(
    prediction: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    measures: Sequence[Measure],
    lane: Tensor | None = None,
    *,
    shared: Mapping[str, Tensor] = _NONE,
    kept: Mapping[Measure, tuple[Tensor, ...]] = _NOTHING,
) -> dict[str, Tensor]:
    """The metrics of the measures that find what they read, for all members at once.

    Args:
        prediction: tensors by name with leading dimensions (R, N).
        targets: by kind, (L, N, ...), in the task's own units; `weight` (L, N) or (L, N, *places) says how
            much each counts. Predictions and targets of weight 0 are 0 for a measure that reads weights.
        measures: of the data set; of several that give one name, the first that gives it counts.
        lane: (R,) int64, the place of each member among the L; None: one each, L is R.
        shared: further tensors (L, ...) of the data, by name.
        kept: what measures with `keep` kept of the outputs, (R, N, ...) each; of others it is made here.

    Returns:
        metric name -> (R,) float64. A member with a non-finite prediction gets NaN in the metrics made of
        it and leaves the others as they are. Degenerate targets: see each metric.

    Raises:
        InputError: a measure breaks its contract.
    """
    results: dict[str, Tensor] = {}
    given, common = {**targets, **shared}, frozenset(shared)
    for measure in measures:
        if results.keys() >= set(measure.names):
            continue
        held = kept.get(measure)
        if held is None and not measure.reads(prediction, given):
            continue
        predicted = held or tuple(prediction[name].detach() for name in measure.needs)
        truth = () if held else tuple((given[name], name in common) for name in measure.fields)
        weight = targets.get(WEIGHT) if measure.weighted else None
        judged = _Members(measure, predicted, truth, weight, lane, made=held is not None).judged()
        results = {**judged, **results}
    return {name: results[name] for measure in measures for name in measure.names if name in results}


class _Members:
    """Members that are judged by one measure, in chunks of them."""

    def __init__(
        self,
        measure: Measure,
        predicted: tuple[Tensor, ...],
        truth: tuple[tuple[Tensor, bool], ...],
        weight: Tensor | None,
        lane: Tensor | None,
        *,
        made: bool,
    ) -> None:
        self.measure, self.predicted, self.truth = measure, predicted, truth
        self.weight, self.lane, self.made = weight, lane, made

    def judged(self) -> dict[str, Tensor]:
        """Metric -> (R,) float64; a member with a non-finite prediction is NaN throughout."""
        members, examples = self.predicted[0].shape[:2]
        sizes = [tensor[0].numel() for tensor in (*self.predicted, *(values for values, _ in self.truth))]
        size = examples**2 if self.measure.pairs else max(sizes)
        at_once = max(1, CHUNK // max(1, size))
        parts = [self._of(slice(start, start + at_once)) for start in range(0, members, at_once)]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def _of(self, members: slice) -> dict[str, Tensor]:
        weight = None if self.weight is None else self._rows(self.weight, members)
        predicted = [_weighed(values[members], weight) for values in self.predicted]
        truth = [
            self._rows(values, members) if common else _weighed(self._rows(values, members), weight)
            for values, common in self.truth
        ]
        finite = torch.stack([values.flatten(1).isfinite().all(-1) for values in predicted]).all(0)
        arrays = tuple(predicted) + tuple(truth)
        found = self.measure.of(*(arrays if self.made else self.measure.kept(*arrays)), weight=weight)
        return {name: torch.where(finite, values.double(), torch.nan) for name, values in found.items()}

    def _rows(self, values: Tensor, members: slice) -> Tensor:
        """Targets of some members; never those of all at once, for many share one lane."""
        return values[members] if self.lane is None else values[self.lane[members]]


def _weighed(values: Tensor, weight: Tensor | None) -> Tensor:
    """What counts of (R, N, ...); 0 elsewhere, so that nothing made of it is nan where nothing weighs."""
    if weight is None:
        return values
    counts = weight > 0
    if values.ndim < counts.ndim or values.shape[: counts.ndim] != counts.shape:
        counts = counts.flatten(2).any(-1)  # its places are not those of the weights
    return values.where(counts[(..., *(None,) * (values.ndim - counts.ndim))], 0)
