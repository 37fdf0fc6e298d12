"""Where in the day, the week and the year a step is, as points on circles."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]

_DAY = 86400.0
_CYCLES = {"day": _DAY, "week": 7 * _DAY, "year": 365.2425 * _DAY}
_MONDAY = 4 * _DAY  # 1970 began with a Thursday
_SEEN = 2.0  # cycles at least that the series holds


def calendar_cycles(seconds: Numbers) -> tuple[str, ...]:
    """Those of day, week and year that a series knows: seen twice, with two steps in each or more."""
    import numpy as np

    step, span = float(np.median(np.diff(seconds))), float(seconds[-1] - seconds[0])
    return tuple(name for name, length in _CYCLES.items() if 2 * step <= length and span >= _SEEN * length)


def calendar(seconds: Numbers, cycles: tuple[str, ...]) -> Numbers:
    """(T, 2 * cycles) sines and cosines of where each step is in a cycle.

    Args:
        seconds: (T,) since 1970.
    """
    import numpy as np

    turns = np.stack([(seconds - _MONDAY) / _CYCLES[name] for name in cycles], axis=1)
    angles = 2 * np.pi * (turns % 1.0)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
