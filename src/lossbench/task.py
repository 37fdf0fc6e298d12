"""The words that data, model, loss and metrics share: inputs, targets and predictions, each a tensor by name.

The words are open: a data set, a model, a loss and a measure fit where they use the same ones. Those below
are the ones that ship.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

InputKind = str
TargetKind = str

# The one reserved word among targets, which `targets()` need not declare: what an example (N,) or each of
# its places counts, 0 or more. A loss is the weighted mean over a batch, and metrics of validation and test
# are weighted alike: what weighs 0 there judges nothing. Only ratios count. To weight training alone, let
# the examples of validation and test weigh 1.
WEIGHT = "weight"

# Another, which a loss may read beside its target (`Loss.also`): how much of training is behind, 0 to 1.
PROGRESS = "progress"

# Kinds of target that are numbers in the task's own units, however large or small those are: they stay in
# double precision, and what is predicted of them is a value.
NUMBERS: tuple[TargetKind, ...] = ("continuous", "box")


@dataclass(frozen=True)
class OwnPast:
    """Where steps that are read hold the past of the target itself: in the first columns.

    scale, shift: of each of these columns: what is read, times the scale, plus the shift, is as a loss sees
        it.
    steps: of the target, each of so many numbers.
    """

    scale: tuple[float, ...]
    shift: tuple[float, ...]
    steps: int = 1


@dataclass(frozen=True)
class Inputs:
    """What a model reads, one example at a time.

    kind and shape:
        vector  float (features,)
        image   float (channels, height, width)
        tokens  int64 (length,); id 0 is padding and always stands at the end
        tfidf   float (length, 2): the non-zero entries of one sparse row as (column, weight) pairs,
                filled up with (0, 0); `vocabulary` is the number of columns
        series  float (steps, columns), in the order of time
        causal_tokens  int64 (length,), as tokens; the target at a place is what follows, so a model uses
                those up to there alone
        or any other word that a data set and a model share.
    vocabulary: how many ids there are, where the inputs are ids (int64, 0 .. vocabulary-1).
    parts: by name, where an example has several inputs; they are then a dict of tensors.
    past: of a series, where it holds the target's own.
    reference: of sequences of symbols, the policy that a model begins as: log probabilities (symbols + 1,
        symbols) where a sequence begins, and behind each symbol.
    """

    kind: InputKind
    shape: tuple[int, ...] = ()
    vocabulary: int = 0
    parts: Mapping[str, Inputs] = field(default_factory=dict)
    past: OwnPast | None = None
    reference: tuple[tuple[float, ...], ...] = ()

    @property
    def words(self) -> str:
        """`image 1 x 8 x 8`, or `click (user, item)` of several."""
        more = f"({', '.join(self.parts)})" if self.parts else " x ".join(map(str, self.shape))
        return f"{self.kind} {more}".rstrip()


@dataclass(frozen=True)
class Target:
    """One kind of target that a data set offers.

    kind and value per example, with the places of an example (steps, pixels, tokens, labels) as `shape`:
        continuous    float64 (*shape,), or (*shape, size) where size is above 1; in the task's own units,
                      however large or small those are
        box           float64 (*shape, 4): x1, y1, x2, y2, left, top, right and bottom in pixels of the image
                      as the model reads it, x1 below x2 and y1 below y2; size is 4
        binary        int64 (*shape,), 0 or 1
        multiclass    int64 (*shape,), 0 .. size-1
        distribution  float (*shape, size), sums to 1; `support` holds the value of each bin
        identity      int64 (), any class or person; in training 0 .. size-1
        preference    int64 (), 1 where the first of a pair is preferred, 0 where the second is
        pixels        uint8 (size,), the image that is read itself, from 0 (black) to 255 (white); `support`
                      is (0, 1) where there are no others
        or any other word that a data set, a loss and a measure share.
    names: what the classes 0 .. size-1 are called; empty: by their numbers.
    """

    kind: TargetKind
    size: int = 1
    support: tuple[float, ...] = ()
    shape: tuple[int, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """`continuous`, `multiclass of 10`, `continuous of 4 at 8 x 8 places`, `box`."""
        size = f" of {self.size}" if self.size > 1 and self.kind != "box" else ""
        return f"{self.kind}{size}" + (f" at {' x '.join(map(str, self.shape))} places" if self.shape else "")


@dataclass(frozen=True)
class Units:
    """A target in the task's own units is value * scale + shift, in double precision.

    shift, scale: finite, the scale above 0; numbers, or float64 tensors that broadcast with an example's
        target. A loss sees (target - shift) / scale, rounded to single precision.
    log: the target, which is above 0, is the exponential of that: a loss sees its natural logarithm, shifted
        and scaled, so that equal errors are equal factors. Metrics are in the task's own units all the same.
    """

    shift: float | Tensor = 0.0
    scale: float | Tensor = 1.0
    log: bool = False

    def scaled(self, target: Tensor) -> Tensor:
        """Targets (N, ...) as a loss sees them; subtracted in double, else no digits might be left."""
        exact = target.double().log() if self.log else target.double()
        return ((exact - self.shift) / self.scale).float()

    def own(self, value: Tensor) -> Tensor:
        """What a loss says of them in the task's own units, float64."""
        exact = value * self.scale + self.shift
        return exact.exp() if self.log else exact


def seen(target: Tensor, units: Units | None) -> Tensor:
    """A target (N, ...) as losses see it: in their units where it has some, and in single precision."""
    import torch

    if units is not None:
        return units.scaled(target)
    return target.float() if target.dtype == torch.float64 else target


@dataclass(frozen=True)
class Noise:
    """Random numbers that a model's forward wants beside its inputs, for one example.

    shape: of one example's numbers.
    distribution: normal (0, 1), or uniform on [0, 1).
    evaluated: their shape in evaluation; None: the same.
    """

    shape: tuple[int, ...] = ()
    distribution: Literal["normal", "uniform"] = "normal"
    evaluated: tuple[int, ...] | None = None


class Prediction(dict[str, "Tensor"]):
    """What a model and its loss say of examples, by name, in the task's own space.

    What a loss does not define is absent, never invented. Leading dimensions `...` may hold members of a
    pack; places stand behind the examples.
        value          (..., N, *shape[, size]) in units of the continuous target, or pixels (..., 4) of a
                       box; float64, for units may be 1e9 away from 0
        quantiles      (..., N, *shape[, size], Q) in those units, of rising levels; float64
        levels         (..., N, Q), of the quantiles, the same for every example
        scores         (..., N, *shape, C), the class is the largest
        probabilities  (..., N, *shape, C), only where the loss defines them; non-negative, sum to 1
        embedding      (..., N, E)
        tuned_decisions (..., N, *shape, 4), class 1 or not (1 or 0) of a binary target at the thresholds that
                       validation chose, one for each metric of `metrics.names.TUNED`
        continuation   (..., P, length) int64, what a model of next tokens writes behind P prompts of a test,
                       each time the token of the largest score; ids as of the inputs, not 0 or 1
        and whatever else a loss or a model gives and a measure needs.

    Args:
        named: tensors by name; one that is None is left out.
    """

    def __init__(self, **named: Tensor | None) -> None:
        super().__init__({name: tensor for name, tensor in named.items() if tensor is not None})
