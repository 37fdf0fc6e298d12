"""How far the verdicts can be trusted: simulated experiments whose truth is known.

`python -m lossbench.report.calibration` simulates them, judges them with the functions that judge real
claims, and writes `experiments/calibration/`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from lossbench import command
from lossbench.report.calibration_page import page
from lossbench.report.calibration_real import real_runs
from lossbench.report.made import check
from lossbench.report.statistics import Floats, Kind, Region, claim_p, decide, holm, paired_interval
from lossbench.report.write import replace_files
from lossbench.seeds import numpy_generator

SEEDS = (5, 10, 20)
CLAIMS = 3
EXPERIMENTS = 2000
EXPERIMENTS_FOLDER = Path("experiments")
MARGIN = 2.0  # of `as good as`, in standard deviations of the differences

Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]

# Results of one loss over seeds, and their standard deviation.
RESULTS: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, shape: rng.normal(size=shape), 1.0),
    "skewed": (lambda rng, shape: rng.lognormal(size=shape), float(stats.lognorm(1.0).std())),
    "heavy-tailed": (lambda rng, shape: rng.standard_t(3, size=shape), float(stats.t(3).std())),
}


@dataclass(frozen=True)
class Row:
    """One kind of simulated experiment and how it was judged.

    difference: true one, in standard deviations of the paired differences
    supported, refuted: share of experiments with at least one such verdict; with a planted difference, share
        in which its claim got that verdict
    coverage: share of 95% intervals that contain the true difference; coverage_bca: of bootstrap intervals
    """

    part: str
    results: str
    kind: str
    seeds: int
    claims: int
    difference: float
    experiments: int
    supported: float
    refuted: float
    coverage: float
    coverage_bca: float = float("nan")


def differences_of_one_loss(results: str, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Paired differences between two independent copies of one loss, in units of their standard deviation.

    What a seed does to both sides (a hard split) cancels in the difference and is left out.
    """
    draw, deviation = RESULTS[results]
    values: Floats = (draw(rng, shape) - draw(rng, shape)) / (deviation * np.sqrt(2))
    return values


def simulate(experiments: int = EXPERIMENTS) -> Iterator[Row]:
    """All rows of the table, in its order."""
    for results in RESULTS:
        for seeds in SEEDS:
            rng = numpy_generator(seeds, "calibration", results)
            values = differences_of_one_loss(results, (experiments, CLAIMS, seeds), rng)
            yield from _same(results, values)
    for results in RESULTS:
        rng = numpy_generator(10, "planted", results)
        values = differences_of_one_loss(results, (experiments, CLAIMS, 10), rng)
        for shift in (1.0, 2.0):
            moved = values + shift * (np.arange(CLAIMS) == 0)[:, None]
            yield _row("planted", results, "better", moved[:, :1], shift)
            yield _row("planted", results, "better", moved, shift)
    for seeds in SEEDS:
        lopsided = numpy_generator(seeds, "lopsided").exponential(size=(experiments, 1, seeds)) - 1.0
        yield _row("limit", "lopsided differences", "better", lopsided, 0.0)


def _same(results: str, values: Floats) -> Iterator[Row]:
    """The same loss under two names, and two losses that differ by exactly the margin of `as good as`."""
    single = values.reshape(-1, 1, values.shape[-1])
    p = claim_p(values, Region.of("better", 0.0))
    bca = _bca_coverage(single[: len(values) // 4, 0])
    yield _row("A/A", results, "better", single, 0.0, p.reshape(-1, 1), bca)
    yield _row("A/A", results, "better", values, 0.0, p)
    first = values[:, :1]
    yield _row("A/A", results, "as_good_as", first, 0.0)
    yield _row("margin", results, "as_good_as", first + MARGIN, MARGIN)


def _row(
    part: str,
    results: str,
    kind: Kind,
    values: Floats,
    difference: float,
    p: Floats | None = None,
    bca: float = float("nan"),
) -> Row:
    """Judge simulated differences (experiments, claims, seeds)."""
    region = Region.of(kind, 0.0 if kind == "better" else MARGIN)
    interval = paired_interval(values)
    p = claim_p(values, region) if p is None else p
    verdicts = decide(interval, holm(p), region)
    planted = part == "planted"
    truth = np.where(np.arange(values.shape[1]) == 0, difference, 0.0 if planted else difference)
    counted = verdicts[:, :1] if planted else verdicts
    return Row(
        part=part,
        results=results,
        kind=kind,
        seeds=values.shape[-1],
        claims=values.shape[1],
        difference=difference,
        experiments=len(values),
        supported=float((counted == 1).any(axis=1).mean()),
        refuted=float((counted == -1).any(axis=1).mean()),
        coverage=float(((interval.low <= truth) & (truth <= interval.high)).mean()),
        coverage_bca=bca,
    )


def _bca_coverage(values: Floats) -> float:
    """Of the bias-corrected and accelerated bootstrap, which lost to the t interval; truth is zero."""
    interval = stats.bootstrap(
        (values,), np.mean, axis=-1, vectorized=True, n_resamples=599, batch=50, rng=numpy_generator(0, "bca")
    ).confidence_interval
    return float(((interval.low <= 0) & (interval.high >= 0)).mean())


def main(
    folder: Path = EXPERIMENTS_FOLDER / "calibration",
    recorded: Path = EXPERIMENTS_FOLDER,
    experiments: int = EXPERIMENTS,
) -> None:
    """Simulate, write the table and its page, and print the page.

    Args:
        folder: where both are written; made when missing.
        recorded: the folder of recorded experiments, whose real runs are looked at too.
        experiments: simulated, for each row of the table.

    Raises:
        InputError: the folder holds files of these names that this command did not make.
    """
    check(folder, ("results.csv", "real_runs.csv", "README.md"))
    table = pd.DataFrame([vars(row) for row in simulate(experiments)])
    real = real_runs(recorded)
    text = page(table, real)
    files = {
        "results.csv": table.round(4).to_csv(index=False),
        "real_runs.csv": real.round(4).to_csv(index=False),
        "README.md": text,
    }
    replace_files(folder, {name: content.encode() for name, content in files.items()})
    sys.stdout.write(text)


if __name__ == "__main__":
    command.run("lossbench.report.calibration", lambda _: main(), __doc__)
