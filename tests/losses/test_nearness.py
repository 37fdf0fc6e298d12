"""Items stand in the order of the nearness that the loss has trained."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from lossbench.losses.nearness import all_items


def test_each_nearness_orders_items_as_its_formula_does() -> None:
    draw = torch.Generator().manual_seed(0)
    user = torch.randn(2, 7, 5, generator=draw, dtype=torch.float64)
    items = torch.randn(2, 1, 30, 5, generator=draw, dtype=torch.float64)
    table = items[:, 0]
    expected = {
        "dot": user @ table.mT,
        "distance": -torch.cdist(user, table),
        "cosine": F.cosine_similarity(user.unsqueeze(-2), items, dim=-1),
    }
    orders = {}
    for nearness, scores in expected.items():
        found = all_items(user, items, nearness)  # type: ignore[arg-type]
        assert torch.equal(found.argsort(-1), scores.argsort(-1)), nearness
        orders[nearness] = found.argsort(-1)
    assert not torch.equal(orders["dot"], orders["distance"])
    assert not torch.equal(orders["distance"], orders["cosine"])


def test_an_item_without_a_direction_has_a_score() -> None:
    items = torch.zeros(1, 1, 3, 2)
    assert all_items(torch.ones(1, 4, 2), items, "cosine").tolist() == [[[0.0] * 3] * 4]
