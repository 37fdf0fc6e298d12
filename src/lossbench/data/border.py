"""How a data set is refused: in the words of its source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from lossbench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from lossbench.data.source import DataSource


class Border:
    """Refuses what one source has loaded."""

    def __init__(self, source: DataSource) -> None:
        self.source = source

    def refuse(self, why: str) -> NoReturn:
        raise InputError(f"data={self.source.name}: {why} (see lossbench.data.source).")

    def tensor(self, what: str, values: Any) -> None:
        import torch

        if not isinstance(values, torch.Tensor):
            self.refuse(
                f"{what} must be a torch.Tensor, as torch.from_numpy makes one; got {type_of(values)}"
            )

    def finite(self, what: str, values: Tensor) -> None:
        # The sum of all is a fifth of the time of looking at each, and finite only where all are.
        if not values.is_floating_point() or bool(values.sum().isfinite()):
            return
        bad = (~values.isfinite()).flatten(1).any(1) if values.ndim > 1 else ~values.isfinite()
        if bool(bad.any()):
            first = int(bad.nonzero()[0])
            self.refuse(
                f"{int(bad.sum())} of {len(bad)} {what} hold nan or an infinite number, the first is number "
                f"{first}: fill them in, or leave these examples out"
            )

    def floats(self, what: str, values: Tensor) -> None:
        if not values.is_floating_point():
            self.refuse(f"{what} must be floats; got {values.dtype}: use .double()")


def named(words: Iterable[str]) -> str:
    return ", ".join(sorted(words)) or "nothing"


def type_of(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
