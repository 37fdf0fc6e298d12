"""Squared error of cosines."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from lossbench.losses.cosine_mse import CosineMSE
from lossbench.task import Target

SCORE = Target("score", support=(1.0, 5.0))


def pairs() -> dict[str, torch.Tensor]:
    return {side: torch.randn(6, 4, dtype=torch.float64) for side in ("left", "right")}


def test_a_score_is_as_high_as_a_cosine_is() -> None:
    output, target = pairs(), torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 1.0], dtype=torch.float64)
    loss = CosineMSE()
    assert loss.needs_for(SCORE) == ("left", "right")
    cosine = F.cosine_similarity(output["left"], output["right"])
    torch.testing.assert_close(loss(output, target, SCORE), (cosine - (target - 1) / 4).square())
    torch.testing.assert_close(loss.predict(output, SCORE)["value"], 1 + 4 * cosine)
    assert loss.gives(SCORE) == ("value",)


def test_labels_of_pairs_are_what_sentence_transformers_takes() -> None:
    """Cosines against 1 and 0, each pair of a batch once: torch's own mse, the mean over all of them."""
    output = pairs()
    cosine = F.cosine_similarity(output["left"].unsqueeze(1), output["right"].unsqueeze(0), dim=-1)
    reference = F.mse_loss(cosine, torch.eye(6, dtype=torch.float64))
    found = CosineMSE(pairs="mean")(output, torch.arange(6), Target("pair", 6))
    torch.testing.assert_close(found.mean(), reference)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_length_is_no_matter(scale: float) -> None:
    output = pairs()
    longer = {side: own * scale for side, own in output.items()}
    values = [CosineMSE()(own, torch.arange(6), Target("pair", 6)) for own in (output, longer)]
    torch.testing.assert_close(*values)
