"""What each loss says of outputs that another loss trained, where both read them the same way."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from typing import TYPE_CHECKING, Literal

import lossbench.losses
from lossbench.losses.loss import Loss
from lossbench.losses.reduction import weighted_mean
from lossbench.seeds import torch_generator
from lossbench.spare import spare, with_spare
from lossbench.task import WEIGHT, Target
from lossbench.trees import mapped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

Meaning = Literal["value", "scores", "embedding"]


@cache
def shipped() -> tuple[Loss, ...]:
    """The losses of this package with their default knobs: each module `<name>.py` that holds one."""
    found = []
    for module in pkgutil.iter_modules(lossbench.losses.__path__):
        members = vars(importlib.import_module(f"lossbench.losses.{module.name}")).values()
        for member in members:
            loss = inspect.isclass(member) and issubclass(member, Loss) and not inspect.isabstract(member)
            if loss and getattr(member, "name", None) == module.name:
                found.append(member())
    return tuple(found)


def meaning(loss: Loss, kind: Target) -> Meaning:
    """What the outputs of a model trained with `loss` are; read from what the loss predicts from them."""
    prediction = loss.gives(kind)
    known: tuple[Meaning, ...] = ("embedding", "scores")
    return next((name for name in known if name in prediction), "value")


def evaluable(kind: Target, size: int, means: Meaning) -> tuple[Loss, ...]:
    """The shipped losses that can be evaluated on given outputs.

    Those that train on this kind of target, read as many outputs, and mean the same by them: the scores of
    a classification head can be judged by mse and by hinge, a value by mae and by huber.

    Args:
        kind: the target that the trained loss used.
        size: how many outputs there are per example.
        means: what they are, as `meaning` says of the trained loss; "embedding" for the embedding in front
            of a classification head. Scores of identities are judged by none: they are the training
            people, and a test may hold others.
    """
    if kind.kind == "identity" and means != "embedding":
        return ()
    return tuple(
        loss
        for loss in shipped()
        if loss.chosen_target([kind]) is not None
        and not loss.wants_for(kind)
        and not loss.needs_for(kind)
        and not loss.own_units  # which reads no outputs as others do
        and loss.outputs(kind, size) == size
        and meaning(loss, kind) == means
    )


def judged(
    output: Tensor, target: Tensor, kind: Target, means: Meaning, weight: Tensor | None = None
) -> dict[str, Tensor]:
    """The mean of each loss that can be evaluated on these outputs, for all members at once.

    A loss on pairs or triplets sees blocks of 128 examples, as in training; the blocks are drawn once for
    all members, so that sorted examples mix.

    Args:
        output: (R, N, *places, K), R members.
        target: (R, N, ...); those with units shifted and scaled, as in training.
        kind, means: as for `evaluable`.
        weight: (R, N) or with places, where the data gives weights.

    Returns:
        name of the loss -> (R,).
    """
    import torch

    members, count = output.shape[:2]
    beside = {kind.kind: target} if weight is None else {kind.kind: target, WEIGHT: weight}
    order: Tensor = torch.randperm(count, generator=torch_generator(0, "cross")).to(output.device)
    blocks = [
        (rows, mapped(lambda own, at=rows: with_spare(own[:, at], spare(len(at))), (output, beside)))
        for rows in torch.split(order, 128 if means == "embedding" else 4096)
    ]
    result = {}
    with torch.no_grad():
        for loss in evaluable(kind, output.shape[-1], means):
            total = output.new_zeros(members)
            counted: Tensor | int = 0
            for rows, read in blocks:
                values = _values(loss, kind, *read)[:members]
                if weight is None:
                    total, counted = total + values.flatten(1).sum(-1), counted + values[0].numel()
                else:
                    own = weight[:, rows]
                    share = own.flatten(1).sum(-1)
                    total = total + torch.vmap(weighted_mean)(values, own) * share
                    counted = counted + share
            result[loss.name] = total / counted
    return result


def _values(loss: Loss, kind: Target, output: Tensor, known: Mapping[str, Tensor]) -> Tensor:
    """Of outputs (R, N, ...) the values of a loss, which may read weights beside its target."""
    import torch

    def one(own: Tensor, beside: Mapping[str, Tensor]) -> Tensor:
        return loss(own, loss.read(kind, beside), kind)

    return torch.vmap(one)(output, known)
