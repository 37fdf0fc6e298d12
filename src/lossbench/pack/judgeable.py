"""Which metrics a loss and a model give on a data set, asked before anything trains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lossbench.errors import InputError, first_line
from lossbench.job import Member
from lossbench.losses.contract import check_prediction
from lossbench.losses.cross import shipped
from lossbench.metrics.families import (
    of_test_alone,
    preferred,
    wants_class_means,
    wants_continuations,
    wants_decisions,
)
from lossbench.metrics.judge import judge
from lossbench.metrics.language import GRAM
from lossbench.metrics.named import named
from lossbench.metrics.names import CONTINUATION
from lossbench.metrics.thresholds import decided, thresholds_of
from lossbench.pack.groups import predicted
from lossbench.pack.modes import probed
from lossbench.task import Prediction
from lossbench.trees import Tree, mapped

if TYPE_CHECKING:
    from lossbench.data.source import DataSet
    from lossbench.losses.loss import Loss
    from lossbench.metrics.measure import Measure

_MANY = 1000  # examples on which a measure is tried that gives no number of a few


def check_metrics(
    member: Member, module: nn.Module, data: DataSet, places: Tensor, experiment: Mapping[str, Any]
) -> tuple[frozenset[str] | None, str | None]:
    """The metrics that choose epochs and learning rates must be among those that the loss defines.

    Returns:
        names of what it predicts, if that can be tried; and what to say where it cannot, or where the loss
        does not define the metric that judges: claims may be about other losses.
    """
    targets = {kind: values[places] for kind, values in data.train.targets.items()}
    try:
        module.eval()
        prediction, given = _tried(member, module, data, places)
        if _no_numbers(member, prediction, given):
            _check_numbers(member, module, data)
    except InputError:
        raise
    except Exception as error:  # perhaps of these few examples alone: if not, the run fails and says it
        tried = f"judging loss={member.loss.name} on {len(places)} examples of data={member.source.name}"
        return None, f"{tried} raised {type(error).__name__}: {first_line(error):.150}"
    finally:
        module.train()
    select, loss, named = member.source.selects, f"loss={member.loss.name}", f"data={member.source.name}"
    gives = ", ".join(given) or "no metric"
    if select not in given:
        fitting = ", ".join(_giving(select, member, targets, data.shared)) or "none that ships"
        raise InputError(
            f"{loss} gives no {select}, by which {named} chooses epochs and learning rates; "
            f"it gives {gives}. "
            f"Losses that give {select}: {fitting}; or let the data's `select` name what all of them give."
        )
    chooses, judges = experiment.get("select"), experiment.get("judge")
    _check_chooses(member, given, {f"select of {named}": select, "experiment.select": chooses})
    # A metric that no loss has on this data is meant for another data set of the sweep.
    if chooses and chooses not in given and (others := _giving(chooses, member, targets, data.shared)):
        raise InputError(
            f"{loss} gives no {chooses}, by which experiment.select chooses learning rates; on {named} it "
            f"gives {gives}. Losses that give {chooses}: {', '.join(others)}; or let experiment.select name "
            "what all of them give."
        )
    unjudged = None
    if judges and judges not in given and _giving(judges, member, targets, data.shared):
        unjudged = f"{loss} gives no {judges}, by which experiment.judge judges: it will have no result there"
    return frozenset(prediction), unjudged


def _check_chooses(member: Member, given: Iterable[str], choosing: Mapping[str, str | None]) -> None:
    """Refuse to choose by what is measured on the test alone."""
    late = of_test_alone(member.source.measures)
    for what, metric in choosing.items():
        if metric in late:
            other = next(iter(name for name in given if name not in late), "one of validation")
            raise InputError(
                f"{what} is {metric}, which is measured on the test alone, so it can choose nothing: name "
                f"another, such as {other}."
            )


def _tried(
    member: Member, module: nn.Module, data: DataSet, places: Tensor
) -> tuple[Prediction, dict[str, Tensor]]:
    """What is predicted of some training examples, and its metrics."""
    targets = {kind: values[places] for kind, values in data.train.targets.items()}
    with torch.no_grad():
        outputs = module(*probed(member, data, data.train.rows[places]))
    prediction = _prediction(member, outputs, targets)
    return prediction, _metrics(member, prediction, targets, data.shared)


def _no_numbers(
    member: Member, prediction: Prediction, given: Mapping[str, Tensor]
) -> list[tuple[Measure, str]]:
    """The measures of the user's own that gave nan or infinity of finite predictions, with the metric."""
    finite = {name for name, values in prediction.items() if values.isfinite().all()}
    if "embedding" in prediction:
        finite -= {"scores"}  # which may stand for those that come from class means
    own = [one for one in member.source.measures if not one.function.startswith("lossbench.")]
    fed = [one for one in own if finite >= set(one.needs)]
    return [(one, name) for one in fed for name in one.names if name in given and not given[name].isfinite()]


