"""What each loss of values elicits, trained by the real path on data whose inputs say nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from omegaconf import DictConfig
from one_number import OneNumber

from lossbench.job import Member, jobs_from
from lossbench.losses.berhu import BerHu
from lossbench.losses.huber import Huber
from lossbench.losses.log_cosh import LogCosh
from lossbench.losses.log_l1 import LogL1
from lossbench.losses.loss import Loss
from lossbench.losses.mae import MAE
from lossbench.losses.mape import MAPE
from lossbench.losses.mse import MSE
from lossbench.losses.pinball import Pinball
from lossbench.pack.fit import fit

LOSSES: dict[str, Loss] = {
    "mse": MSE(),
    "mae": MAE(),
    "mape": MAPE(),
    "log_cosh": LogCosh(),
    "huber": Huber(),
    "berhu": BerHu(),
    "log_l1": LogL1(),
    **{f"pinball {level}": Pinball(level=level) for level in (0.1, 0.5, 0.9)},
}
LEVELS = (0.1, 0.5, 0.9)
STEPS = 400
SOURCE = OneNumber(size=200 * STEPS)  # one epoch, so that no validation chooses among weights
MEAN = math.exp(0.5)


def trained(composed: Callable[..., DictConfig], *losses: Loss) -> list[dict[str, np.ndarray]]:
    """The test predictions of a linear model for each loss, all of one pack."""
    (job,) = jobs_from([composed("model=linear", "optimizer.schedule=linear", "optimizer.lr=0.05")])

    def member(loss: Loss) -> Member:
        trainer = replace(job.member.trainer, batch_size=200, max_epochs=1)
        return replace(job.member, loss=loss, source=SOURCE, target=SOURCE.targets()[0], trainer=trainer)

    results = fit([member(loss) for loss in losses], "vmap")
    assert [one.outcome for one in results] == ["finished"] * len(losses)
    return [one.predictions or {} for one in results]


@pytest.fixture(scope="module")
def elicited(composed: Callable[..., DictConfig]) -> dict[str, float]:
    """The one number that each loss has learned of log-normal targets with sigma 1."""
    found = trained(composed, *LOSSES.values())
    return {name: float(own["value"].mean()) for name, own in zip(LOSSES, found, strict=True)}


@pytest.mark.parametrize(
    ("loss", "share"),
    [("mse", 1.0), ("mae", math.exp(-0.5)), ("mape", math.exp(-1.5))],
    ids=["mse", "mae", "mape"],
)
def test_of_the_mean_it_learns_the_share_that_theory_gives(
    elicited: dict[str, float], loss: str, share: float
) -> None:
    """Mean, median and (-1)-median: 1, 0.607 and 0.223 of the mean."""
    assert elicited[loss] / MEAN == pytest.approx(share, rel=0.03)


@pytest.mark.parametrize("level", LEVELS)
def test_pinball_covers_its_level(elicited: dict[str, float], level: float) -> None:
    truth = SOURCE.of_part()["continuous"]
    assert float((truth <= elicited[f"pinball {level}"]).double().mean()) == pytest.approx(level, abs=0.015)


@pytest.mark.parametrize("loss", ["log_cosh", "huber", "berhu"])
def test_between_square_and_line_it_learns_what_lies_between_mean_and_median(
    elicited: dict[str, float], loss: str
) -> None:
    assert 1.03 * elicited["mae"] < elicited[loss] < 0.97 * elicited["mse"]


def test_the_logarithm_of_errors_learns_what_lies_between_median_and_mode(elicited: dict[str, float]) -> None:
    """The mode of a log-normal with sigma 1 is 0.368, its median 1."""
    assert 1.03 * math.exp(-1) < elicited["log_l1"] < 0.97 * elicited["mae"]


def test_several_quantiles_at_once_cover_their_levels_in_order(composed: Callable[..., DictConfig]) -> None:
    (found,) = trained(composed, Pinball(levels=LEVELS))
    truth = found["target_continuous"]
    covered = (truth[:, None] <= found["quantiles"]).mean(0)
    np.testing.assert_allclose(covered, LEVELS, atol=0.015)
    assert (np.diff(found["quantiles"], axis=1) > 0).all()
    assert np.array_equal(found["value"], found["quantiles"][:, 1])
