"""The whole procedure keeps its promise where the truth is known, and is the one that judges real claims."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lossbench.calibration import __main__ as calibration
from lossbench.calibration import population
from lossbench.calibration import worlds as made
from lossbench.calibration.page import FLIGHTS, NOT_PROMISED, page
from lossbench.calibration.procedure import Runs, judge
from lossbench.calibration.simulate import again_row, row, sample_rows, shared_row
from lossbench.calibration.worlds import NOISE, World, alone, choice, worlds
from lossbench.claims.claim import Claim
from lossbench.metrics.families import FAMILIES
from lossbench.metrics.judge import judge as judge_predictions
from lossbench.seeds import numpy_generator
from lossbench.task import Prediction
from lossbench.verdicts.choose import Choice
from lossbench.verdicts.conditions import Layout, tidy
from lossbench.verdicts.judging import judge as judge_frame
from lossbench.verdicts.statistics import Region
from lossbench.verdicts.verdict import Judged

RECORDED = Path(__file__).parents[2] / "experiments" / "calibration" / "results.csv"
VERDICTS = {"supported": 1, "refuted": -1, "inconclusive": 0}
LOSSES = ("mae", "mse", "huber", "hinge")


def frame_of(runs: Runs) -> pd.DataFrame:
    """The runs of one experiment as a report reads them."""
    known = np.ones(runs.test.shape, dtype=bool) if runs.known is None else runs.known
    rows = []
    for place in itertools.product(*map(range, runs.test.shape)):
        loss, rate, seed = place
        if not known[place]:
            continue
        lost = np.isnan(runs.test[place])
        rows.append(
            {
                "run_id": f"{len(rows):032x}",
                "outcome": "diverged" if lost else "finished",
                "reason": None,
                "started": pd.Timestamp("2026-01-01") + pd.Timedelta(seconds=len(rows)),
                "seconds": 1.0,
                "seed": seed,
                "data.name": "mnist",
                "model.name": "mlp",
                "loss.name": LOSSES[loss],
                "optimizer.lr": 0.001 * (rate + 1),
                "val_best/accuracy": runs.validation[place],
                "test/accuracy": runs.test[place],
            }
        )
    return pd.DataFrame(rows)


def by_the_report(runs: Runs, claims: made.Claims, kind: str, margin: float) -> list[Judged]:
    frame = tidy(frame_of(runs))
    asked = [
        Claim(
            f"c{place}",
            "A sentence.",
            "",
            {"loss": LOSSES[one]},
            {"loss": LOSSES[other]},
            metric="accuracy",
            kind=kind,
            margin=margin,
            direction="higher",
        )
        for place, (one, other) in enumerate(claims)
    ]
    return judge_frame(asked, Choice(frame, Layout.of(frame), None, "accuracy"))


@pytest.mark.parametrize(
    "world",
    [
        World("test", "moved", made.moved(choice(0.6, np.zeros(4)), 1.5), (12,), rates=4),
        World("test", "margin", alone("skewed"), (10,), rates=1, kind="as_good_as"),
        World("test", "ties", made.rounded(choice(0.6, np.zeros(3))), (10,), made.BASELINE, rates=3),
        World("test", "diverging", made.moved(made.diverging(0.3), 2.0), (12,), rates=2),
        World("test", "incomplete", made.moved(made.incomplete(0.0), 2.0), (12,), rates=4),
        World("test", "missing", made.moved(made.incomplete(0.03), 2.0), (9,), rates=3),
        World("test", "catastrophes", made.catastrophes, (10,), rates=3),
    ],
    ids=lambda world: world.name,
)
def test_arrays_are_judged_as_the_runs_of_a_report_are(world: World) -> None:
    (seeds,) = world.seeds
    margin = 0.0 if world.kind == "better" else 2.0
    runs = world.runs(numpy_generator(3, world.name), 4, seeds)
    found = set()
    for place in range(4):
        one = runs.one(place)
        fast = judge(one, world.claims, Region.of(world.kind, margin), whole=False)
        whole = judge(one, world.claims, Region.of(world.kind, margin))
        told = by_the_report(one, world.claims, world.kind, margin)
        for quick, seen, judged in zip(fast, whole, told, strict=True):
            assert quick.decision == seen.decision == VERDICTS[judged.verdict]
            interval = seen.evidence.interval
            numbers = [interval.estimate, interval.low, interval.high, *seen.evidence.p]
            expected = [judged.estimate, judged.low, judged.high, judged.p, judged.adjusted_p]
            assert numbers == pytest.approx(expected)
            assert (seen.evidence.repeated or ()) == pytest.approx(judged.repeated or ())
            assert seen.warned == judged.lopsided
            found.add(seen.decision)
    assert world.name not in ("moved", "diverging", "incomplete") or 1 in found


@pytest.mark.parametrize("noise", list(NOISE))
@pytest.mark.parametrize("seeds", [5, 8, 10])
def test_equal_losses_get_at_most_five_percent_false_verdicts(noise: str, seeds: int) -> None:
    found = row(World("test", noise, alone(noise), rates=1), seeds, 1500)
    assert found.false <= 0.05
    assert found.coverage >= 0.93


def test_the_interval_that_repeats_the_choice_is_what_keeps_a_mismatched_choice_from_false_verdicts() -> None:
    slope = np.linspace(-1, 1, 8)
    found = row(World("test", "slope", choice(0.6, np.zeros(8), slope)), 20, 150)
    assert found.paired > 0.3
    assert found.false <= 0.05


def test_luck_that_validation_and_test_share_is_taken_away_from_the_loss_with_more_good_rates() -> None:
    sharp = np.where(np.arange(8) == 4, 0.0, -4.0)
    found = row(World("test", "luck", choice(0.9, np.stack([np.zeros(8), sharp]))), 20, 400)
    assert found.paired > 0.06
    assert found.false <= 0.04


def test_seeds_that_share_examples_miss_and_the_interval_for_new_examples_does_not() -> None:
    found = shared_row("normal", 30, 200)
    assert found.paired > 0.08
    assert found.false < 0.75 * found.paired


def test_looks_that_spend_their_chances_keep_to_five_percent_and_others_do_not() -> None:
    found = again_row(400)
    assert found.paired > 0.07
    assert found.false <= 0.06


def test_reweighted_least_squares_give_what_scikit_learn_finds() -> None:
    from sklearn.linear_model import LogisticRegression, QuantileRegressor

    rng = np.random.default_rng(0)
    known = np.concatenate([np.ones((600, 1)), rng.normal(size=(600, 2))], axis=1)
    target = 20 * known @ np.array([1.0, -2.0, 0.5]) + 20 * rng.standard_t(3, size=600)
    used = np.arange(600) < np.array([[400], [600]])
    classes = np.where(target > 0, 1.0, -1.0)
    squares, absolutes, chances = (
        population.fitted(known, own, used, loss)
        for own, loss in (
            (target, population.squared),
            (target, population.absolute),
            (classes, population.logistic),
        )
    )
    for place, count in enumerate((400, 600)):
        own, aims = known[:count], target[:count]
        assert squares[place] == pytest.approx(np.linalg.lstsq(own, aims)[0])
        exact = QuantileRegressor(alpha=0, fit_intercept=False).fit(own, aims)
        losses = [np.abs(aims - own @ model).mean() for model in (absolutes[place], exact.coef_)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-3)
        exact = LogisticRegression(C=1e9, fit_intercept=False).fit(own, aims > 0)
        assert chances[place] == pytest.approx(exact.coef_[0], rel=0.01)


def test_metrics_of_flights_are_those_of_the_judge() -> None:
    rng = np.random.default_rng(0)
    outputs, target = rng.normal(size=(2, 3, 50))
    values, truth = torch.from_numpy(outputs), torch.from_numpy(target)
    told = judge_predictions(Prediction(value=values), {"continuous": truth}, FAMILIES["continuous"])
    assert population.QUESTIONS["rmse"].measured(outputs, target) == pytest.approx(told["rmse"].numpy())
    told = judge_predictions(Prediction(value=values), {"binary": (truth > 0).long()}, FAMILIES["classes"])
    found = population.QUESTIONS["accuracy"].measured(outputs, np.sign(target))
    assert found == pytest.approx(told["accuracy"].numpy())


@pytest.mark.slow
def test_verdicts_on_small_samples_of_a_real_population_hold_for_new_examples_of_them() -> None:
    known, delay = population.flights()
    assert len(known) == len(delay) == FLIGHTS
    samples = [population.sample("rmse", number) for number in range(60)]
    assert samples[0].truth == population.sample("rmse", 0).truth
    rows = {(one.part, one.seeds): one for one in sample_rows("rmse", samples)}
    assert rows[("population", 40)].paired > 0.15  # seeds alone: the share of examples does not average out
    for seeds in (10, 20, 40):
        found = rows[("population", seeds)]
        assert found.false <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 60)
        assert found.coverage >= 0.95 - 2 * np.sqrt(0.05 * 0.95 / 60)
    assert all(one.truth > 0 for one in samples)  # least squares give the better rmse


def test_what_is_false_follows_from_the_truth() -> None:
    found = row(World("planted", "far", made.moved(alone("normal"), 4.0), rates=1, truth=4.0), 10, 50)
    assert (found.supported, found.refuted, found.false, found.found) == (1.0, 0.0, 0.0, 1.0)
    edge = row(World("margin", "edge", made.moved(alone("normal"), 2.0), rates=1, kind="as_good_as"), 10, 50)
    assert edge.false == edge.refuted  # for a truth of 0 that is recorded wrongly, `supported` would be right
    waits = row(World("test", "waits", made.incomplete(0.5)), 10, 20)
    assert (waits.waits, waits.supported, waits.refuted) == (1.0, 0.0, 0.0)


def test_worlds_have_names_of_their_own_and_make_what_they_say() -> None:
    found = list(worlds())
    assert len({(one.part, one.name, one.truth) for one in found}) == len(found)
    assert {seeds for one in found for seeds in one.seeds} >= {3, 6, 10, 20, 40}
    for world in found:
        runs = world.runs(np.random.default_rng(0), 2, 6)
        assert runs.test.shape == runs.validation.shape
        assert runs.test.shape[2:] == (world.rates, 6)
    spread = alone("skewed")(np.random.default_rng(0), (20_000, 2, 1, 6)).test
    assert spread.std() == pytest.approx(1.0, abs=0.1)
    falls = made.catastrophes(np.random.default_rng(0), (20_000, 2, 1, 6)).test
    assert falls.mean(axis=(0, 2, 3)) == pytest.approx([0.0, 0.0], abs=0.1)


def test_the_recorded_table_keeps_the_promise_that_the_page_claims() -> None:
    table = pd.read_csv(RECORDED)
    promised = table[~table["part"].isin(NOT_PROMISED)]
    assert (promised.loc[~promised["part"].isin(("mismatch", "population")), "experiments"] >= 1000).all()
    error = np.sqrt(0.05 * 0.95 / promised["experiments"])  # of a simulated share
    assert (promised["false"] <= 0.05 + 2 * error).all()
    assert promised["coverage"].min() >= 0.93
    assert page(table) == (RECORDED.parent / "README.md").read_text()


def test_the_first_lines_say_where_the_promise_holds_and_where_not() -> None:
    table = pd.read_csv(RECORDED)
    kept = table.assign(false=table["false"].where(table["part"] == "limit", table["false"].clip(upper=0.05)))
    told = page(kept).split("\n\n")[1]
    assert told.startswith("**Yes: in ")
    assert "rare catastrophes, no choice: up to" in told
    spoiled = table.assign(false=table["false"].where(table["part"] != "alone", 0.08))
    assert "at most 8.0%" in page(spoiled)
    assert page(spoiled).split("\n\n")[1].startswith("**Nearly: in ")


@pytest.mark.slow
def test_the_recorded_table_is_what_the_command_writes(tmp_path: Path) -> None:
    calibration.main(tmp_path)
    names, numbers = ["part", "world", "seeds"], ["supported", "refuted", "false", "coverage"]
    found, recorded = pd.read_csv(tmp_path / "results.csv"), pd.read_csv(RECORDED)
    assert found[names].equals(recorded[names])
    assert np.allclose(found[numbers], recorded[numbers], atol=1e-9, equal_nan=True)  # some have no coverage
    assert (tmp_path / "README.md").read_text() == (RECORDED.parent / "README.md").read_text()
