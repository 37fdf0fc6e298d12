"""Where is the rectangle? Losses that read four numbers as one box, beside those that read four numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lossbench.config.choice import knob
from lossbench.data.source import DataSet, DataSource
from lossbench.losses.loss import Loss
from lossbench.metrics.measure import Measure, Metric
from lossbench.seeds import torch_generator
from lossbench.task import Inputs, Prediction, Target

IOU = Metric("iou", "rectangles", True, "mean overlap with the true box, 0 to 1", low=0, high=1)
AP50 = Metric("ap50", "rectangles", True, "share of boxes with an overlap of 0.5 or more", low=0, high=1)
OVERLAP = Measure((IOU, AP50), needs=("value",), fields=("continuous",), function="rectangles:overlap")


def overlap(box: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """The metrics of boxes (R, N, 4): (R,) each."""
    iou, _ = iou_and_union(box, truth)
    return {"iou": iou.mean(-1), "ap50": (iou >= 0.5).double().mean(-1)}


def iou_and_union(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """The overlap of boxes (..., 4) = left, top, right, bottom, and the area that they cover: (...) each."""
    both = area(one[..., :2].maximum(other[..., :2]), one[..., 2:].minimum(other[..., 2:]))
    union = area(one[..., :2], one[..., 2:]) + area(other[..., :2], other[..., 2:]) - both
    return both / union, union


def area(low: Tensor, high: Tensor) -> Tensor:
    """Between two corners (..., 2); 0 where they stand the wrong way round."""
    width, height = (high - low).clamp(min=0).unbind(-1)
    return width * height


@dataclass(frozen=True, kw_only=True)
class BoxLoss(Loss):
    """1 - IoU, and what draws boxes together that lie apart: giou, the empty share of their hull (Rezatofighi
    et al., CVPR 2019); diou, the distance of their centres over the hull's diagonal, both squared (Zheng et
    al., AAAI 2020); iou, nothing."""

    trains_on = ("continuous",)
    apart: str = knob("giou", choices=("giou", "diou", "iou"))

    def chosen_target(self, offered: Sequence[Target]) -> Target | None:
        return super().chosen_target([target for target in offered if target.size == 4])

    def outputs(self, target: Target, embedding_size: int) -> int:
        return 4

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        box = self.predict(output, kind)["value"]
        iou, union = iou_and_union(box, target)
        low, high = box[..., :2].minimum(target[..., :2]), box[..., 2:].maximum(target[..., 2:])
        way = (box - target).unflatten(-1, (2, 2)).mean(-2).square().sum(-1)
        apart = {"giou": 1 - union / area(low, high), "diou": way / (high - low).square().sum(-1), "iou": 0}
        return 1 - iou + apart[self.apart]

    def predict(self, output: Tensor, kind: Target) -> Prediction:
        """Outputs (..., 4) are centre and size, 0 to 1, so that no box is inside out."""
        centre, size = output.sigmoid().split(2, dim=-1)
        return Prediction(value=torch.cat([centre - size / 2, centre + size / 2], dim=-1))


@dataclass(frozen=True, kw_only=True)
class Rectangles(DataSource):
    """A bright rectangle on noise; its corners as shares of the picture's side. Each seed draws its own."""

    reads = ("image",)
    judged_by = (OVERLAP, "continuous")
    select = "iou"
    fresh_examples = True
    size: int = knob(400, at_least=2)  # of each split

    def targets(self) -> tuple[Target, ...]:
        return (Target("continuous", size=4),)

    def load(self, seed: int, reads: str) -> DataSet:
        generator, count, side = torch_generator(seed, "rectangles"), 3 * self.size, 12
        low = torch.randint(side - 3, (count, 2), generator=generator)
        high = low + 3 + (torch.rand(count, 2, generator=generator) * (side - 2 - low)).long()
        x, y = ((torch.arange(side) >= low[..., None]) & (torch.arange(side) < high[..., None])).unbind(1)
        picture = 0.3 * torch.randn(count, 1, side, side, generator=generator)
        picture += y[:, None, :, None] & x[:, None, None, :]
        box = torch.cat([low, high], dim=1) / side
        rows = torch.arange(count).split(self.size)
        shape = Inputs("image", (1, side, side))
        return self.data_set(shape, picture, {"continuous": box}, rows, "drawn")
