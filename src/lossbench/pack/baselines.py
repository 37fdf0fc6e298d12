"""What a baseline of a data set gives, judged as losses are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from lossbench.data.border import Border, type_of
from lossbench.data.source import DataSet, DataSource, Examples
from lossbench.data.stream import Stream
from lossbench.errors import InputError, first_line
from lossbench.metrics.families import needed, wants_decisions
from lossbench.metrics.judge import judge
from lossbench.metrics.thresholds import decided, thresholds_of
from lossbench.pack.threads import one_thread
from lossbench.task import NUMBERS, Prediction
from lossbench.trees import mapped

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.metrics.measure import Measure

_ASKED = 1024  # examples that a baseline is asked of at once, where measures keep something
_AT_ONCE = 64  # examples of which a measure keeps something, so that frequencies of many tokens fit


def measured(source: DataSource, data: Any, name: str) -> dict[str, float]:
    """The metrics `test/...` of a baseline of the source.

    Args:
        data: as the source loads it, for one seed.

    Raises:
        InputError: the baseline raises, or breaks its contract.
    """
    border = _Border(source)
    data = data.whole if isinstance(data, Stream) else data  # whose inputs lie in a file
    if not isinstance(data, DataSet):
        border.refuse("it has baselines, which are measured on a DataSet alone, and loads a stream")
    with one_thread():  # or the last bits of a sum would depend on the machine
        truth = _truth(data.test)
        if any(one.keep for one in source.measures) and not wants_decisions(source.measures, truth):
            return _named(_in_parts(source, data, name, border))
        prediction = border.predicted(data, data.test, name)
        if wants_decisions(source.measures, truth):
            best = thresholds_of(border.predicted(data, data.val, name), _truth(data.val))
            prediction = prediction if best is None else decided(prediction, truth, best)
        found = judge(prediction, truth, source.measures, shared=_shared(data))
    return _named(found)


def _named(found: Mapping[str, Tensor]) -> dict[str, float]:
    return {f"test/{metric}": float(values) for metric, values in found.items()}


def _shared(data: DataSet) -> dict[str, Tensor]:
    return {key: tensor.unsqueeze(0) for key, tensor in data.shared.items()}


def _in_parts(source: DataSource, data: DataSet, name: str, border: _Border) -> dict[str, Tensor]:
    """Where measures keep something of large predictions: asked of some examples after others."""
    measures, shared = source.measures, _shared(data)
    others = needed(one for one in measures if not one.keep)
    held: dict[str, list[Tensor]] = {}
    kept: dict[Measure, list[tuple[Tensor, ...]]] = {}
    for start in range(0, len(data.test), _ASKED):
        some = _some(data.test, slice(start, start + _ASKED))
        prediction, truth = border.predicted(data, some, name), _truth(some)
        for part in prediction.keys() & others:
            held.setdefault(part, []).append(prediction[part])
        for one in measures:
            if one.keep and one.reads(prediction, {**truth, **shared}):
                kept.setdefault(one, []).append(_kept(one, prediction, truth, shared))
    whole = Prediction(**{part: torch.cat(own, dim=1) for part, own in held.items()})
    joined = {
        one: tuple(torch.cat(own, dim=1) for own in zip(*parts, strict=True)) for one, parts in kept.items()
    }
    return judge(whole, _truth(data.test), measures, shared=shared, kept=joined)


def _some(examples: Examples, which: slice) -> Examples:
    more = {
        name: own if (own := getattr(examples, name)) is None else own[which] for name in ("ids", "groups")
    }
    return Examples(examples.rows[which], {k: v[which] for k, v in examples.targets.items()}, **more)


def _truth(examples: Examples) -> dict[str, Tensor]:
    """Targets (1, N, ...) as the judge reads them."""
    exact = ((kind, own.double() if kind in NUMBERS else own) for kind, own in examples.targets.items())
    return {kind: own.unsqueeze(0) for kind, own in exact}


def _kept(
    measure: Measure,
    prediction: Mapping[str, Tensor],
    truth: Mapping[str, Tensor],
    shared: Mapping[str, Tensor],
) -> tuple[Tensor, ...]:
    """What a measure keeps of all examples, some at a time."""
    count = prediction[measure.needs[0]].shape[1]
    parts = []
    for start in range(0, count, _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        read = (prediction[need][:, some] for need in measure.needs)
        beside = (shared[key] if key in shared else truth[key][:, some] for key in measure.fields)
        parts.append(measure.kept(*read, *beside))
    return tuple(torch.cat(one, dim=1) for one in zip(*parts, strict=True))


class _Border(Border):
    """Refuses what a baseline predicts."""

    def predicted(self, data: DataSet, examples: Examples, name: str) -> Prediction:
        """What it predicts of some examples, (1, N, ...), without having seen what is to be predicted."""
        what = f"its baseline {name!r}"
        blind = {part: replace(getattr(data, part), targets={}) for part in ("val", "test")}
        try:
            found = self.source.baselines()[name](replace(data, **blind), replace(examples, targets={}))
        except InputError:
            raise
        except Exception as error:
            raised = f"{type(error).__name__}: {first_line(error):.150}"
            hint = ", where it may not read targets of validation and test" * isinstance(error, KeyError)
            self.refuse(f"{what} raised {raised}{hint}")
        if not isinstance(found, Prediction) or not found:
            self.refuse(f"{what} must return a lossbench.task.Prediction; it returned {type_of(found)}")
        for part, values in found.items():
            self._part(f"{part} of {what}", values, self._shape(part, examples))
        return Prediction(**mapped(lambda tensor: tensor.unsqueeze(0), dict(found)))

    def _shape(self, part: str, examples: Examples) -> tuple[int, ...]:
        """How the shape of a part of a prediction begins, where this is known."""
        read = {"value": NUMBERS, "scores": ("multiclass",), "probabilities": ("multiclass",)}.get(part, ())
        known = next((examples.targets[kind] for kind in read if kind in examples.targets), None)
        return (len(examples),) if known is None else tuple(known.shape)

    def _part(self, what: str, values: Any, begins: tuple[int, ...]) -> None:
        self.tensor(what, values)
        places = ", ".join(map(str, begins))
        ends = values.ndim - len(begins)
        if tuple(values.shape[: len(begins)]) != begins or ends < 0:
            self.refuse(f"{what} must be ({places}), as the targets are; got {tuple(values.shape)}")
        self.floats(what, values)
        self.finite(what, values)
