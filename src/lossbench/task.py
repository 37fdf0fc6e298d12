"""The words that data, model, loss and metrics share: kinds of input and target, and predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

InputKind = Literal["vector", "image", "tokens", "tfidf"]
TargetKind = Literal["continuous", "binary", "multiclass", "distribution", "identity"]
MetricFamily = Literal["continuous", "classes", "identities"]


@dataclass(frozen=True)
class Inputs:
    """What a model reads, one example at a time.

    kind and shape:
        vector  float (features,)
        image   float (channels, height, width)
        tokens  int64 (length,); id 0 is padding and always stands at the end
        tfidf   float (length, 2): the non-zero entries of one sparse row as (column, weight) pairs,
                filled up with (0, 0); `vocabulary` is the number of columns
    """

    kind: InputKind
    shape: tuple[int, ...]
    vocabulary: int = 0


@dataclass(frozen=True)
class Target:
    """One kind of target that a data set offers.

    kind and value per example:
        continuous    float64 (), in the task's own units, however large or small those are
        binary        int64 (), 0 or 1
        multiclass    int64 (), 0 .. classes-1
        distribution  float (classes,), sums to 1; `support` holds the value of each bin
        identity      int64 (), any class or person; in training 0 .. classes-1
    """

    kind: TargetKind
    classes: int = 1
    support: tuple[float, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """Outputs of a model in the task's own space. What a loss does not define is None, never invented.

    Leading dimensions `...` may hold members of a pack.
        value          (..., N) in units of the continuous target; float64, for units may be 1e9 away from 0
        scores         (..., N, C), the class is the largest
        probabilities  (..., N, C), only where the loss defines them; non-negative, sum to 1
        embedding      (..., N, E)
    """

    value: Tensor | None = None
    scores: Tensor | None = None
    probabilities: Tensor | None = None
    embedding: Tensor | None = None
