"""The choice among trials, and the interval that repeats it."""

from __future__ import annotations

import numpy as np
import pytest

from lossbench.verdicts.sign_flips import Floats
from lossbench.verdicts.statistics import Region, claim_p, decide, paired_interval
from lossbench.verdicts.trials import Trials, best_first, competing, drawn_weights, expanded

EVEN = np.ones((1, 3))


def trials(
    validation: list[list[float]], test: list[list[float]] | None = None, higher: bool = True
) -> Trials:
    return Trials(np.array(validation), np.array(test or validation), higher)


@pytest.mark.parametrize(("higher", "chosen"), [(True, 1), (False, 0)])
def test_best_mean_of_validation_is_chosen(higher: bool, chosen: int) -> None:
    assert trials([[1, 1, 1], [2, 2, 0]], higher=higher).choose(EVEN)[0] == chosen


def test_seeds_count_as_often_as_they_were_drawn() -> None:
    one = trials([[1, 1, 1], [5, 0, 0]])
    assert one.choose(np.array([[3.0, 0, 0], [0, 2, 1]])).tolist() == [1, 0]
    assert one.tested(np.array([[3.0, 0, 0], [0, 2, 1]])).tolist() == [5.0, 1.0]


def test_first_of_equal_trials_is_chosen() -> None:
    assert trials([[1, 2, 3], [3, 2, 1]]).choose(EVEN)[0] == 0


def test_trial_that_diverged_comes_behind_one_that_did_not_whatever_its_mean() -> None:
    one = trials([[9, 9, np.nan], [1, 1, 1]])
    assert one.choose(EVEN)[0] == 1
    assert one.choose(np.array([[2.0, 1, 0]]))[0] == 0  # the seed on which it diverged was not drawn


def test_trials_are_preferred_by_divergence_then_by_their_mean_then_in_their_order() -> None:
    lost, score = [0, 1, 0, 0, 3], [1.0, 9.0, 2.0, 1.0, np.nan]
    assert best_first(lost, score, higher=True).tolist() == [2, 0, 3, 1, 4]
    assert best_first(lost, score, higher=False).tolist() == [0, 3, 2, 1, 4]


def test_trials_compete_on_the_seeds_that_all_of_them_have_and_one_with_few_does_not() -> None:
    known = np.array([[True] * 6, [True] * 5 + [False], [True] * 2 + [False] * 4])
    trials, seeds, missing = competing(known)
    assert trials.tolist() == [True, True, False]
    assert seeds.tolist() == [True] * 5 + [False]
    assert missing == 1


def test_trials_on_some_seeds_are_those_seeds() -> None:
    values = np.arange(8.0).reshape(2, 4)
    part = Trials(values, -values, True, (3, 5, 7, 9)).on([5, 9])
    assert (part.validation.tolist(), part.seeds) == ([[1, 3], [5, 7]], (5, 9))
    assert part.test.tolist() == (-part.validation).tolist()


def test_condition_that_diverged_everywhere_has_no_test() -> None:
    assert np.isnan(trials([[np.nan] * 3, [np.nan] * 3]).tested(EVEN)).all()


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="must be"):
        Trials(np.ones((2, 3)), np.ones((2, 4)), True)


def test_with_one_trial_the_interval_is_about_the_paired_one() -> None:
    left, right = np.random.default_rng(0).normal(size=(2, 1, 40))
    drawn = Trials(left, left, True).drawn - Trials(right, right, True).drawn
    paired = paired_interval((left - right)[0])
    low, high = expanded(drawn, 40)
    assert (low, high) == pytest.approx((float(paired.low), float(paired.high)), abs=0.06)


def test_interval_is_the_same_each_time_and_endless_with_one_seed() -> None:
    values = np.random.default_rng(1).normal(size=(2, 3, 8))
    first, again = (Trials(*values, True).drawn for _ in range(2))
    assert expanded(first, 8) == expanded(again, 8)
    alone = Trials(values[0][:, :1], values[1][:, :1], True).drawn
    assert expanded(alone, 1) == (-np.inf, np.inf)


