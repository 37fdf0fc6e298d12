"""A classification head on an embedding: the head is trained, the embedding in front of it is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


class Headed(nn.Module):
    """In training `head(net(x))`; in evaluation {"embedding": net(x)}, what the head reads.

    Args:
        net: (N, ...) -> (N, E), the model that is judged; build it first, so that seeds agree.
        head: (N, E) -> (N, outputs), such as `nn.Linear(embedding_size, classes)`.
    """

    def __init__(self, net: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.head = head

    def forward(self, *read: Tensor) -> Tensor | dict[str, Tensor]:
        features: Tensor = self.net(*read)
        if not self.training:
            return {"embedding": features}
        outputs: Tensor = self.head(features)
        return outputs
