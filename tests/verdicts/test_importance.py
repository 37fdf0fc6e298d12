"""What each tuned knob explains of the differences between trials, roughly."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lossbench.verdicts.conditions import Layout
from lossbench.verdicts.importance import Importance, explained

RNG = np.random.default_rng(0)


def test_a_knob_that_alone_decides_explains_nearly_all() -> None:
    rates = pd.Series(np.geomspace(1e-4, 0.1, 16))
    merit = -((np.log10(rates.to_numpy()) + 2.5) ** 2)
    share = explained(rates, merit)
    assert share is not None
    assert share > 0.99


def test_a_knob_that_does_not_matter_explains_nothing_on_average() -> None:
    shares = []
    for _ in range(400):
        share = explained(pd.Series(RNG.uniform(size=16)), RNG.permutation(16).astype(float))
        assert share is not None
        shares.append(share)
    assert np.median(shares) < 0.05
    assert np.quantile(shares, 0.95) < 0.5


def test_kinds_are_compared_by_their_means() -> None:
    kinds = pd.Series(["all", "hard"] * 8)
    better = np.where(kinds == "hard", 1.0, 0.0) + RNG.normal(0, 0.01, 16)
    share = explained(kinds, better)
    assert share is not None
    assert share > 0.99
    assert explained(pd.Series(["all"] * 16), better) is None


def test_a_table_has_a_row_for_each_loss_that_was_tuned() -> None:
    trials = range(16)
    one = pd.DataFrame(
        {"loss.name": "huber", "optimizer.lr": np.geomspace(1e-4, 0.1, 16), "trial.loss.delta": 1.0}
    ).assign(**{"trial.loss.delta": RNG.permutation(np.geomspace(0.1, 10, 16)), "rank": list(trials)})
    other = one.assign(**{"loss.name": "mse", "trial.loss.delta": np.nan})
    found = Importance.of(pd.concat([one, other]), Layout(("huber", "mse"), (), {}))
    assert found is not None
    assert found.heads == ("learning rate", "delta")
    ((name, shares),) = found.rows
    assert name == "huber"
    assert shares[0] == "100%"
    assert shares[1] != "100%"
    assert Importance.of(other, Layout(("mse",), (), {})) is None
    assert Importance.of(one.head(7), Layout(("huber",), (), {})) is None
