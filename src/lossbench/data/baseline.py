"""What a data set may say that a loss has to beat: a prediction that no gradient trains.

    def last_value(data: DataSet, examples: Examples) -> Prediction:
        return Prediction(value=data.inputs[examples.rows][:, -1].double())

    class Mine(DataSource):
        def baselines(self) -> Mapping[str, Baseline]:
            return {"last value": last_value}

The judge measures it as it measures every loss, on the same test examples for each seed, and it stands as a
row of its own in the tables of the report, outside all verdicts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lossbench.task import Prediction, TargetKind

if TYPE_CHECKING:
    from lossbench.data.source import DataSet, Examples

# (the data of one seed, N examples of it) -> what is predicted of these, as `task.Prediction` says: each
# tensor (N, ...), in the task's own units. It learns from `data.train` and draws no random numbers; the
# targets of validation and test are hidden from it. A metric of what it does not predict has no result.
Baseline = Callable[["DataSet", "Examples"], Prediction]


def mean_of(kind: TargetKind) -> Baseline:
    """The mean of the training targets of a kind that is a value: of a box, that of each of its numbers."""

    def mean(data: DataSet, examples: Examples) -> Prediction:
        one = data.train.targets[kind].double().mean(0)
        return Prediction(value=one.expand(len(examples), *one.shape))

    return mean


def called(name: str) -> str:
    """What a baseline is called among losses."""
    return f"{name} (baseline)"
