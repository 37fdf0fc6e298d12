"""Curves with ties: only thresholds that exist count, whatever the order in memory."""

from __future__ import annotations

import pytest
import torch

from lossbench.metrics.ranking import roc


@pytest.mark.parametrize("positives_first", [True, False])
def test_equal_scores_are_accepted_together(positives_first: bool) -> None:
    """One score for all: the curve is the diagonal, and no threshold accepts few negatives."""
    positive = torch.arange(10) < 5
    curve = roc(torch.zeros(1, 10), positive if positives_first else ~positive)
    assert curve.area().tolist() == [0.5]
    assert curve.equal_error().tolist() == [0.5]
    assert curve.true_rate_at(0.01).tolist() == [0.0]


def test_the_first_threshold_may_accept_every_positive() -> None:
    curve = roc(torch.tensor([[3.0, 3, 2, 1]]), torch.tensor([[True, True, False, False]]))
    assert [float(x) for x in (curve.area(), curve.equal_error(), curve.true_rate_at(0))] == [1, 0, 1]


def test_reversed_scores_are_always_wrong() -> None:
    curve = roc(torch.tensor([[1.0, 1, 2, 3]]), torch.tensor([[True, True, False, False]]))
    assert [float(x) for x in (curve.area(), curve.equal_error(), curve.true_rate_at(0.4))] == [0, 1, 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1, 2, 37, 1000])
def test_neither_the_order_in_memory_nor_a_broken_row_beside_changes_a_bit(
    size: int, dtype: torch.dtype
) -> None:
    """A row beside that holds nan is sorted by other code, and so are equal scores elsewhere in memory."""
    generator = torch.Generator().manual_seed(size)
    scores = torch.randn(3, size, generator=generator, dtype=dtype).mul(10).round()
    positive = torch.rand(3, size, generator=generator) < 0.4
    shuffled = torch.randperm(size, generator=generator)
    broken = torch.cat([scores, torch.full((1, size), torch.nan, dtype=dtype)])
    beside = torch.cat([positive, positive[:1]])
    curve, whole = roc(scores, positive), roc(broken, beside)
    for found in (roc(scores[:, shuffled], positive[:, shuffled]), whole):
        assert torch.equal(found.score[:3], curve.score)
        assert torch.equal(
            found.average_precision()[:3].nan_to_num(-1), curve.average_precision().nan_to_num(-1)
        )
        assert torch.equal(found.area()[:3].nan_to_num(-1), curve.area().nan_to_num(-1))
