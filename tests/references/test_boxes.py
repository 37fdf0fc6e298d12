"""A small network finds boxes better than the mean box does, also where training corners are wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lossbench.data.cache import DataCache
from lossbench.pack.baselines import measured

WHAT = (
    "data=boxes_digits data.size=16 data.train_size=500 data.val_size=100 data.test_size=500 model=cnn "
    "model.channels=[8,16] optimizer.lr=0.01 optimizer.schedule=cosine trainer.max_epochs=6"
)
Train = Callable[..., list[tuple[Any, Any]]]


def test_boxes_are_learned_from_corners_that_are_off_by_three_tenths_of_the_box(train: Train) -> None:
    lines = [
        f"{WHAT} loss={loss} data.corner_noise={noise}" for noise in (0.0, 0.3) for loss in ("mse", "giou")
    ]
    found = train(*lines)
    for member, result in found:
        data = DataCache().load(member.source, member.seed, "image")
        least = measured(member.source, data, "mean box")["test/mean_iou"]
        assert result.metrics["test/mean_iou"] > least + 0.1
    right, wrong = (
        [result.metrics["test/mean_iou"] for _, result in part] for part in (found[:2], found[2:])
    )
    assert min(right) > max(wrong)  # yet they cost something
