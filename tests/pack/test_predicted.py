"""What a loss makes of outputs in `predict` is its own in any company, and is what other losses score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from torch import Tensor

from lossbench.config.choice import knob
from lossbench.job import Job
from lossbench.losses.cce import CCE
from lossbench.losses.mse import MSE
from lossbench.pack.fit import fit
from lossbench.task import Prediction, Target

Compose = Callable[..., list[Job]]
DIGITS = (
    "data=mnist_5k model=linear data.train_size=64 data.val_size=40 data.test_size=50 trainer.max_epochs=2"
)


@dataclass(frozen=True, kw_only=True)
class Cooled(CCE):
    """Cross-entropy, with probabilities that a knob makes flatter."""

    temperature: float = knob(1.0, above=0)

    def predict(self, output: Tensor, kind: Target) -> Prediction:
        return super().predict(output / self.temperature, kind)


@dataclass(frozen=True, kw_only=True)
class Doubled(MSE):
    """Squared error of twice the outputs."""

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return super().__call__(2 * output, target, kind)

    def predict(self, output: Tensor, kind: Target) -> Prediction:
        return super().predict(2 * output, kind)


@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_a_knob_that_predict_reads_is_that_of_each_member(jobs: Compose, mode: str) -> None:
    (one,) = jobs(f"{DIGITS} loss=cce", small=False)
    (other,) = jobs(f"{DIGITS} loss=cce seed=1", small=False)
    pack = [
        replace(job.member, loss=Cooled(name="cooled", temperature=temperature))
        for job, temperature in ((one, 1.0), (one, 4.0), (other, 1.0), (other, 0.5))
    ]
    together = fit(pack, mode)
    assert together == [fit([member], mode)[0] for member in pack]
    first, flat = (result.metrics for result in together[:2])
    assert first["test/accuracy"] == flat["test/accuracy"]
    assert first["test/nll"] != flat["test/nll"]


def test_other_losses_score_the_value_that_a_loss_predicts(jobs: Compose) -> None:
    (job,) = jobs("loss=mse")
    (plain,) = fit([job.member], "vmap")
    (doubled,) = fit([replace(job.member, loss=Doubled(name="doubled"))], "vmap")
    assert plain.metrics["test_cross/mse"] > 0
    scale = plain.metrics["test/rmse"] ** 2 / plain.metrics["test_cross/mse"]  # of the units, squared
    assert doubled.metrics["test_cross/mse"] * scale == pytest.approx(
        doubled.metrics["test/rmse"] ** 2, rel=1e-4
    )


def test_other_losses_score_the_box_that_a_loss_predicts_from_where_boxes_are_counted(jobs: Compose) -> None:
    (job,) = jobs("data=boxes_digits data.size=8 model=linear loss=mse")
    for loss in (job.member.loss, Doubled(name="doubled")):
        (result,) = fit([replace(job.member, loss=loss)], "vmap")
        assert 0 < result.metrics["test/mean_iou"] < 1
        assert result.metrics["test_cross/iou"] == pytest.approx(
            1 - result.metrics["test/mean_iou"], rel=1e-4
        )
