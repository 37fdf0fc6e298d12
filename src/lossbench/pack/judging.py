"""From outputs of all members to metrics: the judge is the same whatever the members were trained on."""

from __future__ import annotations

import functools
import logging
import traceback
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lossbench.job import Member
from lossbench.losses.cross import Meaning, judged, meaning
from lossbench.losses.heads import as_output
from lossbench.metrics.judge import CHUNK
from lossbench.metrics.measure import Measure
from lossbench.metrics.names import CONTINUATION
from lossbench.pack.evaluation import Found, of_group
from lossbench.pack.groups import Group, read_by
from lossbench.pack.lanes import Lanes
from lossbench.pack.objective import Report
from lossbench.task import NUMBERS
from lossbench.trees import Tree, leaves, mapped

if TYPE_CHECKING:
    import numpy as np

    from lossbench.data.splits import Ids

log = logging.getLogger(__name__)

_IN_UNITS = ("value", "quantiles")  # of the target, which single precision might not hold


def judge_members(
    found: Iterable[Found],
    truth: Mapping[str, Tensor],
    members: Sequence[Member],
    report: Report,
    only: str | None = None,
) -> dict[str, Tensor]:
    """The metrics of all members on a split, or on a part of it.

    A member whose metrics raise is reported; the others are judged all the same.

    Args:
        truth: its targets, (L, N, ...).
        only: a metric; measures that do not give it are left out.

    Returns:
        metric -> (R,) float64, nan where a member's loss does not define it.
    """
    measures = members[0].source.measures
    if only is not None:
        measures = tuple(one for one in measures if only in one.names)
    metrics: dict[str, Tensor] = {}
    for one in found:
        _judge(one, metrics, truth, measures, len(members), report)
    return metrics


def _judge(
    found: Found,
    table: dict[str, Tensor],
    truth: Mapping[str, Tensor],
    measures: Sequence[Measure],
    members: int,
    report: Report,
) -> None:
    """Judge a group; where that raises each member alone, so that the others have their results."""
    first = next(iter(found.group.places))
    try:
        judged = found.group.judged(found.prediction, truth, measures, found.kept)
    except Exception as error:
        if len(found.group.losses) == 1:
            report(first, error, traceback.format_exc())
            return
        for place in range(len(found.group.losses)):
            _judge(found.of(place), table, truth, measures, members, report)
    else:
        _scatter(table, judged, found.group.index, members)


def cross_losses(groups: Sequence[Group], members: Sequence[Member], outputs: Tree) -> dict[str, Tensor]:
    """The test outputs of each member scored by every shipped loss that can be evaluated on them.

    Of outputs (R, N, ...) by name, it is the one that losses read that ask for no names, or the embedding.

    Returns:
        loss -> (R,) float64 on the device for that, nan where it cannot be evaluated. Losses of values are
        in the units in which they train, shifted and scaled.
    """
    scores: dict[str, Tensor] = {}
    at_once = max(1, CHUNK // max(leaf[0].numel() for leaf in leaves(outputs)))
    for group in (part for whole in groups for part in whole.cut(at_once)):
        own = mapped(lambda tensor, group=group: tensor.to(group.lanes.device), of_group(outputs, group))
        read = read_by(group.losses[0], group.target, group.layout, own)
        means: Meaning = meaning(group.losses[0], group.target)
        if read is None and "embedding" in own:
            read, means = own["embedding"], "embedding"
        if not isinstance(read, Tensor) or group.losses[0].wants_for(group.target):
            continue  # no other loss reads what this one does
        target, weight = group.of_split("test")
        target = target[group.target.kind] if isinstance(target, dict) else target
        try:
            if means == "value" and group.target.kind in NUMBERS:
                value = group.said(own).get("value")  # which others compare, whatever the outputs mean
                if value is None:
                    continue
                read = as_output(value, group.target)
            judged_by_losses = judged(read, target, group.target, means, weight)
        except Exception as error:  # no reason to lose what was measured otherwise
            log.warning("loss %s is not scored by other losses (%s)", group.losses[0].name, error)
            continue
        exactly = {name: values.to(group.lanes.exact) for name, values in judged_by_losses.items()}
        _scatter(scores, exactly, group.index, len(members))
    return scores


def prediction_arrays(
    found: Sequence[Found], members: Sequence[Member], lanes: Lanes
) -> list[dict[str, np.ndarray[Any, Any]]]:
    """Test predictions and targets of each member as arrays, for figures made later; values in float64.

    A member of which nothing is found has none but `example_arrays`; inputs of one number are among them, so
    that a curve can be drawn. What members of a lane have in common is one array, and so travels once.
    """
    arrays: list[dict[str, np.ndarray[Any, Any]]] = [{} for _ in members]
    inputs = lanes.inputs_of("test")

    @functools.cache
    def given(lane: int) -> dict[str, np.ndarray[Any, Any]]:
        known = {f"target_{kind}": truth[lane] for kind, truth in lanes.truth["test"].items()}
        known |= {} if inputs is None else {"inputs": inputs[lane]}
        return {name: tensor.cpu().numpy() for name, tensor in known.items()}

    for one in found:
        group = one.group
        for member, (place, lane) in group.places.items():
            for name, values in one.prediction.items():
                if name == CONTINUATION:  # of prompts, not of each example
                    continue
                exact = name in _IN_UNITS or values.dtype == torch.uint8  # or pixels, in bytes
                own = values[place] if exact else values[place].float()
                arrays[member][name] = own.cpu().numpy()
            arrays[member] |= given(lane)
    return [own | ids for own, ids in zip(arrays, example_arrays(members, lanes), strict=True)]


def example_arrays(members: Sequence[Member], lanes: Lanes) -> list[dict[str, Ids]]:
    """Which test examples each member was judged on: `example_id`, and `group_id` where they come in groups.

    Returns:
        (N,) int64 each; one number is one example, or one group, in all runs of a data set.
    """

    @functools.cache
    def numbered(lane: int, start: int) -> dict[str, Ids]:
        return {name: (own + start).cpu().numpy() for name, own in lanes.numbers_of(lane).items()}

    # Seeds have 31 bits, rows under 32.
    starts = [member.seed << 32 if member.source.fresh_examples else 0 for member in members]
    return [numbered(*own) for own in zip(lanes.lane.tolist(), starts, strict=True)]


def _scatter(table: dict[str, Tensor], values: Mapping[str, Tensor], index: Tensor, count: int) -> None:
    for name, column in values.items():
        index = index.to(column.device)
        if name not in table:
            table[name] = torch.full((count,), torch.nan, dtype=torch.float64, device=column.device)
        table[name][index] = column.to(torch.float64)
