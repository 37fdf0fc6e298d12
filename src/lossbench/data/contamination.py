"""Which targets are wrong, and how: one draw for all data sets that put outliers among their targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.seeds import numpy_generator

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lossbench.data.splits import Ids

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Drawn:
    """The outliers of one part for one seed.

    chosen: the places that are wrong.
    distance: (N,) uniform in [0.5, 1.5]; sign: (N,) -1 or 1; heavy: (N,) of Student's distribution with 2
        degrees of freedom.
    """

    chosen: Ids
    distance: Floats
    sign: Floats
    heavy: Floats


def drawn(count: int, share: float, seed: int, part: str) -> Drawn:
    """A share of N places. Every draw is made whatever it is, so that the wrong ones of a smaller share are,
    with the same values, wrong at a greater one."""
    generator = numpy_generator(seed, "contamination", part)
    chosen = generator.permutation(count)[: round(share * count)]
    distance = generator.uniform(0.5, 1.5, count)
    sign = generator.choice([-1.0, 1.0], count)
    return Drawn(chosen, distance, sign, generator.standard_t(2, count))
