"""Layers that are trained on embeddings, which are what is judged: of classes, and of pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
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


class Both(nn.Module):
    """One encoder for two inputs of one kind: {"left", "right"} -> the same names, (N, E) each.

    In training also `other` (N, K, E), of hard ones (N, K, ...), where the data has them.

    Args:
        encoder: (N, ...) -> (N, E).
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, read: dict[str, Tensor]) -> dict[str, Tensor]:
        left, right = read["left"], read["right"]
        if self.training and "other" in read:
            hard = read["other"]
            one, other, more = self.encoder(torch.cat([left, right, hard.flatten(0, 1)])).split(
                [len(left), len(right), hard.shape[0] * hard.shape[1]]
            )
            return {"left": one, "right": other, "other": more.unflatten(0, tuple(hard.shape[:2]))}
        if left.shape != right.shape:
            return {"left": self.encoder(left), "right": self.encoder(right)}
        one, other = self.encoder(torch.cat([left, right])).chunk(2)  # once, with dropout of its own for each
        return {"left": one, "right": other}


class Compared(nn.Module):
    """`output` (N, outputs): a linear layer on both embeddings of a pair and on how far they lie apart.

    Args:
        net: gives `left` and `right`, (N, E) each; build it first, so that seeds agree.
        head: (N, 3 E) -> (N, outputs).

    Source:
        Reimers, Gurevych, "Sentence-BERT" (EMNLP 2019), section 3: (u, v, |u - v|).
    """

    def __init__(self, net: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.head = head

    def forward(self, *read: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = self.net(*read)
        left, right = found["left"], found["right"]
        return {**found, "output": self.head(torch.cat([left, right, (left - right).abs()], -1))}


class Matched(nn.Module):
    """In training `match` (N, N), too: what a layer as that of `Compared` says of each left with each right.

    Where there are hard ones it is (N, N + N K), with those of all rows, too.

    Args:
        net: gives `left` and `right`, (N, E) each; build it first, so that seeds agree.
        size: E.
    """

    def __init__(self, net: nn.Module, size: int) -> None:
        super().__init__()
        self.net = net
        self.one, self.other = nn.Linear(size, 1), nn.Linear(size, 1, bias=False)
        self.apart = nn.Linear(size, 1, bias=False)

    def forward(self, *read: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = self.net(*read)
        if not self.training:
            return found
        left, right = found["left"], found["right"]
        if "other" in found:
            right = torch.cat([right, found["other"].flatten(0, 1)])
        apart = self.apart((left.unsqueeze(1) - right.unsqueeze(0)).abs()).squeeze(-1)
        return {**found, "match": self.one(left) + self.other(right).T + apart}
