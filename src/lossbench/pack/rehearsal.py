"""A loss and a model meet once, on a few examples of the real data, before anything trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lossbench.data.batches import order
from lossbench.errors import InputError, first_line
from lossbench.job import Member, shipped
from lossbench.losses.contract import check_values, unlike_units
from lossbench.losses.relations import HARD, PAIR
from lossbench.losses.tried import mixing, refuse_raised
from lossbench.pack.groups import OUTPUT, read_by
from lossbench.pack.judgeable import check_metrics
from lossbench.pack.modes import probed, refused_by_vmap
from lossbench.pack.own_units import check_own_units, output_of
from lossbench.task import PROGRESS, WEIGHT, seen
from lossbench.trees import Tree, leaves, mapped, part

if TYPE_CHECKING:
    from lossbench.data.source import DataSet

_EXAMPLES = 8
_POWERS = [2**n for n in range(1, 13)]  # batch sizes that are advised
_BATCHES = 50  # that are looked at for pairs and triplets
_MOST = 0.5  # share of idle examples from which it is said


@dataclass(frozen=True)
class Rehearsal:
    """What came out."""

    obstacle: str | None = None  # why losses of this kind cannot be computed for several members at once
    remark: str | None = None  # what is worth knowing before its results are believed
    predicts: frozenset[str] | None = None  # names of what measures can read of it; None: not known


def rehearse(
    member: Member, module: nn.Module, data: DataSet, experiment: Mapping[str, Any] = MappingProxyType({})
) -> Rehearsal:
    """Let a loss see a batch.

    Raises:
        InputError: the model or the loss raises or breaks its contract, the loss does not give a metric that
            chooses, or no batch holds what it needs.
    """
    check_own_units(member)
    member.loss.check(member.target)
    places = _examples(member, data)
    outputs, batch = _met(member, module, data, places)
    remark = _remark_on_zeros(member, data) or _remark_on_batches(member, data)
    try:
        values = member.loss(outputs, batch.read, member.target)
    except Exception:  # it may need as many examples as train together
        whole = order(len(data.train), member.seed, 0)[: member.trainer.batch_size]
        outputs, batch = _met(member, module, data, whole)
        try:
            member.loss(outputs, batch.read, member.target)
        except Exception as error:
            refuse_raised(member.loss, error, member.source.name, outputs, batch.read, batch.known)
        return Rehearsal(remark=remark)
    check_values(member.loss, values, member.target, len(places), batch.weight)
    mixes = mixing(member.loss, outputs, batch.read, member.target, values, {PROGRESS, *data.shared})
    unlike = unlike_units(member.loss, member.target, data.train.targets, data.units)
    predicts, unjudged = check_metrics(member, module, data, places, experiment)
    told = "; ".join(filter(None, [remark, mixes, unlike, unjudged])) or None
    return Rehearsal(_refused(member, mapped(Tensor.detach, outputs), batch), told, predicts)


def _met(member: Member, module: nn.Module, data: DataSet, places: Tensor) -> tuple[Tree, _Batch]:
    """What a loss is called with, of the model and of the data; refused where one of them lacks it."""
    module.train()
    try:
        outputs = module(*probed(member, data, data.train.rows[places]))
    except Exception as error:
        raise InputError(
            f"model={member.model.name} cannot be computed on data={member.source.name} "
            f"({type(error).__name__}: {first_line(error).rstrip('.')}): correct the model or its sizes."
        ) from error
    read = output_of(member, data, _read(member, outputs))
    return mapped(_leaf, read), read_beside(member, data, places)


def _leaf(output: Tensor) -> Tensor:
    """With a gradient of its own; whole numbers, such as what was drawn, have none."""
    return output.detach().requires_grad_(output.is_floating_point())


@dataclass(frozen=True)
class _Batch:
    read: Tree  # by a loss of a few training examples, besides outputs
    weight: Tensor | None
    known: Mapping[str, Tensor]  # all targets and shared tensors


def _examples(member: Member, data: DataSet) -> Tensor:
    """Places of a few training examples; of classes, two of some and others.

    Their number is none of the other sizes, so that shapes are not taken for each other.
    """
    sizes = (member.outputs, member.target.size, *member.target.shape, *member.layout)
    count = next((n for n in range(_EXAMPLES, 2, -1) if n not in sizes), _EXAMPLES)
    found = data.train.targets[member.target.kind]
    places = torch.arange(len(found))
    if found.ndim == 1 and not found.is_floating_point():
        places = found.argsort(stable=True)
    return torch.cat([places[: count // 2], places[count // 2 :][-(count - count // 2) :]])


def read_beside(member: Member, data: DataSet, places: Tensor) -> _Batch:
    """Targets of some training examples as a loss sees them.

    Raises:
        InputError: the loss reads something that the data set does not give.
    """
    targets = {kind: values[places] for kind, values in data.train.targets.items()}
    known = {kind: seen(values, data.units.get(kind)) for kind, values in targets.items()}
    if member.loss.own_units:
        known |= {kind: values for kind, values in targets.items() if kind in data.units}
    known.update(data.shared)
    if PROGRESS in member.loss.also_for(member.target):
        known.setdefault(PROGRESS, torch.zeros(()))  # before the first step
    for name in set(member.loss.wants_for(member.target)) & data.of_batch.keys():
        known[name] = data.of_batch[name](data.read(part(data.inputs, data.train.rows[places])))
    if lacking := [name for name in member.loss.wants_for(member.target) if name not in known]:
        raise InputError(
            f"loss={member.loss.name} reads {' and '.join(lacking)} beside {member.target.kind}; "
            f"data={member.source.name} gives {', '.join(known)}: {member.loss.remedy}."
        )
    return _Batch(member.loss.read(member.target, known), known.get(WEIGHT), known)


def _read(member: Member, outputs: Tree) -> Tree:
    """Of what a model gives in training, what the loss reads, with a gradient of its own.

    Raises:
        InputError: the model gives something else than the loss asks for.
    """
    model, loss = f"model={member.model.name}", f"loss={member.loss.name}"
    if loss_needs := member.loss.needs_for(member.target):
        given = list(outputs) if isinstance(outputs, dict) else []
        lacking = [name for name in loss_needs if name not in given]
        if lacking:
            gives = f"gives {', '.join(given)}" if given else "gives one tensor without a name"
            others = [name for name, one in shipped("model") if set(one.gives) >= set(loss_needs)]
            fitting = f"; models that give them: {', '.join(others)}" if others else ""
            raise InputError(f"{loss} needs the outputs {', '.join(loss_needs)}; {model} {gives}{fitting}.")
        return {name: _leaf(outputs[name]) for name in loss_needs}
    if isinstance(outputs, dict) and OUTPUT in outputs:
        outputs = outputs[OUTPUT]
    if isinstance(outputs, Tensor):
        places = member.target.shape if member.model.at_places(member.reads) else ()
        row = (*places, member.outputs)
        if outputs.shape[1:] == row and outputs.is_floating_point():
            read: Tensor = read_by(member.loss, member.target, member.layout, outputs.detach())
            return read.requires_grad_()
        wanted = f"(N, {', '.join(map(str, row))})"
        got = f"{tuple(outputs.shape)} {outputs.dtype}"
    else:
        wanted = f"(N, {member.outputs})"
        names = ", ".join(outputs) if isinstance(outputs, dict) else ""
        got = f"a dict of {names}, of which none is {OUTPUT!r}" if names else type(outputs).__name__
    raise InputError(
        f"{model} must give floats {wanted}, as many as {loss} asks for; it gave {got} "
        f"({member.model.remedy})."
    )


def _refused(member: Member, outputs: Tree, batch: _Batch) -> str | None:
    """Whether and why the loss cannot be computed for several members at once; values and gradients."""
    loss, kind = member.loss, member.target
    knobs = {name: torch.tensor([value] * 2) for name, value in loss.float_knobs().items()}

    def one(output: Tree, target: Tree, own: dict[str, Tensor]) -> Tensor:
        return loss.with_floats(own)(output, target, kind).mean()

    def twice(tensor: Tensor) -> Tensor:
        return torch.stack([tensor, tensor])

    both = mapped(lambda tensor: _leaf(twice(tensor)), outputs)

    def compute() -> None:
        values = torch.vmap(one)(both, mapped(twice, batch.read), knobs)
        read = [tensor for tensor in leaves(both) if tensor.requires_grad]
        torch.autograd.grad(values.sum(), read, allow_unused=True)

    return refused_by_vmap(f"loss {loss.name}", compute)


def _remark_on_zeros(member: Member, data: DataSet) -> str | None:
    """Where a loss in the task's own units is undefined and so trains nothing.

    Raises:
        InputError: it is so everywhere.
    """
    loss = member.loss
    share = float(loss.idle(data.train.targets[member.target.kind]).double().mean()) if loss.own_units else 0
    targets = f"of the training targets of data={member.source.name}"
    where = f"{targets} are {loss.undefined}, where loss={loss.name} is undefined"
    if share == 1:
        raise InputError(f"All {where}: choose another loss.")
    return f"{share:.1%} {where}: they train nothing" if share else None


def _remark_on_batches(member: Member, data: DataSet) -> str | None:
    """How many examples find nothing to be trained with, where it is most of them.

    Raises:
        InputError: it is all of them.
    """
    loss, size = member.loss, member.trainer.batch_size
    if "embedding" not in loss.gives(member.target) and member.target.kind not in (PAIR, HARD):
        return None
    try:
        share = _idle(member, data, size)
    except Exception:  # of the loss: told of the run
        return None
    if share <= _MOST:
        return None
    enough = next(
        (n for n in _POWERS if size < n <= len(data.train) and _idle(member, data, n) <= _MOST), None
    )
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


def _idle(member: Member, data: DataSet, size: int) -> float:
    """The share of idle examples in the first batches of this size."""
    labels = data.train.targets[member.target.kind][order(len(data.train), member.seed, 0)]
    size = min(size, len(labels))
    count = min(len(labels) // size, _BATCHES)
    own = labels[: count * size].reshape(count, size, -1)  # of hard pairs the numbers of hard ones behind
    idle = member.loss.idle_pairs if member.target.kind in (PAIR, HARD) else member.loss.idle
    alone = (own[..., 1:] < 0).flatten(1).all(1, keepdim=True)  # beside a hard one nobody is
    return float((idle(own[..., 0]) & alone).double().mean())
