"""Small data sets drawn from a large table, so that the rest of the table knows the truth.

A data set of 2,000 flights is cut anew by every seed, as experiments do: linear models are trained on 1,200
of its rows by two losses each and compared on 400. On the flights that it does not hold, the same training
gives what is true of it on new examples; the mean over all data sets is what is true of their kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lossbench.seeds import numpy_generator
from lossbench.verdicts.comparison import Evidence
from lossbench.verdicts.examples import Examples
from lossbench.verdicts.sign_flips import Floats
from lossbench.verdicts.statistics import Interval, Region, claim_p, decide, paired_interval

ROWS, TRAINED, TESTED = 2000, 1200, 400
SEEDS = (10, 20, 40)
FRESH = 20  # test sets of new flights on which each of 40 models is measured for the truth
STEPS = 10  # of reweighted least squares, from zero
CARRIERS = ("UA", "B6", "EV", "DL", "AA", "MQ")  # those with more than 20,000 flights
MINUTE = 1.0  # below it an absolute error counts as a squared one, which has a second derivative

Step = Callable[[Floats, Floats], tuple[Floats, Floats]]
"""From outputs (S, N) and targets (N,) to the weights and the targets of the least squares to solve next."""


def squared(outputs: Floats, target: Floats) -> tuple[Floats, Floats]:
    """The mean squared error: least squares as they are."""
    return np.ones_like(outputs), np.broadcast_to(target, outputs.shape)


def absolute(outputs: Floats, target: Floats) -> tuple[Floats, Floats]:
    """The mean absolute error."""
    return 1 / np.maximum(np.abs(target - outputs), MINUTE), np.broadcast_to(target, outputs.shape)


def logistic(outputs: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Cross-entropy of two classes, -1 and 1, by Newton's method."""
    chance = 1 / (1 + np.exp(-outputs))
    weights = np.maximum(chance * (1 - chance), 1e-6)
    return weights, outputs + ((target + 1) / 2 - chance) / weights


@dataclass(frozen=True)
class Question:
    """What two losses are compared in.

    target: of the stored predictions.
    sign: 1 where more of the metric is better, else -1.
    """

    metric: str
    losses: tuple[Step, Step]
    target: str
    sign: float

    def measured(self, outputs: Floats, target: Floats) -> Floats:
        """The metric over the last axis."""
        if self.metric == "rmse":
            return np.asarray(np.sqrt(np.mean((outputs - target) ** 2, axis=-1)))
        return np.asarray(np.mean((outputs > 0) == (target > 0), axis=-1))


QUESTIONS: Mapping[str, Question] = MappingProxyType(
    {
        "rmse": Question("rmse", (squared, absolute), "continuous", -1.0),
        "accuracy": Question("accuracy", (logistic, squared), "binary", 1.0),
    }
)


@dataclass(frozen=True, eq=False)
class Sample:
    """What the runs on one data set gave.

    truth: the difference that these trainings have on new examples, positive where the first loss is better.
    differences: (S,) by seed.
    wide: intervals for new examples, by the number of seeds.
    """

    truth: float
    differences: Floats
    wide: Mapping[int, Interval]

    def decision(self, seeds: int, truth: float, *, alone: bool = False) -> int:
        """The verdict on "the difference exceeds this": false, whichever it is, where that is the truth.

        Seeds alone do not count the chance of the examples.
        """
        differences, region = self.differences[:seeds], Region(low=truth)
        interval = paired_interval(differences) if alone else self.wide[seeds]
        if decide(interval, 0.0, region) == 0:  # whatever the p, which takes long
            return 0
        p = float(claim_p(differences, region))
        return Evidence(interval, None, (p, p), examples=not alone).decision(region)


@cache
def flights() -> tuple[Floats, Floats]:
    """What is known before departure (N, P), and the minutes by which the flight came late (N,)."""
    from lossbench.data.flights import read_flights

    table = read_flights()
    numbers = np.stack([table["month"], table["hour"], table["distance"]], axis=1).astype(float)
    numbers = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
    of = [table["origin"] == name for name in ("EWR", "JFK")]
    of += [table["carrier"] == name for name in CARRIERS]
    one = np.ones((len(table), 1))
    known = np.concatenate([one, numbers, numbers**2, np.stack(of, axis=1).astype(float)], axis=1)
    return known, table["arr_delay"].to_numpy(float)


