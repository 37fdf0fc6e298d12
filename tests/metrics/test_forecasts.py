"""Metrics of forecasts agree with scikit-learn, numpy and closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as reference
from sklearn.dummy import DummyRegressor

from lossbench.claims.claim import Experiment
from lossbench.data.outliers import Outliers
from lossbench.data.series import Series
from lossbench.errors import InputError
from lossbench.losses.pinball import Pinball
from lossbench.metrics.families import FAMILIES
from lossbench.metrics.forecasts import of_quantiles, of_total, scaled
from lossbench.metrics.judge import judge
from lossbench.metrics.measure import Metric
from lossbench.metrics.names import LEVELS, METRICS, coverage_of
from lossbench.metrics.recorded import as_text, of_text
from lossbench.task import WEIGHT, Target

SHAPES = [(7,), (100,), (40, 3), (40, 3, 2)]
THREE = (0.1, 0.5, 0.9)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def levels_of(levels: tuple[float, ...], examples: int) -> torch.Tensor:
    return torch.tensor(levels).expand(1, examples, -1)


@pytest.mark.parametrize(("shape", "columns"), [*((own, False) for own in SHAPES), ((40, 3, 2), True)])
def test_mase_is_the_error_in_units_of_the_naive_one(shape: tuple[int, ...], columns: bool) -> None:
    value, target = drawn(2, *shape), drawn(2, *shape, seed=1)
    scale = drawn(2, shape[0], *([2] if columns else []), seed=2).abs() + 0.1
    by_hand = scale.numpy()
    while by_hand.ndim < value.ndim:
        by_hand = np.expand_dims(by_hand, 2)
    expected = ((value - target).abs().numpy() / by_hand).reshape(2, -1).mean(-1)
    np.testing.assert_allclose(scaled(value, target, scale)["mase"], expected, rtol=1e-12)


def test_the_naive_forecast_of_a_series_has_a_mase_of_one_on_its_own_steps() -> None:
    steps = drawn(1, 200).cumsum(-1)
    value, target = steps[:, :-1], steps[:, 1:]
    scale = (target - value).abs().mean(-1, keepdim=True).expand(1, 199)
    assert scaled(value, target, scale)["mase"].item() == pytest.approx(1)


def test_mase_is_undefined_where_the_naive_forecast_makes_no_error() -> None:
    value = drawn(2, 5)
    scale = torch.ones(2, 5, dtype=torch.float64)
    scale[1, 3] = 0
    assert scaled(value, value + 1, scale)["mase"].isnan().tolist() == [False, True]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 1.2])
def test_bias_is_the_total_over_that_of_the_truth(shape: tuple[int, ...], factor: float) -> None:
    target = drawn(2, *shape).exp()
    found = of_total(factor * target, target)
    np.testing.assert_allclose(found["bias"], [factor - 1] * 2, atol=1e-12)
    np.testing.assert_allclose(found["bias_size"], [abs(factor - 1)] * 2, atol=1e-12)
    value = drawn(2, *shape, seed=1)
    expected = value.flatten(1).sum(1) / target.flatten(1).sum(1) - 1
    np.testing.assert_allclose(of_total(value, target)["bias"], expected, rtol=1e-9)


def test_bias_of_truths_that_sum_to_zero_is_undefined() -> None:
    assert of_total(torch.ones(1, 2), torch.tensor([[1.0, -1.0]]))["bias"].isnan().all()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("levels", [(0.1,), THREE, (0.05, 0.33, 0.6, 0.99)], ids=str)
def test_quantiles_are_judged_as_by_scikit_learn_and_numpy(
    shape: tuple[int, ...], levels: tuple[float, ...]
) -> None:
    quantiles, target = drawn(1, *shape, len(levels)), drawn(1, *shape, seed=1)
    found = of_quantiles(quantiles, levels_of(levels, shape[0]), target)
    truth, rows = target.flatten().numpy(), quantiles.flatten(0, -2).numpy()
    scores = [reference.mean_pinball_loss(truth, rows[:, i], alpha=q) for i, q in enumerate(levels)]
    assert found["pinball_score"].item() == pytest.approx(np.mean(scores), rel=1e-12)
    covered = [(truth <= rows[:, i]).mean() for i in range(len(levels))]
    assert found["coverage_error"].item() == pytest.approx(np.abs(np.subtract(covered, levels)).mean())
    for level, own in zip(levels, covered, strict=True):
        if level in LEVELS:
            assert found[coverage_of(level)].item() == pytest.approx(own)
    if len(levels) == 1:
        assert "crossing" not in found
    else:
        assert found["crossing"].item() == pytest.approx((np.diff(rows, axis=1) < 0).any(1).mean())
    named = {coverage_of(q) for q in levels if q in LEVELS}
    assert found.keys() - named == {"pinball_score", "coverage_error", "crossing"} - (
        {"crossing"} if len(levels) == 1 else set()
    )


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_with_the_empirical_quantile_it_gives_scikit_learns_d2(level: float) -> None:
    truth = drawn(1, 200)
    best = DummyRegressor(strategy="quantile", quantile=level).fit(np.zeros((200, 1)), truth[0].numpy())
    constant = torch.full((1, 200, 1), float(best.constant_.item()), dtype=torch.float64)
    mine = truth.unsqueeze(-1) * 0.5
    score, base = (
        of_quantiles(own, levels_of((level,), 200), truth)["pinball_score"].item() for own in (mine, constant)
    )
    expected = reference.d2_pinball_score(truth[0], mine[0, :, 0], alpha=level)
    assert 1 - score / base == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_true_quantiles_of_a_normal_cover_their_levels_and_score_as_the_closed_form(sigma: float) -> None:
    """The expected pinball loss of the true q-quantile of a normal is sigma times its density there."""
    count = 20_001
    truth = torch.from_numpy(sigma * stats.norm.ppf((np.arange(count) + 0.5) / count)).unsqueeze(0)
    quantiles = torch.tensor(sigma * stats.norm.ppf(THREE)).expand(1, count, -1)
    found = of_quantiles(quantiles, levels_of(THREE, count), truth)
    for level in THREE:
        assert found[coverage_of(level)].item() == pytest.approx(level, abs=1e-4)
    assert found["coverage_error"].item() < 1e-4
    assert found["crossing"].item() == 0
    expected = np.mean(sigma * stats.norm.pdf(stats.norm.ppf(THREE)))
    assert found["pinball_score"].item() == pytest.approx(expected, rel=1e-3)


def test_members_of_other_levels_have_none_of_each_others_coverage() -> None:
    quantiles, truth = drawn(2, 50, 2), drawn(2, 50, seed=1)
    levels = torch.tensor([[0.1, 0.5], [0.5, 0.9]]).unsqueeze(1).expand(2, 50, 2)
    found = of_quantiles(quantiles, levels, truth)
    assert found["coverage_0.1"].isnan().tolist() == [False, True]
    assert found["coverage_0.5"].isnan().tolist() == [False, False]
    alone = of_quantiles(quantiles[1:], levels[1:], truth[1:])
    for name, value in alone.items():
        assert found[name][1].item() == pytest.approx(value.item()), name


MEASURED = FAMILIES["forecast"]


@given(st.integers(0, 100), st.booleans())
def test_weights_count_as_repeated_examples_and_none_at_all_where_they_are_zero(
    seed: int, places: bool
) -> None:
    shape = (9, 4) if places else (9,)
    target = drawn(1, *shape, seed=seed).exp()
    quantiles = drawn(1, *shape, 3, seed=seed + 1)
    weight = torch.randint(0, 3, (1, *shape), generator=torch.Generator().manual_seed(seed)).double()
    if not bool((weight > 0).any()):
        return
    scale = drawn(1, 9, seed=seed + 2).abs() + 0.5
    broken = quantiles.masked_fill((weight == 0).unsqueeze(-1), 1e30)
    predicted = {"value": broken[..., 1], "quantiles": broken, "levels": levels_of(THREE, 9)}
    found = judge(predicted, {"continuous": target, "naive_scale": scale, WEIGHT: weight}, MEASURED)
    times = weight.flatten().long()
    rows = torch.arange(len(times)).repeat_interleave(times)

    def flat(values: torch.Tensor) -> torch.Tensor:
        return values.flatten(1, len(shape))[:, rows]

    wide = scale.reshape(1, 9, *[1] * (len(shape) - 1)).expand(1, *shape)
    repeated = judge(
        {
            "value": flat(quantiles[..., 1]),
            "quantiles": flat(quantiles),
            "levels": levels_of(THREE, len(rows)),
        },
        {"continuous": flat(target), "naive_scale": flat(wide)},
        MEASURED,
    )
    assert found.keys() == repeated.keys()
    for name, value in found.items():
        assert value.item() == pytest.approx(repeated[name].item(), rel=1e-9, abs=1e-9), name


def test_what_pinball_predicts_is_judged_as_it_is_and_a_value_has_no_quantiles() -> None:
    loss, kind = Pinball(levels=THREE), Target("continuous", shape=(4,))
    output, truth = drawn(1, 30, 4, 3).float(), drawn(1, 30, 4, seed=1)
    prediction = loss.predict(output, kind)
    assert prediction["levels"].shape == (1, 30, 3)
    targets = {"continuous": truth, "naive_scale": torch.ones(1, 30, dtype=torch.float64)}
    found = judge(prediction, targets, MEASURED)
    assert {"mase", "bias", "crossing", "coverage_0.1", "coverage_0.5", "coverage_0.9"} <= found.keys()
    assert judge({"value": truth}, targets, MEASURED).keys() == {"mase", "bias", "bias_size"}


def test_a_metric_that_has_an_aim_is_best_there_and_names_it() -> None:
    metric = METRICS["coverage_0.9"]
    assert (metric.aim, metric.best, metric.direction) == (0.9, 0.9, "nearest to 0.9")
    values, best = torch.tensor([0.95, 0.7, 0.9]), torch.tensor([0.8, 0.8, torch.nan])
    assert metric.improves(values, best).tolist() == [True, False, True]


@pytest.mark.parametrize(("metric", "other"), [("bias", "bias_size"), ("coverage_0.9", "coverage_error")])
def test_no_judgement_rests_on_a_metric_without_a_better_side(metric: str, other: str) -> None:
    told = rf"^experiment\.judge={metric} is right at [\d.]+, so that neither .*such as {other}\.$"
    with pytest.raises(InputError, match=told):
        Experiment("x", judge=metric).measured(METRICS)
    assert Experiment("x", judge=other).measured(METRICS).judge == other


def test_a_series_records_them_with_their_meanings() -> None:
    source = Series(name="series")
    assert [name for name in ("mase", "bias", "coverage_0.5") if name in source.described] == [
        "mase",
        "bias",
        "coverage_0.5",
    ]
    text = as_text(source.measures)
    assert of_text(text) == source.measures  # none too long for a tag, which would lose the meanings
    known: dict[str, Any] = {m.name: m for one in of_text(text) for m in one.metrics}
    assert known["bias"] == METRICS["bias"]
    assert isinstance(known["mase"], Metric)
    assert math.isclose(known["coverage_0.05"].aim, 0.05)


def test_data_that_is_no_series_is_measured_so_where_it_is_asked() -> None:
    paths = tuple(f"lossbench.metrics.families.{name}" for name in ("TOTAL", "QUANTILES"))
    source = Outliers(name="outliers", metrics=paths)
    assert {"bias", "coverage_0.9", "crossing"} <= source.described.keys()
    assert not {"bias", "crossing"} & Outliers(name="outliers").described.keys()
