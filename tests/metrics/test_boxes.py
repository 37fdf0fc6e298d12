"""Boxes overlap as torchvision says, and what is no box is no error of arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from lossbench._torchvision import mend
from lossbench.metrics.boxes import boxes, iou

R, N = 3, 50
NAMES = ["mean_iou", "iou_at_0.5", "iou_at_0.75", "iou_at_0.9", "centre_error", "size_error"]


def drawn(seed: int) -> Tensor:
    """(R, N, 4) boxes with an inside, in pixels of an image of 64."""
    corners = torch.rand(R, N, 2, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    low, high = (60 * corners).sort(dim=2).values.unbind(2)
    return torch.cat([low, high + 1], dim=-1)


def near(truth: Tensor, spread: float, seed: int) -> Tensor:
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return truth + spread * noise


@pytest.mark.parametrize("spread", [0.0, 1.0, 5.0, 40.0])
def test_overlaps_are_those_of_torchvision(spread: float) -> None:
    mend()
    from torchvision.ops import box_iou

    truth = drawn(0)
    value = near(truth, spread, 1)
    value = torch.cat([value[..., :2].minimum(value[..., 2:]), value[..., :2].maximum(value[..., 2:])], -1)
    found = boxes(value, truth)
    assert list(found) == NAMES
    for run in range(R):
        expected = box_iou(value[run], truth[run]).diagonal()
        torch.testing.assert_close(iou(value[run], truth[run]), expected, rtol=1e-12, atol=1e-12)
        assert float(found["mean_iou"][run]) == pytest.approx(float(expected.mean()), rel=1e-12)
        for least in (0.5, 0.75, 0.9):
            share = float((expected >= least).double().mean())
            assert float(found[f"iou_at_{least}"][run]) == pytest.approx(share, abs=1e-12)


def test_errors_of_centre_and_size_are_in_pixels() -> None:
    truth = torch.tensor([[[10.0, 10.0, 20.0, 30.0], [0.0, 0.0, 4.0, 4.0]]], dtype=torch.float64)
    moved = truth + torch.tensor([3.0, 4.0, 3.0, 4.0])
    found = boxes(moved, truth)
    assert float(found["centre_error"]) == 5
    assert float(found["size_error"]) == 0
    wider = truth + torch.tensor([-1.0, 0.0, 1.0, 0.0])
    found = boxes(wider, truth)
    assert float(found["centre_error"]) == 0
    assert float(found["size_error"]) == 1  # 2 of the width, 0 of the height
    assert float(found["mean_iou"]) == pytest.approx((10 / 12 + 4 / 6) / 2)


def test_what_has_no_inside_overlaps_nothing() -> None:
    truth = torch.tensor([[[10.0, 10.0, 20.0, 20.0]]], dtype=torch.float64)
    for box in ([20.0, 10.0, 10.0, 20.0], [15.0, 15.0, 15.0, 15.0], [20.0, 20.0, 10.0, 10.0]):
        found = boxes(torch.tensor([[box]], dtype=torch.float64), truth)
        assert float(found["mean_iou"]) == 0
        assert float(found["centre_error"]) == 0
        assert float(found["size_error"]) == pytest.approx(10 if box[1] >= box[3] else 5)
    nothing = torch.zeros(1, 1, 4, dtype=torch.float64)
    assert iou(nothing, nothing).tolist() == [[0.0]]


def test_weights_count_as_repeated_boxes_do_and_zero_for_nothing() -> None:
    truth = drawn(2)
    value = near(truth, 4.0, 3)
    times = torch.randint(0, 4, (N,), generator=torch.Generator().manual_seed(4))
    weighed = boxes(value, truth, times.expand(R, -1).double())
    repeated = boxes(value.repeat_interleave(times, 1), truth.repeat_interleave(times, 1))
    for name in NAMES:
        np.testing.assert_allclose(weighed[name], repeated[name], rtol=1e-12)
    spoilt = torch.where((times == 0)[:, None], 1e6, value)
    again = boxes(spoilt, truth, times.expand(R, -1).double())
    assert all(torch.equal(again[name], weighed[name]) for name in NAMES)