def test_draws_are_centred_on_what_the_seeds_give_that_each_left_out() -> None:
    values = np.random.default_rng(3).normal(size=(5, 8))
    one, weights = Trials(values, values + 1, True), drawn_weights(8)
    left_out = [
        (values[(weights[draw] @ values.T).argmax()] + 1)[weights[draw] == 0].mean()
        for draw in range(len(weights))
        if (weights[draw] == 0).any()
    ]
    everyone = (weights > 0).all(axis=1)  # such a draw tells nothing of the luck
    assert one.drawn[~everyone].mean() == pytest.approx(np.mean(left_out), abs=1e-3)
    assert one.drawn.std() == pytest.approx(one.tested(weights).std())


def test_luck_that_validation_and_test_share_does_not_move_the_draws() -> None:
    rng = np.random.default_rng(4)
    many = [Trials(values, values, True) for values in rng.normal(size=(100, 8, 12))]
    plain = [one.tested(drawn_weights(12)).mean() for one in many]
    assert np.mean(plain) > 0.4  # no trial is better than another, nor than 0
    assert np.mean([one.drawn.mean() for one in many]) == pytest.approx(0.0, abs=0.08)


def test_a_lone_trial_and_a_lone_seed_have_no_luck_to_take_away() -> None:
    values = np.random.default_rng(5).normal(size=(2, 6))
    assert np.array_equal(
        Trials(values[:1], values[:1], True).drawn,
        Trials(values[:1], values[:1], True).tested(drawn_weights(6)),
    )
    assert np.array_equal(Trials(values[:, :1], values[:, :1], True).drawn, np.full(4000, values[:, 0].max()))


def test_a_trial_that_diverged_on_seeds_left_out_tells_nothing_of_the_luck() -> None:
    values = np.random.default_rng(6).normal(size=(3, 8))
    values[0, 0] = np.nan
    assert np.isfinite(Trials(values, values, True).drawn).all()
    lost = np.full((2, 8), np.nan)
    assert np.isnan(Trials(lost, lost, True).drawn).all()


def mismatched(rng: np.random.Generator) -> tuple[Trials, Trials]:
    """A loss against itself: validation cannot tell eight rates apart, the claim's metric falls over them."""

    def side() -> Trials:
        falls: Floats = np.linspace(2, -2, 8)[:, None] + rng.normal(size=(8, 20))
        return Trials(rng.normal(size=(8, 20)), falls, True)

    return side(), side()


def test_loss_against_itself_gets_no_verdict_through_a_choice_by_another_metric() -> None:
    rng, better = np.random.default_rng(2), Region.of("better", 0.0)
    false = {"paired": 0, "both": 0}
    for _ in range(60):
        pair = mismatched(rng)
        left, right = (one.test[one.chosen] for one in pair)
        paired = int(decide(paired_interval(left - right), claim_p(left - right, better), better)) != 0
        low, high = expanded(pair[0].drawn - pair[1].drawn, 20)
        false["paired"] += paired
        false["both"] += paired and not low <= 0 <= high
    assert false["paired"] > 20  # the fault: it was so in 15 to 47% of recorded worlds
    assert false["both"] <= 3


@pytest.mark.parametrize("lost", [[], [(0, 1)], [(0, 1), (1, 1), (1, 4)]])
def test_each_weighting_counts_what_is_known(lost: list[tuple[int, int]]) -> None:
    values = np.random.default_rng(3).normal(size=(2, 6))
    for place in lost:
        values[place] = np.nan
    weights = np.array(
        [[1, 1, 1, 1, 1, 1], [0, 3, 0, 1, 2, 0], [2, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]], float
    )
    tested = Trials(values, values, False).tested(weights)
    for own, found in zip(weights, tested, strict=True):
        times = np.repeat(values, own.astype(int), axis=1)  # each seed as often as it counts
        if not own.any():
            assert np.isnan(found)
            continue
        failed, mean = np.isnan(times).sum(axis=1), np.nanmean(times, axis=1)
        best = min(range(2), key=lambda trial: (failed[trial], mean[trial]))
        assert np.isnan(found) if failed[best] else found == pytest.approx(mean[best])
