"""Recommendations: of many items scores are never there all at once, and company changes no number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lossbench.data.cache import DataCache
from lossbench.data.clicks import Ratings
from lossbench.job import Member
from lossbench.losses.bpr import BPR
from lossbench.losses.cce import CCE
from lossbench.losses.loss import Loss
from lossbench.losses.mse import MSE
from lossbench.losses.triplet import Triplet
from lossbench.losses.warp import WARP
from lossbench.metrics.recommended import of_users, places
from lossbench.models.towers import Towers
from lossbench.optimizer import Adam
from lossbench.pack.baselines import measured
from lossbench.pack.fit import fit
from lossbench.trainer import TrainerOptions
from tests.pack.test_large_outputs import Largest

USERS, ITEMS, EACH = 24, 40, 9
MANY = 100_000


def clicks(folder: Path, items: int, **knobs: object) -> Ratings:
    draw = np.random.default_rng(0)
    rows = np.stack([draw.permutation(items)[:EACH] for _ in range(USERS)])
    table = pd.DataFrame({"user": np.arange(USERS).repeat(EACH), "item": rows.ravel()})
    table["stars"] = draw.integers(1, 6, len(table))
    if items == MANY:  # each occurs, so that none is left out
        more = pd.DataFrame(
            {"user": np.arange(MANY) % USERS, "item": np.arange(MANY), "stars": 1 + np.arange(MANY) % 2}
        )
        table = pd.concat([more, table])
    table.to_csv(folder / "clicks.csv", index=False)
    named = {
        "path": str(folder / "clicks.csv"),
        "user": "user",
        "item": "item",
        "min_item": 1,
        "negatives": 3,
    }
    return Ratings(name="ratings", **{**named, **knobs})  # type: ignore[arg-type]


def member(source: Ratings, loss: Loss, seed: int = 0, rate: float = 0.01, size: int = 4) -> Member:
    target = loss.chosen_target(source.targets())
    assert target is not None
    trainer = TrainerOptions(name="default", max_epochs=2, batch_size=32)
    model = Towers(name="towers", embedding_size=size)
    return Member(seed, source, model, loss, Adam(name="adam", lr=rate), trainer, "user_item", target)


@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_members_have_the_numbers_in_company_that_they_have_alone(tmp_path: Path, mode: str) -> None:
    source = clicks(tmp_path, ITEMS, rating="stars", task="rank", held_out=2)
    losses: list[Loss] = [BPR(), WARP(), WARP(margin=0.3), CCE(), Triplet(), Triplet(normalize=False)]
    members = [member(source, loss, seed, 0.01 + 0.01 * seed) for loss in losses for seed in (0, 1)]
    together = fit(members, mode, DataCache())
    assert [one.reason for one in together] == [None] * len(members)
    for place in (0, 5, 9):
        (alone,) = fit([members[place]], mode, DataCache())
        assert alone.metrics == together[place].metrics, losses[place // 2]
        assert alone.history == together[place].history
    (stars,) = fit([member(source, MSE())], mode, DataCache())
    assert {"test/mae", "test/ndcg_at_10", "test/coverage_at_10"} <= stars.metrics.keys()


def test_scores_of_many_items_are_held_of_some_users_at_a_time(tmp_path: Path) -> None:
    source = clicks(tmp_path, MANY)
    members = [member(source, loss, size=2) for loss in (BPR(), WARP())]
    members = [
        Member(
            m.seed,
            m.source,
            m.model,
            m.loss,
            m.optimizer,
            TrainerOptions(name="default", max_epochs=1, batch_size=50_000),
            m.reads,
            m.target,
        )
        for m in members
    ]
    with Largest() as largest:
        results = fit(members, "vmap", DataCache())
    assert [one.reason for one in results] == [None, None]
    assert largest.bytes < 48_000_000  # of all scores of 24 users at once it would be ten million a member


def test_baselines_are_judged_as_their_formulas_are(tmp_path: Path) -> None:
    source = clicks(tmp_path, ITEMS, held_out=2)
    data = source.load(0, "user_item")
    has = torch.zeros(USERS, ITEMS, dtype=torch.float64)
    has[data.train.targets["user"], data.train.targets["item"]] = 1
    cosine = torch.nn.functional.normalize(has, dim=0)
    cosine = cosine.T @ cosine
    user, item = data.test.targets["user"].unsqueeze(0), data.test.targets["item"].unsqueeze(0)
    known = [data.shared[name].unsqueeze(0) for name in ("seen", "seen_from")]
    for name, scores in {
        "item-item cosine": has @ cosine,
        "most popular": has.sum(0).expand(USERS, -1),
    }.items():
        found = measured(source, data, name)
        expected = of_users(*places(scores[user], item, user, *known))
        for metric, value in expected.items():
            assert found[f"test/{metric}"] == pytest.approx(float(value), abs=1e-6), (name, metric)
        assert 0 < found["test/coverage_at_10"] <= 1
