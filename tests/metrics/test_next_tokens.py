"""The cost of next tokens is that of the metrics of classes, whatever is filled up behind a text."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

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


def test_perplexity_is_that_of_one_plain_loop_with_padding_of_any_length() -> None:
    """Not the mean of perplexities, nor of batches, nor of windows: of all tokens that are some."""
    draw = torch.Generator().manual_seed(3)
    lengths = [1, 7, 4, 9, 2]
    for places in 9, 12, 40:
        scores = torch.randn(1, len(lengths), places, 6, generator=torch.Generator().manual_seed(4))
        token = torch.randint(6, (1, len(lengths), places), generator=draw)
        weight = (torch.arange(places) < torch.tensor(lengths).unsqueeze(-1)).float().unsqueeze(0)
        logarithms = [
            math.log(float(scores[0, window, place].softmax(-1)[token[0, window, place]]))
            for window, length in enumerate(lengths)
            for place in range(length)
        ]
        by_hand = math.exp(-sum(logarithms) / sum(lengths))
        kept = [  # chunk by chunk, as an evaluation does
            next_tokens.costs(scores[:, part].softmax(-1), token[:, part])
            for part in (slice(0, 2), slice(2, 5))
        ]
        found = next_tokens.mean_cost(torch.cat(kept, dim=1), weight)
        assert float(found["perplexity"]) == pytest.approx(by_hand, rel=1e-6)
        assert float(found["bits_per_token"]) == pytest.approx(math.log2(by_hand), rel=1e-6)


def test_calibration_is_that_of_classes() -> None:
    draw = torch.Generator().manual_seed(5)
    probabilities = (3 * torch.randn(2, 30, 6, 7, generator=draw)).softmax(-1)
    token = torch.randint(7, (2, 30, 6), generator=draw)
    weight = (torch.rand(2, 30, 6, generator=draw) > 0.4).float()
    for own in (None, weight):
        found = next_tokens.calibration(*next_tokens.confidences(probabilities, token), own)
        torch.testing.assert_close(found["ece"], classes.of_probabilities(probabilities, token, own)["ece"])


@given(st.lists(st.lists(st.integers(2, 4), min_size=8, max_size=8), min_size=1, max_size=4))
def test_repetition_is_one_less_the_different_n_grams_over_all(written: list[list[int]]) -> None:
    shares = []
    for tokens in written:
        grams = [tuple(tokens[place : place + 4]) for place in range(5)]
        shares.append(1 - len(set(grams)) / 5)
    found = next_tokens.share_repeated(torch.tensor([written, written]))["repetition"]
    assert found.tolist() == pytest.approx([sum(shares) / len(shares)] * 2)


def test_repetition_is_1_for_one_token_again_and_again_but_for_the_first_time() -> None:
    again = torch.full((1, 3, 64), 5)
    assert float(next_tokens.share_repeated(again)["repetition"]) == pytest.approx(60 / 61)
    assert float(next_tokens.share_repeated(torch.arange(2, 66).expand(1, 3, 64))["repetition"]) == 0
