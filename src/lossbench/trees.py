"""What a model reads and gives: one tensor, or several by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Tree = Any  # a Tensor, or a dict of trees by name


def mapped(function: Callable[..., Any], *trees: Tree) -> Tree:
    """`function` of the tensors at each name of trees of one structure."""
    if isinstance(trees[0], Mapping):
        return {name: mapped(function, *(tree[name] for tree in trees)) for name in trees[0]}
    return function(*trees)


def leaves(tree: Tree) -> list[Tensor]:
    """The tensors of a tree, in order."""
    if isinstance(tree, Mapping):
        return [leaf for part in tree.values() for leaf in leaves(part)]
    return [tree]


def length(tree: Tree) -> int:
    """How many examples a tree of tensors (N, ...) holds."""
    return len(leaves(tree)[0])
