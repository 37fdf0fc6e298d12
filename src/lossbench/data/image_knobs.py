"""Knobs of images as people write them: one number for both sides, names of columns as texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lossbench.data.parts import check_shares
from lossbench.errors import InputError


def both_sides(size: Any) -> Any:
    """One number is height and width."""
    if isinstance(size, int) and not isinstance(size, bool):
        return (size, size)
    return () if size is None else tuple(size) if isinstance(size, list) else size


def listed(names: Any) -> Any:
    """Names of columns as texts: YAML makes numbers of some."""
    if names is None:
        return ()
    items = names if isinstance(names, (list, tuple)) else [names]
    return tuple(str(name) for name in items)


def check_knobs(size: Sequence[int], target: Sequence[str], val_share: float, test_share: float) -> None:
    """Refuse what is no size, no target, or leaves nothing to train on."""
    if len(size) not in (0, 2):
        raise InputError(f"data.size must be one number or [height,width]; got {list(size)}.")
    if len(target) not in (0, 1, 4):
        raise InputError(
            f"data.target must be one column, or the four of a box, [x1,y1,x2,y2]; got {len(target)} columns."
        )
    check_shares(val_share, test_share)
