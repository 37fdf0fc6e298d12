"""From outputs of all members to metrics: the judge is the same whatever the members were trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lossbench.config import Member
from lossbench.data.module import Split
from lossbench.losses.cross import judged, meaning
from lossbench.metrics.class_means import nearest_mean_scores
from lossbench.metrics.judge import judge
from lossbench.pack.exact import exact_device
from lossbench.pack.groups import Group
from lossbench.pack.halves import HALVES
from lossbench.task import Prediction

if TYPE_CHECKING:
    import numpy as np

    from lossbench.data.source import DataSet, Examples
    from lossbench.data.splits import Ids

# The outputs of all members on the whole training split: (R, N, K).
TrainOutputs = Callable[[], Tensor]


def group_prediction(group: Group, outputs: Tensor, train: TrainOutputs, member: Member) -> Prediction:
    """What a group predicts, in the task's own space.

    Args:
        outputs: (G, N, K) of the split in question, of the group's members, where `group.truth` is.
        train: gives the outputs of ALL members on the training split; asked for only where class scores
            come from the class means of the training embeddings.
        member: any of the group.
    """
    if member.headed:
        return Prediction(embedding=outputs)
    prediction = group.predict(outputs)
    if prediction.embedding is not None and "classes" in member.source.judged_by:
        embeddings = train()
        known = group.predict(embeddings[group.index.to(embeddings.device)]).embedding
        assert known is not None
        labels = group.truth["train"]["identity"]
        scores = nearest_mean_scores(known, labels, prediction.embedding, member.target.classes)
        return replace(prediction, scores=scores)
    return prediction


def judge_members(
    groups: Sequence[Group],
    members: Sequence[Member],
    split: Split,
    outputs: Tensor,
    train: TrainOutputs,
) -> tuple[dict[str, Tensor], dict[int, Prediction]]:
    """The metrics of all members on a split.

    Args:
        groups, members: all of the pack.
        split: whose outputs these are.
        outputs: (R, N, K), on the device that has double precision; so are those that `train` gives.
        train: as in `group_prediction`.

    Returns:
        metric -> (R,) float64, nan where a member's loss does not define it; and the prediction of each
        group by its position.
    """
    metrics: dict[str, Tensor] = {}
    found: dict[int, Prediction] = {}
    for number, group in enumerate(groups):
        member = members[int(group.index[0])]
        index = group.index.to(outputs.device)
        found[number] = group_prediction(group, outputs[index], train, member)
        judged = judge(found[number], group.truth[split], member.source.judged_by)
        _scatter(metrics, judged, index, len(members))
    return metrics, found


def judge_halves(
    groups: Sequence[Group], members: Sequence[Member], found: Mapping[int, Prediction]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The metrics of all members on either half of the validation split, as `judge_members` gives them.

    Args:
        groups, members: all of the pack.
        found: the prediction of each group, of `judge_members`.
    """
    halves: tuple[dict[str, Tensor], dict[str, Tensor]] = ({}, {})
    for number, group in enumerate(groups):
        source = members[int(group.index[0])].source
        for table, half in zip(halves, HALVES, strict=True):
            truth = {kind: values[:, half].contiguous() for kind, values in group.truth["val"].items()}
            judged = judge(_of(found[number], half), truth, source.judged_by)
            _scatter(table, judged, group.index.to(exact_device(group.index.device)), len(members))
    return halves


def _of(prediction: Prediction, part: slice) -> Prediction:
    """The prediction of some of the examples; laid out anew, for sums to round alike in any company."""
    fields = {name: getattr(prediction, name) for name in ("value", "scores", "probabilities", "embedding")}
    return Prediction(
        **{name: None if all_ is None else all_[:, part].contiguous() for name, all_ in fields.items()}
    )


def cross_losses(groups: Sequence[Group], members: Sequence[Member], outputs: Tensor) -> dict[str, Tensor]:
    """The test outputs of each member scored by every shipped loss that can be evaluated on them.

    Args:
        outputs: (R, N, K) on the test split, where the members train; the embedding where there is a head
            in front.

    Returns:
        loss -> (R,) float64 on the device for that, nan where it cannot be evaluated. Losses of values are
        in the units in which they train, shifted and scaled.
    """
    scores: dict[str, Tensor] = {}
    exact = exact_device(outputs.device)
    for group in groups:
        headed = members[int(group.index[0])].headed
        means = "embedding" if headed else meaning(group.losses[0], group.target)
        judged_by_losses = judged(outputs[group.index], group.targets["test"], group.target, means)
        exactly = {name: values.to(exact) for name, values in judged_by_losses.items()}
        _scatter(scores, exactly, group.index.to(exact), len(members))
    return scores


def prediction_arrays(
    groups: Sequence[Group], found: Mapping[int, Prediction], count: int, inputs: Tensor | None
) -> list[dict[str, np.ndarray[Any, Any]]]:
    """Test predictions and targets of each member as arrays, for figures made later; values in float64.

    Args:
        count: R.
        inputs: (R, N, 1) where they are one number each, so that a curve can be drawn.
    """
    arrays: list[dict[str, np.ndarray[Any, Any]]] = [{} for _ in range(count)]
    for number, group in enumerate(groups):
        prediction = found[number]
        for place, member in enumerate(group.index.tolist()):
            for name in ("value", "scores", "probabilities", "embedding"):
                values: Tensor | None = getattr(prediction, name)
                if values is not None:
                    own = values[place] if name == "value" else values[place].float()
                    arrays[member][name] = own.cpu().numpy()
            for kind, truth in group.truth["test"].items():
                arrays[member][f"target_{kind}"] = truth[place].cpu().numpy()
            if inputs is not None:
                arrays[member]["inputs"] = inputs[member].cpu().numpy()
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
    start = member.seed << 32 if member.source.fresh else 0  # a seed has 31 bits, and a row fewer than 32
    found = {"example_id": examples.rows if examples.ids is None else examples.ids}
    if examples.groups is not None:
        found["group_id"] = examples.groups
    return {name: (numbers + start).cpu().numpy() for name, numbers in found.items()}


def _scatter(table: dict[str, Tensor], values: Mapping[str, Tensor], index: Tensor, count: int) -> None:
    for name, column in values.items():
        if name not in table:
            table[name] = torch.full((count,), torch.nan, dtype=torch.float64, device=column.device)
        table[name][index] = column.to(torch.float64)
