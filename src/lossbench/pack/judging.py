"""From outputs of all members to metrics: the judge is the same whatever the members were trained on."""

from __future__ import annotations

import functools
import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lossbench.data.source import Split
from lossbench.job import Member
from lossbench.losses.cross import Meaning, judged, meaning
from lossbench.metrics.class_means import nearest_mean_scores
from lossbench.metrics.families import needed
from lossbench.pack.exact import exact_device
from lossbench.pack.groups import Group
from lossbench.pack.halves import HALVES
from lossbench.pack.lanes import Lanes
from lossbench.pack.objective import Report
from lossbench.task import Prediction
from lossbench.trees import Tree, mapped, part

if TYPE_CHECKING:
    import numpy as np

    from lossbench.data.source import DataSet, Examples
    from lossbench.data.splits import Ids

# The outputs of all members on the whole training split: (R, N, ...).
TrainOutputs = Callable[[], Tree]

log = logging.getLogger(__name__)


def group_prediction(group: Group, outputs: Tree, train: TrainOutputs, member: Member) -> Prediction:
    """What a group predicts, in the task's own space.

    Args:
        outputs: (G, N, ...) of the split in question, of the group's members, where `group.truth` is.
        train: gives the outputs of ALL members on the training split; asked for only where class scores
            come from the class means of the training embeddings.
        member: any of the group.
    """
    prediction = group.predict(outputs)
    wants_scores = "scores" not in prediction and "scores" in needed(member.source.measures)
    if wants_scores and "embedding" in prediction and "identity" in group.lanes.truth["train"]:
        known = group.predict(_of_group(train(), group))["embedding"]
        labels = group.truth("train", "identity")
        scores = nearest_mean_scores(known, labels, prediction["embedding"], member.target.size)
        return Prediction(**{**prediction, "scores": scores})
    return prediction


def judge_members(
    groups: Sequence[Group],
    members: Sequence[Member],
    split: Split,
    outputs: Tree,
    train: TrainOutputs,
    report: Report,
) -> tuple[dict[str, Tensor], list[tuple[Group, Prediction]]]:
    """The metrics of all members on a split.

    Args:
        groups, members: all of the pack.
        split: whose outputs these are.
        outputs: (R, N, ...), on the device that has double precision; so are those that `train` gives.
        train: as in `group_prediction`.
        report: called with a member whose prediction or metrics raise; the others are judged all the same.

    Returns:
        metric -> (R,) float64, nan where a member's loss does not define it; and what each group predicts,
        which may be a part of a group.
    """
    metrics: dict[str, Tensor] = {}
    found: list[tuple[Group, Prediction]] = []

    def judge_group(group: Group) -> None:
        member = members[int(group.index[0])]
        prediction = group_prediction(group, _of_group(outputs, group), train, member)
        judged = group.judged(prediction, group.lanes.truth[split], member.source.measures)
        _scatter(metrics, judged, group.index, len(members))
        found.append((group, prediction))

    for group in groups:
        _apart(group, judge_group, report)
    return metrics, found


def _apart(group: Group, do: Callable[[Group], None], report: Report) -> None:
    """Do it for a group; where that raises for each member alone, so that the others go on."""
    try:
        do(group)
    except Exception:
        for place, member in enumerate(group.index.tolist()):
            try:
                do(group.only(place))
            except Exception as error:
                report(member, error, traceback.format_exc())