def _check_numbers(member: Member, module: nn.Module, data: DataSet) -> None:
    """Refuse a measure that gives no number of many examples either: of few there may be none."""
    places = torch.arange(min(len(data.train), _MANY))
    prediction, given = _tried(member, module, data, places)
    for measure, name in _no_numbers(member, prediction, given):
        raise InputError(
            f"The metric {name} is {float(given[name]):g} where {measure.function} judges "
            f"loss={member.loss.name} on {len(places)} training examples of data={member.source.name}: let "
            "the function give a number there, or leave the measure out."
        )


def _giving(
    metric: str, member: Member, targets: Mapping[str, Tensor], shared: Mapping[str, Tensor]
) -> list[str]:
    """The shipped losses that give a metric on this data."""
    return [loss.name for loss in shipped() if metric in _metrics_of(member, loss, targets, shared)]


def _metrics_of(
    member: Member, loss: Loss, targets: Mapping[str, Tensor], shared: Mapping[str, Tensor]
) -> list[str]:
    """The metrics of another loss in this one's place; none where it does not fit."""
    target = loss.chosen_target(member.source.targets())
    if target is None or loss.needs_for(target) or loss.wants_for(target):
        return []
    other = replace(member, loss=loss, target=target)
    outputs: Tree = torch.zeros(len(targets[target.kind]), other.outputs)
    if other.headed:
        outputs = {"embedding": outputs.new_zeros(len(outputs), member.model.embedding_size)}
    elif other.model.at_places(other.reads):
        outputs = torch.zeros(len(outputs), *target.shape, other.outputs)
    return list(_metrics(other, _prediction(other, outputs, targets), targets, shared))


def _prediction(member: Member, outputs: Tree, targets: Mapping[str, Tensor]) -> Prediction:
    """What is predicted where a model gives such outputs (N, ...) in evaluation, of one member."""
    stacked = mapped(lambda tensor: tensor.unsqueeze(0), outputs)
    prediction = predicted(member.loss, member.target, member.layout, stacked)
    check_prediction(member.loss, prediction, member.target, len(targets[member.target.kind]))
    if wants_class_means(member.source.measures, prediction, targets):
        embedding = prediction["embedding"]
        scores = embedding.new_zeros(*embedding.shape[:2], member.target.size)
        prediction = Prediction(**{**prediction, "scores": scores})
    if wants_decisions(member.source.measures, targets):
        truth = {kind: values.unsqueeze(0) for kind, values in targets.items()}
        best = thresholds_of(prediction, truth)
        prediction = prediction if best is None else decided(prediction, truth, best)
    if wants_continuations(member.source.measures) and "scores" in prediction:
        written = torch.zeros(1, 1, 2 * GRAM, dtype=torch.int64)  # by nobody, of the shortest length
        prediction = Prediction(**{**prediction, CONTINUATION: written})
    return prediction


def _metrics(
    member: Member, prediction: Prediction, targets: Mapping[str, Tensor], shared: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The metrics that are defined where that is predicted, (1,) each."""
    truth, common = (mapped(lambda tensor: tensor.unsqueeze(0), dict(known)) for known in (targets, shared))
    measures = preferred(member.source.measures, member.target.kind)
    return dict(sorted(judge(prediction, truth, measures, shared=common).items()))


def check_measured(paths: Sequence[str], predicted: Sequence[frozenset[str] | None]) -> None:
    """Refuse a measure of the user's own that reads what no loss on a data set (None: unknown) predicts."""
    for path in paths:
        needs = frozenset(named(path).needs)
        if not any(told is None or needs <= told for told in predicted):
            given = ", ".join(sorted(frozenset[str]().union(*filter(None, predicted)))) or "nothing"
            raise InputError(
                f"data.metrics={path} reads {', '.join(sorted(needs))}, and no loss here predicts that, but "
                f"{given}: train a loss or a model that gives it, or leave the measure out."
            )
