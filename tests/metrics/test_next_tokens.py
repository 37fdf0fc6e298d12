"""The cost of next tokens is that of the metrics of classes, whatever is filled up behind a text."""

from __future__ import annotations

import math

import torch

from lossbench.metrics import classes, next_tokens


def test_cost_and_accuracy_are_those_of_classes() -> None:
    draw = torch.Generator().manual_seed(1)
    scores = torch.randn(3, 10, 7, 5, generator=draw)
    token = torch.randint(5, (3, 10, 7), generator=draw)
    weight = (torch.rand(3, 10, 7, generator=draw) > 0.3).float()
    probabilities = scores.softmax(-1)
    for own in (None, weight):
        cost = next_tokens.mean_cost(next_tokens.costs(probabilities, token), own)
        expected = classes.of_probabilities(probabilities, token, own)["nll"]
        torch.testing.assert_close(cost["nll"], expected)
        torch.testing.assert_close(cost["bits_per_token"], expected / math.log(2))
        share = next_tokens.share_right(next_tokens.right(scores, token), own)["accuracy"]
        torch.testing.assert_close(share, classes.of_scores(scores, token, own)["accuracy"])


def test_what_weighs_nothing_changes_no_bit() -> None:
    draw = torch.Generator().manual_seed(2)
    probabilities = torch.rand(1, 4, 6, 3, generator=draw).softmax(-1)
    token = torch.randint(3, (1, 4, 6), generator=draw)
    weight = torch.ones(1, 4, 6)
    short = next_tokens.mean_cost(next_tokens.costs(probabilities, token), weight)
    longer = torch.cat([probabilities, torch.full((1, 4, 5, 3), 1 / 3)], dim=2)
    padded = torch.cat([token, torch.zeros(1, 4, 5, dtype=torch.int64)], dim=2)
    more = torch.cat([weight, torch.zeros(1, 4, 5)], dim=2)
    assert next_tokens.mean_cost(next_tokens.costs(longer, padded), more) == short


def test_a_probability_of_zero_costs_much_and_nan_stays_nan() -> None:
    probabilities = torch.tensor([[[[0.0, 1.0]], [[math.nan, 1.0]]]])
    cost = next_tokens.costs(probabilities, torch.zeros(1, 2, 1, dtype=torch.int64))
    assert 87 < float(cost[0, 0, 0]) < 88
    assert cost[0, 1, 0].isnan()
