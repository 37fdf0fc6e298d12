"""A loss and a model meet once, on a few examples of the real data, before anything trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lossbench.data.batches import order
from lossbench.errors import InputError
from lossbench.job import Member
from lossbench.losses.contract import check_prediction, check_values
from lossbench.losses.cross import shipped
from lossbench.metrics.families import needed
from lossbench.metrics.judge import judge
from lossbench.pack.draws import drawn_outside_torch
from lossbench.task import Prediction, Units

if TYPE_CHECKING:
    from lossbench.data.source import DataSet
    from lossbench.losses.loss import Loss
    from lossbench.task import TargetKind

_EXAMPLES = 8
_BATCHES = 50  # that are looked at for pairs and triplets
_MOST = 0.5  # share of idle examples from which it is said


@dataclass(frozen=True)
class Rehearsal:
    """What came out.

    obstacle: why losses of this kind cannot be computed for several members at once, in words; or None.
    remark: what is worth knowing before its results are believed; or None.
    """

    obstacle: str | None = None
    remark: str | None = None


def rehearse(
    member: Member, module: nn.Module, data: DataSet, experiment: Mapping[str, Any] = MappingProxyType({})
) -> Rehearsal:
    """Let a loss see a batch.

    A loss that raises is left to its run, whose record holds the traceback.

    Args:
        module: freshly made for such a member.
        experiment: whose `select` chooses learning rates and whose `judge` judges, where it names them.

    Raises:
        InputError: the model raises, it or the loss breaks its contract, the loss does not give a metric that
            chooses, or no batch holds what it needs.
    """
    rows, targets = _examples(member, data)
    module.train()
    try:
        outputs = module(data.inputs[rows])
    except Exception as error:
        why = " ".join((str(error).splitlines() or [""])[0].split()).rstrip(".")
        raise InputError(
            f"model={member.model.name} cannot be computed on data={member.source.name} "
            f"({type(error).__name__}: {why}): correct the model or its sizes."
        ) from error
    _check_outputs(member, outputs)
    outputs = outputs.detach().requires_grad_()
    remark = _remark_on_batches(member, data)
    try:
        values = member.loss(outputs, targets[member.target.kind], member.target)
    except Exception:
        return Rehearsal(remark=remark)
    check_values(member.loss, values, outputs)
    unjudged = _check_metrics(member, outputs.detach(), targets, experiment)
    told = "; ".join(filter(None, [remark, unjudged])) or None
    return Rehearsal(_refused_by_vmap(member, outputs.detach(), targets[member.target.kind]), told)


def _examples(member: Member, data: DataSet) -> tuple[Tensor, dict[TargetKind, Tensor]]:
    """Rows and targets of a few training examples, as the loss sees them; of classes, two of some and others.

    Their number is none of the other sizes, so that shapes are not taken for each other.
    """
    count = next(n for n in range(_EXAMPLES, 0, -1) if n not in (member.outputs, member.target.size))
    found = data.train.targets[member.target.kind]
    places = torch.arange(len(found))
    if found.ndim == 1 and not found.is_floating_point():
        places = found.argsort(stable=True)
    places = torch.cat([places[: count // 2], places[count // 2 :][-(count - count // 2) :]])
    targets = {kind: values[places] for kind, values in data.train.targets.items()}
    if member.target.kind == "continuous":
        units = data.units.get("continuous", Units())
        targets["continuous"] = ((targets["continuous"].double() - units.shift) / units.scale).float()
    return data.train.rows[places], targets


def _check_outputs(member: Member, outputs: object) -> None:
    if isinstance(outputs, Tensor):
        if outputs.ndim == 2 and outputs.shape[1] == member.outputs and outputs.is_floating_point():
            return
        got = f"{tuple(outputs.shape)} {outputs.dtype}"
    else:
        got = type(outputs).__name__
    raise InputError(
        f"model={member.model.name} must give floats (N, {member.outputs}), as many as "
        f"loss={member.loss.name} asks for; it gave {got} ({member.model.remedy})."
    )


def _check_metrics(
    member: Member, outputs: Tensor, targets: dict[TargetKind, Tensor], experiment: Mapping[str, Any]
) -> str | None:
    """The metrics that choose epochs and learning rates must be among those that the loss defines.

    Returns:
        what to say where it does not define the one that judges: claims may be about other losses.
    """
    try:
        given = _metrics(member, member.loss, outputs, targets)
    except InputError:
        raise
    except Exception:  # of a metric: told of the run
        return None
    select, loss, data = member.source.select, f"loss={member.loss.name}", f"data={member.source.name}"
    gives = ", ".join(given) or "no metric"
    if select not in given:
        fitting = ", ".join(_giving(select, member, targets)) or "none that ships"
        raise InputError(
            f"{loss} gives no {select}, by which {data} chooses epochs and learning rates; it gives {gives}. "
            f"Losses that give {select}: {fitting}; or let the data's `select` name what all of them give."
        )
    chooses, judges = experiment.get("select"), experiment.get("judge")
    # A metric that no loss has on this data is meant for another data set of the sweep.
    if chooses and chooses not in given and (others := _giving(chooses, member, targets)):
        raise InputError(
            f"{loss} gives no {chooses}, by which experiment.select chooses learning rates; on {data} it "
            f"gives {gives}. Losses that give {chooses}: {', '.join(others)}; or let experiment.select name "
            "what all of them give."
        )
    if judges and judges not in given and _giving(judges, member, targets):
        return f"{loss} gives no {judges}, by which experiment.judge judges: it will have no result there"
    return None


def _giving(metric: str, member: Member, targets: dict[TargetKind, Tensor]) -> list[str]:
    """The shipped losses that give a metric on this data."""
    return [loss.name for loss in shipped() if metric in _metrics_of(member, loss, targets)]


def _metrics_of(member: Member, loss: Loss, targets: dict[TargetKind, Tensor]) -> list[str]:
    """The metrics of another loss in this one's place; none where it does not fit."""
    target = loss.chosen_target(member.source.targets())
    if target is None:
        return []
    other = replace(member, loss=loss, target=target)
    return _metrics(other, loss, torch.zeros(len(targets[target.kind]), other.outputs), targets)