def fitted(known: Floats, target: Floats, used: NDArray[np.bool_], loss: Step) -> Floats:
    """(S, P) linear models, each trained on the rows (S, N) that it uses."""
    models: Floats = np.zeros((len(used), known.shape[1]))
    products = (known[:, :, None] * known[:, None, :]).reshape(len(known), -1)
    for _ in range(STEPS):
        weights, aims = loss(models @ known.T, target)
        weights = weights * used
        gram = (weights @ products).reshape(len(used), known.shape[1], -1)
        models = np.asarray(np.linalg.solve(gram, ((weights * aims) @ known)[..., None])[..., 0], np.float64)
    return models


def sample(metric: str, number: int) -> Sample:
    """The data set of this number, and what both losses give on it."""
    question, (known, delay) = QUESTIONS[metric], flights()
    target = delay if metric == "rmse" else np.where(delay > 0, 1.0, -1.0)
    rng = numpy_generator(number, "calibration", "flights", metric)
    rows = rng.choice(len(known), ROWS, replace=False)
    cuts = rng.permuted(np.tile(np.arange(ROWS), (2 * SEEDS[-1], 1)), axis=1)
    used = np.zeros(cuts.shape, dtype=bool)
    np.put_along_axis(used, cuts[:, :TRAINED], True, axis=1)
    models = [fitted(known[rows], target[rows], used, loss) for loss in question.losses]
    judged, others = ([own[part] for own in models] for part in (slice(SEEDS[-1]), slice(SEEDS[-1], None)))
    tested = rows[cuts[: SEEDS[-1], -TESTED:]]
    outputs = [np.einsum("snp,sp->sn", known[tested], own) for own in judged]
    first, second = (question.measured(own, target[tested]) for own in outputs)
    differences = question.sign * (first - second)
    wide = _for_new_examples(question, differences, outputs, target[tested], tested)
    rest = np.delete(np.arange(len(known)), rows)
    return Sample(_truth(question, (known, target), others, rest, rng), differences, wide)


def _for_new_examples(
    question: Question,
    differences: Floats,
    outputs: list[Floats],
    target: Floats,
    tested: NDArray[np.intp],
) -> dict[int, Interval]:
    """As reports have it, from predictions as runs keep them."""
    kept = target if question.metric == "rmse" else (target > 0).astype(np.int64)
    stored = {
        f"{loss} {seed}": {
            "value": outputs[loss][seed],
            f"target_{question.target}": kept[seed],
            "example_id": tested[seed],
        }
        for loss in (0, 1)
        for seed in range(len(tested))
    }
    examples = Examples(stored.get, (question.metric,))
    found = {}
    for seeds in SEEDS:
        runs = [((question.sign, f"0 {seed}"), (-question.sign, f"1 {seed}")) for seed in range(seeds)]
        interval = examples.interval(differences[:seeds], runs, question.metric)
        assert interval is not None  # predictions are stored for every run
        found[seeds] = interval
    return found


def _truth(
    question: Question,
    population: tuple[Floats, Floats],
    models: list[Floats],
    rest: NDArray[np.intp],
    rng: np.random.Generator,
) -> float:
    """The mean difference of these models on test sets of rows that their data set does not hold.

    Each row is in one of them at most, so that they hold nearly all of the population.
    """
    known, target = population
    fresh = rng.permutation(rest)[: len(models[0]) * FRESH * TESTED].reshape(-1, FRESH, TESTED)
    found = []
    for own, *pair in zip(fresh, *models, strict=True):
        first, second = np.moveaxis(known[own] @ np.stack(pair, axis=1), -1, 0)
        gap = question.measured(first, target[own]) - question.measured(second, target[own])
        found.append(float(gap.mean()))
    return question.sign * float(np.mean(found))
