"""A linear forecast of what comes on top of the last value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lossbench.errors import InputError
from lossbench.models.model import Model
from lossbench.task import InputKind, Inputs

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class NLinear(Model):
    """NLinear (Zeng, Chen, Zhang, Xu, AAAI 2023): one linear layer on a window less its last value of the
    target, which is added to what it gives. A window without a change is predicted to go on as it is.

    Further columns, and the calendar, are read as they are. PyTorch's initial weights.
    """

    reads: ClassVar[tuple[InputKind, ...]] = ("series",)

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        """(N, steps, columns) -> (N, outputs), in the units in which a loss sees the target.

        Raises:
            InputError: the series does not say where the target's own past stands, or the loss asks for
                something else than values of it.
        """
        from lossbench.models.last_value import OnLastValue

        past = inputs.past
        if past is None:
            raise InputError(
                f"model={self.name} adds the last value of the target, and the inputs do not say where that "
                "stands: let the data set give it as Inputs.past, or choose model=rnn."
            )
        numbers = past.steps * len(past.scale)
        if outputs % numbers:
            raise InputError(
                f"model={self.name} predicts {numbers} numbers, or several of each, and the loss asks for "
                f"{outputs} outputs: choose model=rnn."
            )
        return OnLastValue(inputs.shape, past, outputs)
