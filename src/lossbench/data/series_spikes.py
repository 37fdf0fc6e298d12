"""Wrong values put into the targets of a series: what a sensor that fails now and then would record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossbench.data.contamination import drawn

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lossbench.data.source import Split
    from lossbench.data.windows import Block

    Numbers = npt.NDArray[np.float64]

OUTLIERS = ("one_sided", "symmetric")
_DIRTY: tuple[Split, ...] = ("train", "val")


def spiked(
    targets: Numbers, blocks: dict[Split, Block], seed: int, *, share: float, outlier: str, size: float
) -> Numbers:
    """Targets (T, columns) with a share of the steps of training and of validation wrong; a copy.

    A step is wrong in each window that predicts it, and in all columns. The steps that are wrong at a smaller
    share are, with the same values, at a greater one: every draw is made whatever the share is.

    Args:
        share: of the steps of each part, 0 to 1.
        outlier: one_sided adds size * spread * u, u uniform in [0.5, 1.5]; symmetric takes it off half of the
            time.
        size: in standard deviations of the column in training.
    """
    import numpy as np

    found = targets.copy()
    training = blocks["train"]
    spread = np.nanstd(targets[training.start : training.stop], axis=0)
    for split in _DIRTY:
        block = blocks[split]
        wrong = drawn(block.stop - block.start, share, seed, split)
        far = size * wrong.distance * (wrong.sign if outlier == "symmetric" else 1.0)
        found[block.start + wrong.chosen] += far[wrong.chosen, None] * spread
    return found
