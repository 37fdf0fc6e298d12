"""Images of a training batch made anew: mirrored, moved, cut out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from lossbench.task import TargetKind


@dataclass(frozen=True)
class Augmented:
    """`DataSet.fresh` of images (B, C, H, W); each image draws for itself, from the generator alone.

    flip: left and right change places in half of the images.
    shift: at most so many pixels to each side, drawn evenly; what comes in is 0.
    border: "constant", or where what comes in is to be as the pixel at the border "replicate".
    crop: a part is cut out and enlarged to the whole size; its sides are 1 - crop to 1 of the whole, its
        place is drawn evenly.
    boxes: there are targets `box`, each of which goes with the image and ends at its border.
    """

    flip: bool = False
    shift: int = 0
    crop: float = 0.0
    boxes: bool = False
    border: str = "constant"

    @property
    def changes(self) -> bool:
        """Whether it does anything."""
        return self.flip or self.shift > 0 or self.crop > 0

    def __call__(
        self, images: Tensor, targets: dict[TargetKind, Tensor], generator: Generator
    ) -> tuple[Tensor, dict[TargetKind, Tensor]]:
        """Images and targets anew."""
        import torch

        height, width = images.shape[-2:]
        boxes = targets["box"].clone() if self.boxes else None
        if self.flip:
            mirrored = torch.rand(len(images), generator=generator) < 0.5
            images = _mirrored(images, mirrored.to(images.device))
            if boxes is not None:
                left, top, right, bottom = boxes.unbind(-1)
                other = torch.stack([width - right, top, width - left, bottom], dim=-1)
                boxes = torch.where(mirrored.to(boxes.device).unsqueeze(-1), other, boxes)
        if self.shift:
            moves = torch.randint(-self.shift, self.shift + 1, (len(images), 2), generator=generator)
            images = _moved(images, moves.to(images.device), self.shift, self.border)
            if boxes is not None:
                boxes = boxes + moves.to(boxes).repeat(1, 2)
        if self.crop:
            drawn = torch.rand(len(images), 3, generator=generator)
            sides = 1 - self.crop * drawn[:, 0]
            starts = (1 - sides).unsqueeze(-1) * drawn[:, 1:]  # of x and y, as shares
            images = _cut_out(images, sides.to(images.device), starts.to(images.device))
            if boxes is not None:
                whole = torch.tensor([width, height]).repeat(2).to(boxes)
                boxes = (boxes - starts.to(boxes).repeat(1, 2) * whole) / sides.to(boxes).unsqueeze(-1)
        if boxes is None:
            return images, targets
        most = torch.tensor([width, height]).repeat(2).to(boxes)
        return images, targets | {"box": boxes.clamp(min=0).minimum(most)}


def _mirrored(images: Tensor, which: Tensor) -> Tensor:
    return images.flip(-1).where(which.view(-1, 1, 1, 1), images)


def _moved(images: Tensor, moves: Tensor, most: int, border: str) -> Tensor:
    """Each image (C, H, W) moved by (right, down) pixels, `most` at most."""
    import torch
    from torch.nn import functional as F

    count, _, height, width = images.shape
    framed = F.pad(images, (most,) * 4, mode=border)
    columns = torch.arange(width, device=images.device) + most - moves[:, :1]  # (B, W) where each comes from
    rows = torch.arange(height, device=images.device) + most - moves[:, 1:]
    of_image = torch.arange(count, device=images.device).view(-1, 1, 1)
    return framed[of_image, :, rows.unsqueeze(2), columns.unsqueeze(1)].movedim(-1, 1).contiguous()


def _cut_out(images: Tensor, sides: Tensor, starts: Tensor) -> Tensor:
    """A part of each image, `sides` (B,) of it and from `starts` (B, 2) on as shares, in the whole size."""
    import torch
    from torch.nn import functional as F

    scale = torch.diag_embed(sides.unsqueeze(-1).expand(-1, 2))
    centre = (2 * starts + sides.unsqueeze(-1) - 1).unsqueeze(-1)  # -1 to 1 from border to border
    grid = F.affine_grid(torch.cat([scale, centre], dim=-1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