def judge_halves(
    members: Sequence[Member], found: Sequence[tuple[Group, Prediction]], report: Report
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The metrics of all members on either half of the validation split, as `judge_members` gives them.

    Args:
        members: all of the pack.
        found: what each group predicts, of `judge_members`.
        report: as there.
    """
    halves: tuple[dict[str, Tensor], dict[str, Tensor]] = ({}, {})
    known = found[0][0].lanes.truth["val"].items() if found else ()
    truths = [{kind: values[:, half].contiguous() for kind, values in known} for half in HALVES]

    def judge_group(group: Group, of_all: Group, prediction: Prediction) -> None:
        source = members[int(group.index[0])].source
        if group is not of_all:
            place = of_all.places[int(group.index[0])]
            prediction = _parts(prediction, slice(place, place + 1))
        for table, half, truth in zip(halves, HALVES, truths, strict=True):
            judged = group.judged(_parts(prediction, slice(None), half), truth, source.measures)
            _scatter(table, judged, group.index, len(members))

    for group, prediction in found:
        _apart(group, functools.partial(judge_group, of_all=group, prediction=prediction), report)
    return halves


def _parts(prediction: Prediction, members: slice, examples: slice = slice(None)) -> Prediction:
    """The prediction of some; laid out anew, for sums to round alike in any company."""
    return Prediction(**{name: all_[members, examples].contiguous() for name, all_ in prediction.items()})


def cross_losses(groups: Sequence[Group], members: Sequence[Member], outputs: Tree) -> dict[str, Tensor]:
    """The test outputs of each member scored by every shipped loss that can be evaluated on them.

    Args:
        outputs: (R, N, ...) on the test split, where the members train; of those by name, the one that losses
            read that ask for no names, or the embedding.

    Returns:
        loss -> (R,) float64 on the device for that, nan where it cannot be evaluated. Losses of values are
        in the units in which they train, shifted and scaled.
    """
    scores: dict[str, Tensor] = {}
    exact = exact_device(groups[0].lanes.device)
    for group in groups:
        own = part(outputs, group.index)
        read = group.read(own)
        means: Meaning = meaning(group.losses[0], group.target)
        if read is None and "embedding" in own:
            read, means = own["embedding"], "embedding"
        if not isinstance(read, Tensor) or group.losses[0].also:
            continue  # no other loss reads what this one does
        target, weight = group.of_split("test")
        try:
            judged_by_losses = judged(read, target, group.target, means, weight)
        except Exception as error:  # no reason to lose what was measured otherwise
            log.warning("loss %s is not scored by other losses (%s)", group.losses[0].name, error)
            continue
        exactly = {name: values.to(exact) for name, values in judged_by_losses.items()}
        _scatter(scores, exactly, group.index, len(members))
    return scores


def prediction_arrays(
    found: Sequence[tuple[Group, Prediction]], lanes: Lanes, count: int
) -> list[dict[str, np.ndarray[Any, Any]]]:
    """Test predictions and targets of each member as arrays, for figures made later; values in float64.

    Args:
        found: what each group predicts; a member that is in none has no arrays.
        lanes: of the pack; inputs of one number are among the arrays, so that a curve can be drawn.
        count: R.
    """
    arrays: list[dict[str, np.ndarray[Any, Any]]] = [{} for _ in range(count)]
    small = isinstance(lanes.pool, Tensor) and lanes.pool[0].numel() == 1
    inputs = lanes.inputs_of("test") if small else None
    for group, prediction in found:
        for place, member in enumerate(group.index.tolist()):
            for name, values in prediction.items():
                own = values[place] if name == "value" else values[place].float()
                arrays[member][name] = own.cpu().numpy()
            lane = int(group.lane[place])
            for kind, truth in lanes.truth["test"].items():
                arrays[member][f"target_{kind}"] = truth[lane].cpu().numpy()
            if inputs is not None:
                arrays[member]["inputs"] = inputs[lane].cpu().numpy()
    return arrays


def example_arrays(members: Sequence[Member], datasets: Sequence[DataSet]) -> list[dict[str, Ids]]:
    """Which test examples each member was judged on: `example_id`, and `group_id` where they come in groups.

    Args:
        members, datasets: of a pack, in the same order.

    Returns:
        (N,) int64 each; one number is one example, or one group, in all runs of a data set.
    """
    return [_numbered(member, data.test) for member, data in zip(members, datasets, strict=True)]


def _numbered(member: Member, examples: Examples) -> dict[str, Ids]:
    start = member.seed << 32 if member.source.fresh_examples else 0  # seeds have 31 bits, rows fewer than 32
    found = {"example_id": examples.rows if examples.ids is None else examples.ids}
    if examples.groups is not None:
        found["group_id"] = examples.groups
    return {name: (numbers + start).cpu().numpy() for name, numbers in found.items()}


def _of_group(outputs: Tree, group: Group) -> Tree:
    return mapped(lambda tensor: tensor[group.index.to(tensor.device)], outputs)


def _scatter(table: dict[str, Tensor], values: Mapping[str, Tensor], index: Tensor, count: int) -> None:
    for name, column in values.items():
        index = index.to(column.device)
        if name not in table:
            table[name] = torch.full((count,), torch.nan, dtype=torch.float64, device=column.device)
        table[name][index] = column.to(torch.float64)
