"""The rows of the calibration table: every world at every number of seeds, judged."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from lossbench.calibration.population import QUESTIONS, Sample, sample
from lossbench.calibration.population import SEEDS as SEEDS_OF_SAMPLES
from lossbench.calibration.procedure import Runs, Seen, judge
from lossbench.calibration.worlds import DIFFERENCE, MARGIN, PAIR, World, alone, worlds
from lossbench.seeds import numpy_generator
from lossbench.verdicts.comparison import Evidence
from lossbench.verdicts.looks import bounds
from lossbench.verdicts.statistics import Floats, Region, claim_p, paired_interval
from lossbench.verdicts.two_way import Influence, two_way_interval

EXPERIMENTS = 1000
MORE = 4  # times as many where nothing is chosen, which is quick
FEWER = 2  # times as few where no share near 5% must be told from it
TAILS = ("normal", "heavy-tailed")
POOL = 500  # examples that seeds share
TESTED = 5  # of so many examples of the pool one is in the test of a seed
SHARED_SEEDS = (10, 20, 30)
LOOKS = (10, 15, 20, 25, 30)
NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One world at one number of seeds. All results are shares of the experiments.

    truth: the difference of the first claim, in standard deviations of the paired differences
    supported, refuted: with any such verdict; with a planted difference, on its claim
    false: with any verdict that is wrong
    paired: the same, were verdicts made by the paired test alone, that takes the choice of rates as given
    found: with a planted difference, how often the paired test alone would support it
    waits: without a verdict because runs are missing
    coverage: of claims whose true difference lies in one of the intervals that a verdict needs
    warned: verdicts that the report warns of, of all verdicts; warned_false: of the false ones; nan where
        there are none
    """

    part: str
    world: str
    seeds: int
    claims: int = 1
    truth: float = 0.0
    experiments: int
    supported: float = NAN
    refuted: float = NAN
    false: float
    paired: float
    coverage: float = NAN
    found: float = NAN
    waits: float = NAN
    warned: float = NAN
    warned_false: float = NAN


