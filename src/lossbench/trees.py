"""What a model reads and gives: one tensor, several by name, or a tuple of such."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Tree = Any  # a Tensor, or a dict or a tuple of trees


def mapped(function: Callable[..., Any], *trees: Tree) -> Tree:
    """`function` of the tensors at each name of trees of one structure."""
    if isinstance(trees[0], tuple):
        return tuple(mapped(function, *parts) for parts in zip(*trees, strict=True))
    if isinstance(trees[0], Mapping):
        return {name: mapped(function, *(tree[name] for tree in trees)) for name in trees[0]}
    return function(*trees)


def leaves(tree: Tree) -> list[Tensor]:
    """The tensors of a tree, in order."""
    if isinstance(tree, (Mapping, tuple)):
        parts = tree.values() if isinstance(tree, Mapping) else tree
        return [leaf for each in parts for leaf in leaves(each)]
    return [tree]


def part(tree: Tree, index: Any) -> Tree:
    """Of each tensor, what stands at an index of its first dimension."""
    return mapped(lambda tensor: tensor[index], tree)


def length(tree: Tree) -> int:
    """How many examples a tree of tensors (N, ...) holds."""
    return len(leaves(tree)[0])


def numbers_in(tree: Tree) -> int:
    """How many numbers an example has, of a tree of tensors (N, ...)."""
    return sum(leaf[0].numel() for leaf in leaves(tree))