def _metrics(member: Member, loss: Loss, outputs: Tensor, targets: dict[TargetKind, Tensor]) -> list[str]:
    stacked = outputs.unsqueeze(0)
    prediction = loss.predict(stacked, member.target)
    check_prediction(loss, prediction, stacked, member.target)
    if member.headed:
        prediction = Prediction(embedding=stacked)
    elif "embedding" in prediction and "scores" in needed(member.source.measures):
        # As `pack.judging` does: the nearest class mean.
        scores = stacked.new_zeros(1, len(outputs), member.target.size)
        prediction = Prediction(**{**prediction, "scores": scores})
    truth = {kind: values.unsqueeze(0) for kind, values in targets.items()}
    return sorted(judge(prediction, truth, member.source.measures))


def _refused_by_vmap(member: Member, outputs: Tensor, targets: Tensor) -> str | None:
    """Whether and why the loss cannot be computed for several members at once; values and gradients."""
    loss, kind = member.loss, member.target
    knobs = {name: torch.tensor([value] * 2) for name, value in loss.float_knobs().items()}

    def one(output: Tensor, target: Tensor, own: dict[str, Tensor]) -> Tensor:
        return replace(loss, **own)(output, target, kind).mean()  # type: ignore[arg-type]

    both = torch.stack([outputs, outputs]).requires_grad_()
    before = drawn_outside_torch()
    try:
        values = torch.vmap(one)(both, torch.stack([targets, targets]), knobs)
        torch.autograd.grad(values.sum(), both)
    except Exception as error:
        reason = " ".join((str(error).splitlines() or [""])[0].split())
        if "randomness" in reason:  # vmap's word for it
            return f"loss {loss.name} draws random numbers, for each member its own in turns"
        return f"torch.func.vmap refuses loss {loss.name} ({type(error).__name__}: {reason:.120})"
    if drawn_outside_torch() != before:
        return f"loss {loss.name} draws random numbers, for each member its own in turns"
    return None


def _remark_on_batches(member: Member, data: DataSet) -> str | None:
    """How many examples find nothing to be trained with, where it is most of them.

    Raises:
        InputError: it is all of them.
    """
    loss, size = member.loss, member.trainer.batch_size
    if not loss.embeds:
        return None
    try:
        share = _idle(member, data, size)
    except Exception:  # of the loss: told of the run
        return None
    if share <= _MOST:
        return None
    enough = next((n for n in _larger(size, len(data.train)) if _idle(member, data, n) <= _MOST), None)
    remedy = f"trainer.batch_size={enough} or more" if enough else "a data set with more examples of each"
    finds = getattr(loss, "partners", "no partner that gives it a gradient")
    if share == 1:
        raise InputError(
            f"loss={loss.name} trains nothing in batches of {size}: there an example of "
            f"data={member.source.name} finds {finds}; use {remedy}."
        )
    return (
        f"loss={loss.name}: in batches of {size}, {share:.0%} of the examples find {finds} and train "
        f"nothing; use {remedy}"
    )


def _larger(size: int, examples: int) -> list[int]:
    powers = [2**n for n in range(1, 13)]
    return [power for power in powers if size < power <= examples]


def _idle(member: Member, data: DataSet, size: int) -> float:
    """The share of idle examples in the first batches of this size."""
    labels = data.train.targets[member.target.kind][order(len(data.train), member.seed, 0)]
    size = min(size, len(labels))
    count = min(len(labels) // size, _BATCHES)
    return float(member.loss.idle(labels[: count * size].view(count, size)).double().mean())
