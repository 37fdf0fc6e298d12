"""Tidy data that looks like what a report holds, and a report without any runs behind it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

LOSSES = ("mse", "mae", "huber")


@pytest.fixture
def by_level() -> pd.DataFrame:
    """Three losses, three contaminations, five seeds: mse worsens tenfold."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        [
            {
                "loss.name": loss,
                "data.contamination": level,
                "seed": seed,
                "value": worth * (1 + level) + 0.01 * rng.normal(),
            }
            for loss, worth in zip(LOSSES, (3.0, 1.0, 2.0), strict=True)
            for level in (0.0, 0.2, 0.4)
            for seed in range(5)
        ]
    )


def class_run(seed: int = 0, right: float = 0.9, **extra: Any) -> dict[str, Any]:
    """Three classes, 90 examples, of which a share is predicted right, with high confidence."""
    rng = np.random.default_rng(seed)
    target = np.repeat(np.arange(3), 30)
    taken = np.where(rng.random(90) < right, target, (target + 1) % 3)
    probabilities = np.full((90, 3), 0.05)
    probabilities[np.arange(90), taken] = 0.9
    return {
        "scores": np.log(probabilities),
        "probabilities": probabilities,
        "target_multiclass": target,
        **extra,
    }


def embedding_run(seed: int = 0, spread: float = 0.1) -> dict[str, Any]:
    """Six people around six corners."""
    rng = np.random.default_rng(seed)
    people = np.repeat(np.arange(6), 8)
    return {
        "embedding": np.eye(6)[people] + spread * rng.normal(size=(48, 6)),
        "target_identity": people,
    }


@pytest.fixture
def runs_of_classes() -> dict[str, list[dict[str, Any]]]:
    return {"cce": [class_run(0), class_run(1)], "kl": [class_run(2, 0.6)]}


@pytest.fixture
def runs_of_embeddings() -> dict[str, list[dict[str, Any]]]:
    return {
        "contrastive": [embedding_run(seed) for seed in range(4)],
        "triplet": [embedding_run(seed, 2.0) for seed in range(4)],
    }
