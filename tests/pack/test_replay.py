"""Steps of a stack on a GPU: what is recorded once is what would be computed each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from lossbench.data.cache import DataCache
from lossbench.job import Job
from lossbench.losses.mse import MSE
from lossbench.pack import replay
from lossbench.pack.fit import fit

Compose = Callable[..., list[Job]]

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no GPU"),
]

DIGITS = "data=mnist_5k data.train_size=200 data.val_size=50 data.test_size=100"
SERIES = "data=electricity data.past=6 model=rnn model.hidden=8 trainer.batch_size=2000 trainer.max_epochs=3"
PACKS = {
    "mlp": [f"loss={loss} seed={seed}" for loss in ("mse", "huber") for seed in (0, 1)],
    "quantiles": ["loss=quantiles", "loss=quantiles seed=1"],
    "dropout": ["loss=mse model.dropout=0.3", "loss=mse model.dropout=0.3 seed=1"],
    "cnn": [f"{DIGITS} model=cnn loss={loss}" for loss in ("cce", "bce", "hinge")],
    "linear": [f"{DIGITS} model=linear loss={loss}" for loss in ("cce", "focal_softmax", "hinge")],
    "embeddings": [f"{DIGITS} model=linear loss={loss}" for loss in ("contrastive", "triplet")],
    "recurrent": [f"{SERIES} loss={loss}" for loss in ("mse", "mae")],
    "vae": [f"{DIGITS} data.task=pixels model=vae loss=elbo seed={seed}" for seed in (0, 1)],
    "optimizer": ["loss=mse optimizer=adamw optimizer.schedule=cosine optimizer.weight_decay=0.1"] * 2,
}


def trained(jobs: list[Job], mode: str = "vmap") -> list[Any]:
    results = fit([job.member for job in jobs], mode, DataCache())
    assert [result.outcome for result in results] == ["finished"] * len(jobs)
    return [(result.metrics, result.history) for result in results]


@pytest.mark.parametrize("pack", list(PACKS))
def test_a_recording_gives_the_numbers_of_each_step_computed(
    jobs: Compose, monkeypatch: pytest.MonkeyPatch, pack: str
) -> None:
    together = jobs(*PACKS[pack], small="data=" not in PACKS[pack][0])
    recorded: list[Any] = []
    record = replay._recorded
    monkeypatch.setattr(replay, "_recorded", lambda *given: recorded.append(1) or record(*given))
    replayed = trained(together)
    assert recorded, "nothing was recorded"
    monkeypatch.setattr(replay, "_BEFORE", 10**9)
    assert replayed == trained(together)


@pytest.mark.parametrize("pack", list(PACKS))
def test_a_member_has_alone_the_numbers_that_it_has_in_company_but_for_rounding(
    jobs: Compose, pack: str
) -> None:
    """A GPU's libraries choose by the size of a stack how a product is summed."""
    together = jobs(*PACKS[pack], small="data=" not in PACKS[pack][0])
    for job, (_, packed) in zip(together, trained(together), strict=True):
        ((_, alone),) = trained([job])
        for (_, one), (_, other) in zip(packed["train/loss"], alone["train/loss"], strict=True):
            assert one == pytest.approx(other, rel=1e-3), job.name


def test_what_a_graph_cannot_hold_is_computed_each_time(
    jobs: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = MSE.__call__

    def asks(self: MSE, *given: Any) -> torch.Tensor:
        values = honest(self, *given)
        return values * values.new_tensor([1.0])  # from this machine's memory

    together = jobs("loss=mse", "loss=mse seed=1")
    wanted = trained(together)
    monkeypatch.setattr(MSE, "__call__", asks)
    assert trained(together) == wanted


def test_the_numbers_are_those_of_the_processor_but_for_rounding(jobs: Compose) -> None:
    on_gpu = trained(jobs("loss=huber"))
    on_cpu = trained(jobs("loss=huber trainer.accelerator=cpu"))
    ((metrics, _),), ((others, _),) = on_gpu, on_cpu
    assert metrics.keys() == others.keys()
    for name, value in metrics.items():
        assert value == pytest.approx(others[name], rel=0.02, abs=1e-3), name
