"""From outputs of all members to metrics: the judge is the same whatever the members were trained on."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lossbench.data.source import Split
from lossbench.job import Member
from lossbench.losses.cross import Meaning, judged, meaning
from lossbench.pack.evaluation import Found
from lossbench.pack.exact import exact_device
from lossbench.pack.groups import Group
from lossbench.pack.halves import HALVES
from lossbench.pack.lanes import Lanes
from lossbench.pack.objective import Report
from lossbench.trees import Tree, mapped

if TYPE_CHECKING:
    import numpy as np

    from lossbench.data.splits import Ids

log = logging.getLogger(__name__)


def judge_members(
    found: Sequence[Found], members: Sequence[Member], split: Split, report: Report
) -> dict[str, Tensor]:
    """The metrics of all members on a split.

    Args:
        found: what each group, or part of a group, predicts of it.
        members: all of the pack.
        report: called with a member whose metrics raise; the others are judged all the same.

    Returns:
        metric -> (R,) float64, nan where a member's loss does not define it.
    """
    metrics: dict[str, Tensor] = {}
    for one in found:
        _judge(one, metrics, one.group.lanes.truth[split], members, report)
    return metrics


def judge_halves(
    found: Sequence[Found], members: Sequence[Member], report: Report
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The metrics of all members on either half of the validation split, as `judge_members` gives them."""
    halves: tuple[dict[str, Tensor], dict[str, Tensor]] = ({}, {})
    known = found[0].group.lanes.truth["val"].items() if found else ()
    for table, half in zip(halves, HALVES, strict=True):
        truth = {kind: values[:, half].contiguous() for kind, values in known}
        for one in found:
            _judge(one.examples(half), table, truth, members, report)
    return halves


def _judge(
    found: Found,
    table: dict[str, Tensor],
    truth: Mapping[str, Tensor],
    members: Sequence[Member],
    report: Report,
) -> None:
    """Judge a group; where that raises each member alone, so that the others have their results."""
    measures = members[int(found.group.index[0])].source.measures
    try:
        judged = found.group.judged(found.prediction, truth, measures, found.kept)
    except Exception as error:
        if len(found.group.losses) == 1:
            report(int(found.group.index[0]), error, traceback.format_exc())
            return
        for place in range(len(found.group.losses)):
            _judge(found.of(place), table, truth, members, report)
    else:
        _scatter(table, judged, found.group.index, len(members))


def cross_losses(groups: Sequence[Group], members: Sequence[Member], outputs: Tree) -> dict[str, Tensor]:
    """The test outputs of each member scored by every shipped loss that can be evaluated on them.

    Args:
        outputs: (R, N, ...) on the test split; of those by name, the one that losses
            read that ask for no names, or the embedding.

    Returns:
        loss -> (R,) float64 on the device for that, nan where it cannot be evaluated. Losses of values are
        in the units in which they train, shifted and scaled.
    """
    scores: dict[str, Tensor] = {}
    exact = exact_device(groups[0].lanes.device)
    for group in groups:
        own = mapped(lambda tensor, group=group: tensor.to(group.lanes.device)[group.index], outputs)
        read = group.read(own)
        means: Meaning = meaning(group.losses[0], group.target)
        if read is None and "embedding" in own:
            read, means = own["embedding"], "embedding"
        if not isinstance(read, Tensor) or group.losses[0].also:
            continue  # no other loss reads what this one does
        target, weight = group.of_split("test")
        try:
            if means == "value" and group.target.kind == "continuous":
                value = group.said(own).get("value")  # which others compare, whatever the outputs mean
                if value is None:
                    continue
                read = value.unsqueeze(-1) if group.target.size == 1 else value
            judged_by_losses = judged(read, target, group.target, means, weight)
        except Exception as error:  # no reason to lose what was measured otherwise
            log.warning("loss %s is not scored by other losses (%s)", group.losses[0].name, error)
            continue
        exactly = {name: values.to(exact) for name, values in judged_by_losses.items()}
        _scatter(scores, exactly, group.index, len(members))
    return scores


def prediction_arrays(
    found: Sequence[Found], lanes: Lanes, count: int
) -> list[dict[str, np.ndarray[Any, Any]]]:
    """Test predictions and targets of each member as arrays, for figures made later; values in float64.

    Args:
        found: what each group predicts; a member that is in none has no arrays.
        lanes: of the pack; inputs of one number are among the arrays, so that a curve can be drawn.
        count: R.
    """
    arrays: list[dict[str, np.ndarray[Any, Any]]] = [{} for _ in range(count)]
    inputs = lanes.inputs_of("test")
    for one in found:
        group = one.group
        for place, member in enumerate(group.index.tolist()):
            for name, values in one.prediction.items():
                own = values[place] if name == "value" else values[place].float()
                arrays[member][name] = own.cpu().numpy()
            lane = int(group.lane[place])
            for kind, truth in lanes.truth["test"].items():
                arrays[member][f"target_{kind}"] = truth[lane].cpu().numpy()
            if inputs is not None:
                arrays[member]["inputs"] = inputs[lane].cpu().numpy()
    return arrays


def example_arrays(members: Sequence[Member], lanes: Lanes) -> list[dict[str, Ids]]:
    """Which test examples each member was judged on: `example_id`, and `group_id` where they come in groups.

    Returns:
        (N,) int64 each; one number is one example, or one group, in all runs of a data set.
    """
    of_lanes = lanes.lane.tolist()
    return [_numbered(member, lanes.numbers_of(lane)) for member, lane in zip(members, of_lanes, strict=True)]


def _numbered(member: Member, numbers: Mapping[str, Tensor]) -> dict[str, Ids]:
    start = member.seed << 32 if member.source.fresh_examples else 0  # seeds have 31 bits, rows fewer than 32
    return {name: (own + start).cpu().numpy() for name, own in numbers.items()}


def _scatter(table: dict[str, Tensor], values: Mapping[str, Tensor], index: Tensor, count: int) -> None:
    for name, column in values.items():
        index = index.to(column.device)
        if name not in table:
            table[name] = torch.full((count,), torch.nan, dtype=torch.float64, device=column.device)
        table[name][index] = column.to(torch.float64)
