"""What losses of boxes compare: overlap, hull, centres and sides of two boxes. Plain tensor arithmetic.

A box is x1, y1, x2, y2: its left, upper, right and lower edge, as in torchvision. A side whose second edge
lies before its first has the length 0, so every four numbers are a box. Nothing is picked by a mask, so all
of it works under torch.func.vmap; values and gradients are finite wherever the numbers are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.losses.targets import check_same

if TYPE_CHECKING:
    from torch import Tensor

# Of the hull's longer side: shorter sides have no shape, and smaller areas (its square) divide nothing.
LEAST = 1e-6
# Half as long as an image's longer side and in its middle, in units of half of that side from the middle.
START = (-0.5, -0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Pair:
    """Two boxes beside each other; lengths are counted in the longer side of their hull.

    The hull is the smallest box around all edges of both.

    iou: (...), the area that both cover over the area that either covers, 0 to 1; 0 where that is empty.
    union: (...), the area that either covers.
    hull: (..., 2), its sides, the longer of which is 1, or less where it is shorter than `LEAST`.
    apart: (...), the squared distance of the centres.
    sides: (..., 2), width and height of the first box, and of the second.
    """

    iou: Tensor
    union: Tensor
    hull: Tensor
    apart: Tensor
    sides: tuple[Tensor, Tensor]


def beside(output: Tensor, target: Tensor) -> Pair:
    """Two boxes (..., 4) each.

    Raises:
        ValueError: the shapes differ, or the last dimension is not 4.
    """
    check_same(output, target)
    if output.shape[-1] != 4:
        raise ValueError(f"boxes must be (..., 4) = x1, y1, x2, y2; got {tuple(output.shape)}")
    edges = (output[..., :2], output[..., 2:], target[..., :2], target[..., 2:])
    shift, unit = _frame(edges)
    low, high, other_low, other_high = ((edge - shift) / unit for edge in edges)
    sides, other_sides = (high - low).clamp(min=0), (other_high - other_low).clamp(min=0)
    both = (high.minimum(other_high) - low.maximum(other_low)).clamp(min=0)
    common = both.prod(-1)
    union = sides.prod(-1) + other_sides.prod(-1) - common
    first, last = low.minimum(high), low.maximum(high)
    hull = last.maximum(other_low.maximum(other_high)) - first.minimum(other_low.minimum(other_high))
    apart = ((low + high - other_low - other_high) / 2).square().sum(-1)
    return Pair(common / union.clamp(min=LEAST**2), union, hull, apart, (sides, other_sides))


def _frame(edges: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Where the hull begins (..., 2), and its longer side (..., 1), both without a gradient.

    What losses take of boxes does not change with a common shift and scale, so neither does the gradient: in
    this frame areas keep their digits and neither vanish nor overflow, however far and small boxes are. What
    lies within `LEAST` is not enlarged to a hull: its gradient would be so large that no square holds it.
    """
    import torch

    stacked = torch.stack(edges).detach()
    first = stacked.amin(0)
    return first, (stacked.amax(0) - first).amax(-1, keepdim=True).clamp(min=LEAST)


def from_start(output: Tensor) -> Tensor:
    """Outputs (..., 4) as boxes: each number is how far an edge lies from that of the starting box.

    So a model that knows nothing says a box, and no loss begins where it has no gradient; the same for losses
    of coordinates and of overlap. Edges that have passed each other change their names (Rezatofighi et al.,
    CVPR 2019, algorithm 2, step 1): as a box without a size they would stay where they are for good, since
    losses of overlap have no gradient there.
    """
    import torch

    moved = output + output.new_tensor(START)
    one, other = moved[..., :2], moved[..., 2:]
    return torch.cat([one.minimum(other), one.maximum(other)], -1)


def to_start(box: Tensor) -> Tensor:
    """The outputs (..., 4) that say a box."""
    return box - box.new_tensor(START)
