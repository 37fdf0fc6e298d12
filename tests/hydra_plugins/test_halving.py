"""Trials are dropped as a whole, by validation alone, and as many in every condition."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest

from hydra_plugins.lossbench_launcher._halving import Place, rounds
from lossbench.errors import InputError

LOSSES = (("loss=mse",), ("loss=huber",))


def places(trials: int, seeds: int) -> list[Place]:
    return [
        Place(loss, trial, str(seed)) for loss in LOSSES for seed in range(seeds) for trial in range(trials)
    ]


def trained(
    jobs: Sequence[Place], merit: Callable[[Place], float | None] = lambda place: -place.trial
) -> list[list[Place]]:
    return [
        [jobs[number] for number in numbers] for numbers in rounds(jobs, lambda number: merit(jobs[number]))
    ]


def test_half_of_the_trials_go_on_until_four_are_left() -> None:
    first, second, last = trained(places(16, 10))
    assert [len(one) for one in (first, second, last)] == [2 * 16 * 2, 2 * 8 * 2, 2 * 4 * 6]
    assert {place.trial for place in second} == set(range(8))
    assert {place.trial for place in last} == set(range(4))


def test_what_is_kept_gets_every_seed_and_what_is_dropped_less_than_half() -> None:
    for count, seeds in ((16, 10), (8, 3), (32, 5), (5, 4), (64, 20)):
        jobs = [place for one in trained(places(count, seeds)) for place in one]
        assert len(jobs) == len(set(jobs))
        for loss in LOSSES:
            of_trial = [
                sum(place.condition == loss and place.trial == trial for place in jobs)
                for trial in range(count)
            ]
            kept = [number for number in of_trial if number == seeds]
            assert len(kept) == 4
            assert all(2 * number < seeds for number in of_trial if number != seeds)


def test_few_trials_are_all_kept_which_is_told(caplog: pytest.LogCaptureFixture) -> None:
    (only,) = trained(places(4, 3))
    assert len(only) == 2 * 4 * 3
    assert "halving=true drops nothing of 4 trials, for it keeps 4: ask for more trials." in caplog.text


def test_each_condition_keeps_its_own_best_and_as_many() -> None:
    def merit(place: Place) -> float:
        return place.trial if place.condition == LOSSES[0] else -place.trial

    last = trained(places(8, 5), merit)[-1]
    by_loss = {loss: {place.trial for place in last if place.condition == loss} for loss in LOSSES}
    assert by_loss == {LOSSES[0]: {4, 5, 6, 7}, LOSSES[1]: {0, 1, 2, 3}}


def test_a_trial_that_diverged_goes_first() -> None:
    def merit(place: Place) -> float:
        return -math.inf if place.trial == 0 and place.seed == "1" else -place.trial

    last = trained(places(8, 5), merit)[-1]
    assert {place.trial for place in last} == {1, 2, 3, 4}


def test_a_run_that_failed_says_nothing_of_its_trial() -> None:
    def merit(place: Place) -> float | None:
        if place.seed == "0":
            return None if place.trial == 1 else 100.0 * place.trial
        return -place.trial

    last = trained(places(8, 5), merit)[-1]
    assert {place.trial for place in last} == {0, 1, 2, 3}


def test_a_trial_without_any_result_is_dropped_and_the_best_of_the_others_kept() -> None:
    def merit(place: Place) -> float | None:
        return None if place.trial == 0 else float(place.trial)

    last = trained(places(8, 5), merit)[-1]
    assert {place.trial for place in last} == {4, 5, 6, 7}


def test_two_seeds_are_too_few() -> None:
    with pytest.raises(InputError, match=r"halving=true drops trials .* so it takes 3 seeds; got 2"):
        trained(places(8, 2))
