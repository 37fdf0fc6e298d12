"""What a measure is to the rest of the house: what it reads, what it gives, and where its function stands.

One's own is a constant of a module of one's own, named by `data.metrics=[my.module.MEASURE]` or in
`DataSource.judged_by`:

    MEASURE = Measure(
        metrics=(Metric("pinball", "forecast", False, "mean pinball loss at the 0.9 quantile", "units"),),
        needs=("value",),
        fields=("continuous",),
        function="my.module:pinball",
    )

    def pinball(value, target):  # (R, N) each, R runs at once -> (R,) each
        error = target - value
        return {"pinball": torch.maximum(0.9 * error, -0.1 * error).mean(-1)}

No torch here: a config names measures before anything is loaded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lossbench.metrics.contract import check_found, check_measure, function_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


@dataclass(frozen=True)
class Metric:
    """A metric by its name: one name has one meaning, whatever the loss.

    group: metrics of one group share a table.
    meaning: in plain words, with the unit or range.
    unit: where it has one; a result in units of the target may be of any size.
    low, high: the least and greatest value that it can have; None is without bound.
    title: as people write it on an axis, where that is not the name.
    aim: the value that is right, where neither more nor less is better (a share that shall be 0.9): it is
        shown without marks, and no claim or choice rests on it.
    """

    name: str
    group: str
    higher_is_better: bool
    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    title: str = ""
    aim: float | None = None

    def improves(self, values: Tensor, best: Tensor) -> Tensor:
        """Where finite values are better than the best so far (nan: none yet), bool."""
        if self.aim is not None:
            values, best = ((self.aim - own).abs() for own in (values, best))
        ahead = values > best if self.higher_is_better else values < best
        return values.isfinite() & (ahead | best.isnan())

    @property
    def direction(self) -> str:
        """Which of its values are better: higher or lower, or nearest to its aim."""
        if self.aim is not None:
            return f"nearest to {self.aim:g}"
        return "higher" if self.higher_is_better else "lower"

    @property
    def of_any_size(self) -> bool:
        """Whether a value near 0 may be a large one: in units of the target, unlike shares and nats."""
        return self.unit not in ("", "nats")

    @property
    def shown(self) -> str:
        """As people write it: RMSE, accuracy."""
        return self.title or self.name.replace("_", " ")

    @property
    def best(self) -> float | None:
        """The value that cannot be beaten; None where there is none."""
        if self.aim is not None:
            return self.aim
        return self.high if self.higher_is_better else self.low

    @property
    def range(self) -> tuple[float, float]:
        """The least and greatest value that it can have."""
        low, high = self.low, self.high
        return (-math.inf if low is None else low), (math.inf if high is None else high)


@dataclass(frozen=True)
class Measure:
    """Metrics that one function computes, for all members of a pack at once.

    metrics: what it gives, in the order of tables.
    needs: predictions that it reads, by name.
    fields: targets that it reads by kind, in the task's own units, and the data's `shared` tensors by name.
    function: "package.module:name" of (*needs, *fields) -> {metric: (R,) float64}; predictions and targets
        have leading dimensions (R, N), shared tensors (R,). Imported when it first measures. It may give
        nothing: then the next measure of these names has its turn.
    weighted: it takes `weight=` (R, N) or (R, N, *places) where the data has weights; else it cannot judge
        such data. Where a weight is 0, predictions and targets are 0 when it sees them.
    pairs: it compares every example with every other, so its memory grows with N * N.
    keep: "package.module:name" of (*needs, *fields) -> a tensor (R, n, ...) or a tuple of them, for any n of
        the examples, each by itself. Then only these are kept of the outputs of an evaluation, and `function`
        gets them instead of predictions and targets: where outputs are large (tokens, items, pixels). It gets
        no `weight=`: what sums over places that have weights names `weight` among its fields.
    among: "package.module:name" of (*fields) -> (R, n) int64, which examples count, where not all do.
    test_alone: it measures the test alone, where it would take long after every epoch; it can choose nothing.
    """

    metrics: tuple[Metric, ...]
    needs: tuple[str, ...]
    fields: tuple[str, ...]
    function: str
    weighted: bool = False
    pairs: bool = False
    keep: str | None = None
    among: str | None = None
    test_alone: bool = False

    def __post_init__(self) -> None:
        check_measure(self)

    def counted(self, *fields: Tensor) -> Tensor | None:
        """Places (R, n) of the examples that count; None: all do."""
        return None if self.among is None else function_of(self, self.among)(*fields)

    @property
    def functions(self) -> tuple[str, ...]:
        """All that it names."""
        return tuple(filter(None, (self.function, self.keep, self.among)))

    @property
    def names(self) -> tuple[str, ...]:
        """Of its metrics."""
        return tuple(metric.name for metric in self.metrics)

    def reads(self, predictions: Mapping[str, Any], targets: Mapping[str, Any]) -> bool:
        """Whether all is there that it reads."""
        return predictions.keys() >= set(self.needs) and targets.keys() >= set(self.fields)

    def of(self, *arrays: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
        """What its function gives.

        Raises:
            InputError: it breaks its contract.
        """
        function = function_of(self, self.function)
        found: dict[str, Tensor] = function(*arrays) if weight is None else function(*arrays, weight=weight)
        if self.function.startswith("lossbench."):  # a record may be older than some of what it gives
            found = {name: values for name, values in found.items() if name in self.names}
        check_found(self, found, len(arrays[0]))
        return found

    def kept(self, *arrays: Tensor) -> tuple[Tensor, ...]:
        """What is kept of predictions and targets of some examples, for `of`."""
        if self.keep is None:
            return arrays
        found: Tensor | tuple[Tensor, ...] = function_of(self, self.keep)(*arrays)
        return found if isinstance(found, tuple) else (found,)
