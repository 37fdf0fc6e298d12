"""What the targets of a data set must keep, and their weights and units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lossbench.data.border import Border, named
from lossbench.significant import number
from lossbench.task import NUMBERS, Target, TargetKind, Units

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from torch import Tensor

_KNOWN = (*NUMBERS, "binary", "multiclass", "distribution", "identity")  # of which the form is known
_STEPS = 1000  # that a target's spread has at least, else rounding is among its results


class TargetBorder(Border):
    """Refuses targets, weights and units."""

    def target(self, name: str, target: Target, values: Tensor, count: int) -> None:
        what = f"{target.kind} targets of {name}"
        self.tensor(what, values)
        if target.kind not in _KNOWN:  # a word of those who share it
            if len(values) != count:
                self.refuse(f"{what} must be {count}, one for each of its rows; got {len(values)}")
            self.finite(what, values)
            return
        if target.kind == "box" and target.size != 4:
            self.refuse(f"a box has four numbers: declare Target('box', size=4), not size={target.size}")
        row = target.kind == "distribution" or (target.kind in NUMBERS and target.size > 1)
        shape = (count, *target.shape, *([target.size] if row else []))
        if tuple(values.shape) != shape:
            self.refuse(f"{what} must be {shape}, one for each of its rows; got {tuple(values.shape)}")
        if target.kind in (*NUMBERS, "distribution"):
            self.numbers(what, target, values)
        else:
            self.labels(what, name, target, values)

    def weight(self, name: str, values: Any, count: int, declared: Iterable[Target]) -> None:
        """Weights stand for examples, or for the places of a target."""
        what = f"weights of {name}"
        self.tensor(what, values)
        shapes = {target.shape for target in declared}
        allowed = {(count, *shape[:end]) for shape in shapes for end in range(len(shape) + 1)}
        if tuple(values.shape) not in allowed:
            wanted = " or ".join(str(shape) for shape in sorted(allowed, key=len))
            self.refuse(f"{what} must be {wanted}, for its rows or their places; got {tuple(values.shape)}")
        self.floats(what, values)
        self.finite(what, values)
        if bool((values < 0).any()) or not bool((values > 0).any()):
            self.refuse(f"{what} must be 0 or more, and one of them above 0")

    def units(self, kind: TargetKind, units: Units, declared: Mapping[TargetKind, Target]) -> None:
        """Finite, the scale above 0, and for a target that is there."""
        import torch

        if kind not in declared:
            self.refuse(f"units are given for {kind}, targets() declares {named(declared)}")
        shift, scale = (torch.as_tensor(part, dtype=torch.float64) for part in (units.shift, units.scale))
        if not (bool(shift.isfinite().all()) and bool(scale.isfinite().all()) and bool((scale > 0).all())):
            nan = "" if bool(shift.isfinite().all()) else f" (do {kind} targets hold nan?)"
            self.refuse(
                f"the shift of {kind} is {units.shift} and its scale {units.scale}, "
                f"finite numbers are needed, the scale above 0{nan}"
            )

    def above_zero(self, kind: TargetKind, parts: Sequence[Tensor]) -> None:
        """Targets whose logarithm losses see."""
        low = min(float(values.min()) for values in parts)
        if low <= 0:
            self.refuse(
                f"a loss is to see the logarithm of {kind}, whose least value is {number(low)}: all must be "
                "above 0"
            )

    def numbers(self, what: str, target: Target, values: Tensor) -> None:
        self.floats(what, values)
        self.finite(what, values)
        if target.kind in NUMBERS:
            self.fine(what, values)
        if target.kind == "box":
            self.boxes(what, values)
        if target.kind == "distribution":
            off = (values.double().sum(-1) - 1).abs().max()
            if bool((values < 0).any()) or float(off) > 1e-3:
                self.refuse(f"{what} must be shares of 0 or more that add up to 1 in each row")

    def boxes(self, what: str, values: Tensor) -> None:
        """Boxes (N, ..., 4) of which each side has a length."""
        empty = (values[..., 2:] <= values[..., :2]).flatten(1).any(1)
        if bool(empty.any()):
            first = int(empty.nonzero()[0])
            self.refuse(
                f"{int(empty.sum())} of {len(empty)} {what} have no inside, the first is number {first}: "
                "each is x1, y1, x2, y2 with x1 below x2 and y1 below y2"
            )

    def fine(self, what: str, values: Tensor) -> None:
        """Numbers far from zero need double precision from the start: in single, 1.7e9 is 128 off."""
        import torch

        step = torch.finfo(values.dtype).eps * float(values.abs().max())
        spread = float(values.double().std(correction=0))
        if 0 < spread < _STEPS * step and values.dtype != torch.float64:
            self.refuse(
                f"{what} differ by {number(spread, 2)} and are known to {number(step, 2)} in {values.dtype}: "
                "make them of numbers in double precision (torch.float64)"
            )

    def labels(self, what: str, split: str, target: Target, values: Tensor) -> None:
        import torch

        if values.dtype != torch.int64:
            self.refuse(f"{what} must be int64; got {values.dtype}: use .long()")
        if target.kind == "identity" and split != "train":
            return  # anybody, whom nobody was trained on
        top = 1 if target.kind == "binary" else target.size - 1
        low, high = int(values.min()), int(values.max())
        if low < 0 or high > top:
            hint = "; count from 0" if low == 1 and high == top + 1 else ""
            self.refuse(f"{what} must be 0 to {top}; got {low} to {high}{hint}")
