"""A member of a pack equals the run alone, to the bit: stacked, in turns, for every loss and optimizer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from lossbench.config import Job
from lossbench.data.cache import DataCache
from lossbench.pack.fit import fit

Compose = Callable[..., list[Job]]

DIGITS = "data=mnist_5k model=linear data.train_size=200 data.val_size=50 data.test_size=100"
VALUES = [f"loss={loss}" for loss in ("mse", "mae", "huber")]
CLASSES = [f"{DIGITS} loss={loss}" for loss in ("mse", "mae", "huber", "bce", "cce", "hinge", "kl")]
EMBEDDINGS = [f"{DIGITS} loss={loss}" for loss in ("contrastive", "triplet")]


def results(jobs: list[Job], mode: str) -> list[tuple[dict[str, float], dict[str, list[tuple[int, float]]]]]:
    """Final metrics and curves of each member of one pack."""
    fitted = fit([job.member for job in jobs], mode, DataCache())
    assert [result.outcome for result in fitted] == ["finished"] * len(jobs)
    return [(result.metrics, result.history) for result in fitted]


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize("pack", [VALUES, CLASSES, EMBEDDINGS], ids=["values", "classes", "embeddings"])
def test_each_loss_in_a_pack_has_the_numbers_it_has_alone(jobs: Compose, pack: list[str], mode: str) -> None:
    overrides = [f"{loss} seed={seed} trainer.max_epochs=2" for loss in pack for seed in (0, 1)]
    together = jobs(*overrides, small="mnist" not in pack[0])
    packed = results(together, mode)
    for job, member in zip(together, packed, strict=True):
        assert results([job], mode) == [member], job.name


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize(
    "optimizer",
    [
        "optimizer=sgd optimizer.clip=1.0",
        "optimizer=adam optimizer.schedule=cosine",
        "optimizer=adamw optimizer.weight_decay=0.1",
    ],
)
def test_each_optimizer_and_rate_in_a_pack_has_the_numbers_it_has_alone(
    jobs: Compose, optimizer: str, mode: str
) -> None:
    knobs = [(lr, delta) for lr in (1e-3, 1e-2) for delta in (0.5, 2)]
    overrides = [f"{optimizer} loss=huber optimizer.lr={lr} loss.delta={delta}" for lr, delta in knobs]
    together = jobs(*overrides)
    packed = results(together, mode)
    for job, member in zip(together, packed, strict=True):
        assert results([job], mode) == [member], job.name


def test_dropout_draws_for_each_member_on_its_own(jobs: Compose) -> None:
    together = jobs(*[f"model.dropout=0.3 loss=mse seed={seed}" for seed in (0, 1, 2)])
    packed = results(together, "vmap")
    for job, member in zip(together, packed, strict=True):
        assert results([job], "vmap") == [member]
    assert results(jobs("loss=mse seed=0"), "vmap")[0] != packed[0]  # it does drop


@pytest.mark.parametrize("loss", ["mse", "huber", "mae"])
def test_stacked_and_in_turns_agree_to_rounding(jobs: Compose, loss: str) -> None:
    """The two modes multiply in different orders, and training amplifies the rounding."""
    one = jobs(f"loss={loss} seed=3 optimizer=sgd optimizer.lr=0.001")
    (stacked, curves), (turns, other_curves) = results(one, "vmap")[0], results(one, "loop")[0]
    assert stacked == pytest.approx(turns, rel=1e-5)
    assert curves.keys() == other_curves.keys()


def test_a_pack_trains_the_same_twice(jobs: Compose) -> None:
    pack = jobs("loss=mse seed=0", "loss=mae seed=1")
    assert results(pack, "vmap") == results(pack, "vmap")


def test_a_fit_leaves_the_global_generator_as_it_was(jobs: Compose) -> None:
    before = torch.random.get_rng_state()
    results(jobs("loss=mse"), "loop")
    assert torch.equal(before, torch.random.get_rng_state())