def simulate(experiments: int = EXPERIMENTS) -> Iterator[Row]:
    """All rows, from as many processes as there are cores."""
    places = [(place, seeds) for place, world in enumerate(worlds()) for seeds in world.seeds]
    shared = [(tails, seeds) for tails in TAILS for seeds in SHARED_SEEDS]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        own = pool.map(_row, *zip(*places, strict=True), [experiments] * len(places))
        few = [experiments] * len(shared)
        others = pool.map(shared_row, *zip(*shared, strict=True), few)
        again = pool.submit(again_row, MORE * experiments)
        few_samples = range(max(2, experiments // FEWER))
        samples = {
            metric: pool.map(sample, [metric] * len(few_samples), few_samples, chunksize=5)
            for metric in QUESTIONS
        }
        yield from own
        yield from others
        yield again.result()
        for metric, drawn in samples.items():
            yield from sample_rows(metric, list(drawn))


def _row(place: int, seeds: int, experiments: int) -> Row:
    world = next(islice(worlds(), place, None))  # by its place, for a function cannot be sent
    if world.part in ("planted", "mismatch"):
        return row(world, seeds, max(1, experiments // FEWER))
    return row(world, seeds, experiments if world.rates > 1 else MORE * experiments)


def row(world: World, seeds: int, experiments: int) -> Row:
    """Judge so many experiments of a world."""
    rng = numpy_generator(seeds, "calibration", world.part, world.name, str(world.truth))
    runs = world.runs(rng, experiments, seeds)
    region = Region.of(world.kind, 0.0 if world.kind == "better" else MARGIN * DIFFERENCE)
    truths = [world.truth * DIFFERENCE, *[0.0] * (len(world.claims) - 1)]
    seen = [judge(runs.one(one), world.claims, region, whole=False) for one in range(experiments)]
    decisions = np.array([[one.decision for one in claims] for claims in seen])
    paired = np.array([[one.paired for one in claims] for claims in seen])
    wrong = _wrong(decisions, truths, region).any(axis=1)
    told = decisions[:, :1] if world.part == "planted" else decisions
    warned = np.array([any(one.warned for one in claims) for claims in seen])
    decided = (decisions != 0).any(axis=1)
    return Row(
        part=world.part,
        world=world.name,
        seeds=seeds,
        claims=len(world.claims),
        truth=world.truth,
        experiments=experiments,
        supported=float((told == 1).any(axis=1).mean()),
        refuted=float((told == -1).any(axis=1).mean()),
        false=float(wrong.mean()),
        paired=float(_wrong(paired, truths, region).any(axis=1).mean()),
        found=float((paired[:, 0] == 1).mean()) if world.part == "planted" else NAN,
        waits=float(np.mean([all(one.evidence.missing for one in claims) for claims in seen])),
        coverage=_coverage(seen, truths) if world.part != "planted" else NAN,
        warned=float(warned[decided].mean()) if decided.any() else NAN,
        warned_false=float(warned[wrong].mean()) if wrong.any() else NAN,
    )


def shared_row(tails: str, seeds: int, experiments: int) -> Row:
    """Judge so many experiments in which seeds share examples."""
    rng = numpy_generator(seeds, "calibration", "examples", tails)
    seen = [_shared(rng, seeds, tails == TAILS[1]) for _ in range(experiments)]
    decisions = np.array([[one.decision(Region(low=0.0)) for one in pair] for pair in seen])
    intervals = [wide.interval for wide, _ in seen]
    return Row(
        part="examples",
        world=f"{tails} examples",
        seeds=seeds,
        experiments=experiments,
        supported=float((decisions[:, 0] == 1).mean()),
        refuted=float((decisions[:, 0] == -1).mean()),
        false=float((decisions[:, 0] != 0).mean()),
        paired=float((decisions[:, 1] != 0).mean()),
        coverage=float(np.mean([one.low <= 0 <= one.high for one in intervals])),
    )


def _shared(rng: np.random.Generator, seeds: int, heavy: bool) -> tuple[Evidence, Evidence]:
    """One loss against itself: what is seen with the chance of the examples, and by seeds alone.

    On an example the sides differ by what it holds for one of them, and by noise of the run. Neither is
    better on examples in general, but one is on those of the pool. Examples may differ with heavy tails (t, 3
    degrees of freedom).
    """
    luck = rng.standard_t(3, size=POOL) / np.sqrt(3) if heavy else rng.normal(size=POOL)
    values, influences = [], []
    for _ in range(seeds):
        rows = rng.permutation(POOL)[: POOL // TESTED]
        own: Floats = luck[rows] + 2 * rng.normal(size=len(rows)) + 0.1 * rng.normal()
        values.append(float(own.mean()))
        influences.append(Influence.of_mean(own, rows))
    differences = np.array(values)
    p = float(claim_p(differences, Region(low=0.0)))
    wide = two_way_interval(differences, influences)
    return Evidence(wide, None, (p, p), examples=True), Evidence(paired_interval(differences), None, (p, p))


def again_row(experiments: int) -> Row:
    """Judge one loss against itself, looked at again and again as seeds are added, until a verdict."""
    runs = alone("normal")(numpy_generator(0, "calibration", "looks"), (experiments, 2, 1, LOOKS[-1]))
    found = np.array([_looked(runs.one(place)) for place in range(experiments)])
    false, paired = (float(share) for share in found.mean(axis=0))
    name = f"normal, looks at {', '.join(map(str, LOOKS))} seeds"
    return Row(part="looks", world=name, seeds=LOOKS[-1], experiments=experiments, false=false, paired=paired)


def _looked(runs: Runs) -> tuple[bool, bool]:
    """Whether a look gave a verdict, as reports spend alpha, and with all of it always."""
    region, spent, unspent = Region(low=0.0), False, False
    for seeds, alpha in zip(LOOKS, bounds(LOOKS), strict=True):
        (seen,) = judge(Runs(runs.validation[..., :seeds], runs.test[..., :seeds]), PAIR, region, whole=False)
        spent |= replace(seen.evidence, alpha=alpha).decision(region) != 0
        unspent |= seen.decision != 0
    return spent, unspent


def sample_rows(metric: str, samples: Sequence[Sample]) -> Iterator[Row]:
    """Judge data sets drawn from a population by what is true of them, and by what is true of their kind."""
    kind = float(np.mean([one.truth for one in samples]))
    for seeds in SEEDS_OF_SAMPLES:
        for part, name, truths in (
            ("population", "new examples", [one.truth for one in samples]),
            ("new data", "new data sets", [kind] * len(samples)),
        ):
            pairs = list(zip(samples, truths, strict=True))
            decisions = np.array([one.decision(seeds, truth) for one, truth in pairs])
            by_seeds = np.array([one.decision(seeds, truth, alone=True) for one, truth in pairs])
            covered = [one.wide[seeds].low <= truth <= one.wide[seeds].high for one, truth in pairs]
            yield Row(
                part=part,
                world=f"{metric}, {name}",
                seeds=seeds,
                experiments=len(samples),
                supported=float((decisions == 1).mean()),
                refuted=float((decisions == -1).mean()),
                false=float((decisions != 0).mean()),
                paired=float((by_seeds != 0).mean()),
                coverage=float(np.mean(covered)),
            )


def _wrong(decisions: NDArray[np.int_], truths: list[float], region: Region) -> NDArray[np.bool_]:
    """Which decisions (E, C) are wrong: at an edge of the region both are."""
    inside = np.array([region.low < truth < region.high for truth in truths])
    edge = np.isin(truths, region.edges)
    wrong: NDArray[np.bool_] = np.where(edge, decisions != 0, decisions == np.where(inside, -1, 1))
    return wrong


def _coverage(seen: list[list[Seen]], truths: list[float]) -> float:
    """Exact for truths at an edge of the region: only there the interval with the choice is always known."""
    covered = [[one.covers(truth) for one, truth in zip(claims, truths, strict=True)] for claims in seen]
    return float(np.mean(covered))
