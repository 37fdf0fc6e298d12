"""What a loss does on a few examples before it trains: why it raised there, and whether it mixes them."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from lossbench.errors import InputError, first_line
from lossbench.losses.contract import BROADCAST
from lossbench.task import WEIGHT, Target
from lossbench.trees import Tree

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Loss


def refuse_raised(
    loss: Loss, error: Exception, data: str, output: Tree, read: Tree, known: Mapping[str, Tensor]
) -> NoReturn:
    """Refuse a loss that raised: where, on what, and what else the data has.

    Args:
        data: the name of the source.
        output, read: what it was called with.
        known: what the data has, by name.
    """
    called = traceback.extract_tb(error.__traceback__)[1:]  # the first is where it was called from
    own = [frame for frame in called if "site-packages" not in frame.filename]
    place = f", {Path(own[-1].filename).name} line {own[-1].lineno}" if own else ""
    why = first_line(error).rstrip(".")
    further = [name for name in known if name != WEIGHT and not (isinstance(read, Mapping) and name in read)]
    if not isinstance(read, Mapping):
        further = further if len(further) > 1 else []  # of one alone, it is what was read
    more = f"; the data has {', '.join(further)}, which a loss reads by name where its `also` says so"
    raise InputError(
        f"loss={loss.name} cannot be computed on data={data} ({type(error).__name__}: {why:.150}{place}): "
        f"output {_given(output)}, target {_given(read)}{more if further else ''} "
        "(see lossbench.losses.loss)."
    ) from error


def _given(tree: Tree) -> str:
    """`is (8, 1)`, or `holds continuous (8), lower (8)`."""
    if isinstance(tree, Mapping):
        return "holds " + ", ".join(f"{name} {_shape(tensor)}" for name, tensor in tree.items())
    return f"is one tensor {_shape(tree)}"


def _shape(tensor: Tensor) -> str:
    return f"({', '.join(map(str, tensor.shape))})"


def mixing(
    loss: Loss, output: Tree, read: Tree, kind: Target, values: Tensor, shared: Collection[str]
) -> str | None:
    """That values depend on other examples of the batch, where the loss does not say that it is `batchwise`.

    Args:
        output, read: what the loss was called with, N examples.
        values: (N, ...) that it returned.
        shared: names among what it reads that are not per example.

    Raises:
        InputError: they depend on a target or an output of all examples, whichever is their own.
    """
    # One number for all is the mean that some losses take themselves.
    if loss.batchwise or values.stride()[0] == 0 or bool((values == values[0]).all()):
        return None
    flat = {key: tensor.detach() for key, tensor in [*_flat("output", output), *_flat("target", read)]}
    own = [key for key in flat if key[1] not in shared]
    try:
        # A copy, for a function of others may hold a state.
        found = _mixed(copy.deepcopy(loss), kind, values.detach(), flat, own)
    except Exception:  # it is not made for parts of a batch
        return None
    if found is None:
        return None
    if not found:
        return (
            f"loss={loss.name}: the value of an example depends on the others of its batch; where that is "
            f"meant, say `batchwise = True` in the loss, else mind that {BROADCAST}"
        )
    raise InputError(
        f"loss={loss.name} mixes the examples of a batch: a value depends on {' and '.join(found)} of all of "
        f"them, whichever is its own ({BROADCAST}); where that is meant, say `batchwise = True` in the loss "
        "(see lossbench.losses.loss)."
    )


def _flat(whole: str, tree: Tree) -> list[tuple[tuple[str, str], Tensor]]:
    """The tensors of what a loss was called with, each under whose it is and its name."""
    return (
        [((whole, name), t) for name, t in tree.items()]
        if isinstance(tree, Mapping)
        else [((whole, ""), tree)]
    )


def _values(loss: Loss, kind: Target, flat: Mapping[tuple[str, str], Tensor]) -> Tensor:
    trees: dict[str, Tree] = {"output": {}, "target": {}}
    for (whole, name), tensor in flat.items():
        trees[whole] = {**trees[whole], name: tensor} if name else tensor
    return loss(trees["output"], trees["target"], kind).detach()


def _mixed(
    loss: Loss,
    kind: Target,
    values: Tensor,
    flat: Mapping[tuple[str, str], Tensor],
    own: Collection[tuple[str, str]],
) -> list[str] | None:
    """What is mixed in whatever order, in words; None where each value is of its own example alone."""
    import torch

    half, scale = len(values) // 2, float(values.abs().max())

    def computed(change: Callable[[Tensor], Tensor], keys: Collection[tuple[str, str]] = own) -> Tensor:
        return _values(loss, kind, {key: change(t) if key in keys else t for key, t in flat.items()})

    def same(anew: Tensor, rows: slice = slice(None)) -> bool:
        return torch.allclose(anew[rows], values[rows], rtol=1e-4, atol=1e-5 * scale, equal_nan=True)

    def depends_on_others(key: tuple[str, str]) -> bool:
        """Whether the values of one half change with what the other half holds."""
        first = computed(lambda t: torch.cat([t[-1:].expand_as(t[:half]), t[half:]]), [key])
        second = computed(lambda t: torch.cat([t[:half], t[:1].expand_as(t[half:])]), [key])
        return not (same(first, slice(half, None)) and same(second, slice(half)))

    apart = torch.cat([computed(lambda tensor: tensor[:half]), computed(lambda tensor: tensor[half:])])
    if same(apart) or not same(computed(lambda tensor: tensor)):  # or it draws random numbers
        return None
    return [
        name or f"the {whole}"
        for whole, name in own
        if same(computed(lambda tensor: tensor.roll(1, 0), [(whole, name)]))
        and depends_on_others((whole, name))
    ]
