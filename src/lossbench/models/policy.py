"""A policy that says sequences symbol by symbol, and begins as the reference of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from lossbench.config.choice import knob
from lossbench.errors import InputError
from lossbench.models.model import Model
from lossbench.task import InputKind, Inputs, Noise

if TYPE_CHECKING:
    from torch import nn

DRAWN = ("sequence", "log_probability", "log_reference")
LATE = ("log_when_drawn",)
PAIRED = ("first", "second", "first_reference", "second_reference")
WHOLE = ("policy",)


@dataclass(frozen=True, kw_only=True)
class Policy(Model):
    """A GRU whose state gives logits that are added to those of the reference, at first 0.

    hidden: numbers of the state.

    In training it gives what the loss asks for (`Loss.asks`), (N,) each but for the last. Of a sequence that
    it draws for each example, with the seed's own random numbers: `sequence`, its place among all,
    `log_probability` and `log_reference`; where it draws as it was some updates ago, `log_when_drawn`. Of the
    pair of sequences that it reads: log probabilities `first` and `second`, by the reference
    `first_reference` and `second_reference`. And `policy` (1, S), those of all sequences. In evaluation it
    gives `policy` (N, S).
    """

    reads: ClassVar[tuple[InputKind, ...]] = ("preference",)
    gives: ClassVar[tuple[str, ...]] = (*DRAWN, *LATE, *PAIRED, *WHOLE)
    remedy: ClassVar[str] = "it trains with loss=policy_gradient or dpo, on data=preferences"
    hidden: int = knob(32, at_least=1)
    asks: tuple[str, ...] = field(init=False, default=())
    reuse: int = field(init=False, default=1)

    def asked(self, asks: Mapping[str, Any]) -> Model:
        """One that gives these outputs."""
        return self.altered(asks=tuple(asks.get("outputs", ())), reuse=asks.get("reuse", 1))

    def noise(self, inputs: Inputs) -> dict[str, Noise]:
        """A uniform number for each symbol of a sequence that is drawn."""
        if not set(self.asks) & set(DRAWN):
            return {}
        return {"draw": Noise(inputs.parts["first"].shape, "uniform", evaluated=())}

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        """{"first", "second": (N, length) int64} -> what is told above.

        Raises:
            InputError: the data names no reference.
        """
        import torch

        from lossbench.models.saying import SaidAsBefore, SaidInSymbols

        if not inputs.reference:
            raise InputError(
                f"model={self.name} begins as a reference, of which the data says nothing: let it give "
                "Inputs.reference, as data=preferences does."
            )
        steps = torch.tensor(inputs.reference, dtype=torch.float64).float()
        module = SaidInSymbols(steps, inputs.parts["first"].shape[0], self.hidden, frozenset(self.asks))
        return module if self.reuse == 1 else SaidAsBefore(module, self.reuse)
