"""Tables of results are those that pandas pivots."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lossbench.verdicts.conditions import LOSS, SEED
from lossbench.verdicts.results import by_seed


@pytest.mark.parametrize("several", [False, True], ids=["one run a place", "several"])
@pytest.mark.parametrize("known", [0.7, 0.0], ids=["some without a result", "none with one"])
def test_values_by_seed_are_a_pivot(known: float, several: bool) -> None:
    draw = np.random.default_rng(0)
    rows = pd.DataFrame(
        {SEED: [11, 2, 7, 3] * 3, LOSS: np.repeat(["mse", "huber, delta 1", "bce"], 4)},
        index=draw.permutation(100)[:12],
    )
    values = pd.Series(draw.normal(size=12), rows.index)
    values.iloc[0], values.iloc[5] = np.inf, -np.inf
    values = values.where(draw.random(12) < known)
    rows, values = rows.sample(frac=1, random_state=0), values.sample(frac=1, random_state=0)
    if several:
        rows, values = pd.concat([rows, rows]), pd.concat([values, 2 * values])
    pivot = rows.assign(value=list(values)).pivot_table(index=SEED, columns=LOSS, values="value")
    pd.testing.assert_frame_equal(by_seed(rows.reset_index(), values.reset_index(drop=True)), pivot)
