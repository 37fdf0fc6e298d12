"""A linear model: the one that independent solvers can check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lossbench.models.model import Model
from lossbench.task import InputKind, Inputs

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Linear(Model):
    """One linear layer on a vector, a flattened image or a TF-IDF row. PyTorch's initial weights."""

    reads: ClassVar[tuple[InputKind, ...]] = ("vector", "image", "tfidf")

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        """(N, *inputs.shape) -> (N, outputs)."""
        from lossbench.models.layers import first_layer

        return first_layer(inputs, outputs)
