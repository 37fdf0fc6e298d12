"""What is known of networks on handwritten digits holds here."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lossbench.job import Member
from lossbench.pack.fate import MemberResult

Train = Callable[..., list[tuple[Member, MemberResult]]]


@pytest.mark.slow
def test_a_small_cnn_reads_5000_digits(train: Train) -> None:
    knobs = "optimizer.lr=0.003 optimizer.schedule=linear trainer.max_epochs=8"
    ((_, result),) = train(f"data=mnist_5k model=cnn loss=cce {knobs}", mode="loop")
    assert result.metrics["test/accuracy"] >= 0.96


@pytest.mark.parametrize(("model", "mode"), [("mlp", "vmap"), ("mlp", "loop"), ("cnn", "loop")])
def test_kl_without_smoothing_and_cross_entropy_are_one_run(train: Train, model: str, mode: str) -> None:
    """A test of the harness itself: two losses that are equal on paper train alike, epoch by epoch."""
    base = f"data=mnist_5k data.train_size=500 model={model} trainer.max_epochs=4"
    (_, cce), (_, kl) = train(f"{base} loss=cce", f"{base} loss=kl loss.label_smoothing=0", mode=mode)
    assert kl.metrics == pytest.approx(cce.metrics, abs=1e-4)
    assert kl.history.keys() == cce.history.keys()
    for name, curve in cce.history.items():
        assert kl.history[name] == [(epoch, pytest.approx(value, abs=1e-4)) for epoch, value in curve], name
    assert cce.metrics["test/accuracy"] > 0.8


def test_kl_with_smoothing_is_another_run(train: Train) -> None:
    """The test above compares what can differ."""
    base = "data=mnist_5k data.train_size=500 model=mlp trainer.max_epochs=1"
    (_, cce), (_, kl) = train(f"{base} loss=cce", f"{base} loss=kl loss.label_smoothing=0.1")
    assert kl.metrics["test/nll"] != pytest.approx(cce.metrics["test/nll"], abs=1e-3)
