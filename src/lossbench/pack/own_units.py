"""What a loss in the task's own units is called with, where others see them shifted and scaled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lossbench.errors import InputError
from lossbench.losses.reduction import weighted_means
from lossbench.task import Target, Units
from lossbench.trees import Tree, mapped

if TYPE_CHECKING:
    from lossbench.data.source import DataSet
    from lossbench.job import Member
    from lossbench.losses.loss import Loss
    from lossbench.losses.reduction import Means


def exactly(kind: str) -> str:
    """The name under which the targets of a kind lie that are neither shifted nor rounded."""
    return f"{kind}, exactly"


def as_read(loss: Loss, known: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Targets as a loss reads them: for one in own units those that lie there exactly, too."""
    if not loss.own_units:
        return known
    return {kind: known.get(exactly(kind), values) for kind, values in known.items()}


def in_own_units(output: Tensor, size: int, units: Units | None) -> Tensor:
    """Outputs (..., N, *places, size) of values in the task's own units, float64 where these are.

    Args:
        units: tensors that broadcast with targets (..., N, *places), or (..., N, *places, size) of a size
            above 1; None: there are none.
    """
    if units is None:
        return output
    shift, scale = torch.as_tensor(units.shift), torch.as_tensor(units.scale)
    if size == 1:
        shift, scale = shift.unsqueeze(-1), scale.unsqueeze(-1)
    return Units(shift, scale, units.log).own(output)


def means_in_own_units(
    loss: Loss, kind: Target, output: Tree, target: Tree, weight: Tensor | None, units: Units | None
) -> Means:
    """The mean of a loss that compares in own units, and of its parts, in the type of the outputs.

    Args:
        units: as above, for the outputs.
    """
    assert isinstance(output, Tensor), "check_own_units refuses others"
    found = loss.parted(in_own_units(output, kind.size, units), target, kind)
    means: Means = mapped(lambda own: own.to(output.dtype), weighted_means(found, weight))
    return means


def output_of(member: Member, data: DataSet, output: Tree) -> Tree:
    """What the member's loss reads of its module's outputs on some examples of a data set."""
    units = data.units.get(member.target.kind)
    if not member.loss.own_units or not isinstance(output, Tensor) or units is None:
        return output
    target = data.train.targets[member.target.kind]
    rows = [
        torch.as_tensor(part, dtype=torch.float64).expand(1, *target.shape[1:])
        for part in (units.shift, units.scale)
    ]
    return in_own_units(output, member.target.size, Units(rows[0], rows[1], units.log))


def check_own_units(member: Member) -> None:
    """Check that the outputs of a loss in own units are values.

    Raises:
        InputError: they are not.
    """
    loss, target = member.loss, member.target
    if loss.own_units and (loss.needs_for(target) or loss.outputs(target, 1) != target.size):
        raise InputError(
            f"loss={loss.name} says own_units, so its outputs must be one for each number of a value, not "
            "by name (needs): leave own_units out (see lossbench.losses.loss)."
        )
