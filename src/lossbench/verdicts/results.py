"""What runs gave in a metric, which way it is better, and what counts where a run diverged."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lossbench.metrics.measure import Measure, Metric
from lossbench.metrics.recorded import of_text, of_texts
from lossbench.tracking.runs import METRICS, SELECT
from lossbench.verdicts.conditions import LOSS, SEED

NOT_FINITE = "lossbench.not_finite"
INFINITE = 1e300  # MLflow's database stores infinity as the largest float


def measures_of(runs: pd.DataFrame) -> tuple[Measure, ...]:
    """What judged runs of one data set."""
    texts = runs[METRICS].dropna().tolist() if METRICS in runs.columns else []
    return of_text(str(texts[-1]) if texts else "")


def metrics_of(runs: pd.DataFrame) -> Mapping[str, Metric]:
    """The metrics of runs by name, in the order of tables, as they describe them."""
    texts = runs[METRICS].dropna().unique() if METRICS in runs.columns else ()
    return of_texts(*(str(text) for text in reversed(texts)))


def metric_of(runs: pd.DataFrame, metric: str) -> Metric:
    """A metric of runs, `test/accuracy` or `accuracy`; of anything else (a loss) less is better."""
    kind, _, name = metric.rpartition("/")
    plain = Metric(name, "", higher_is_better=False, meaning="")
    return plain if kind == "cross" else metrics_of(runs).get(name, plain)


def first_metric(runs: pd.DataFrame, prefix: str, *preferred: str | None) -> str:
    """The first of the preferred metrics, then of all that there are, that the runs have."""
    names = [*preferred, *metrics_of(runs)]
    known = [name for name in names if name and f"{prefix}{name}" in runs.columns]
    return next((name for name in known if runs[f"{prefix}{name}"].notna().any()), "")


def higher_is_better(runs: pd.DataFrame, metric: str) -> bool:
    """The direction of a metric of runs."""
    return metric_of(runs, metric).higher_is_better


def select_of(runs: pd.DataFrame) -> str | None:
    """The metric by which the data set of the runs chooses, as recorded with them; None of older records."""
    told = runs[SELECT].dropna() if SELECT in runs.columns else ()
    return str(next(iter(told))) if len(told) else None


def results(runs: pd.DataFrame, metric: str) -> pd.Series[float]:
    """Values of a metric, where a diverged or infinite one counts as the worst that a run reached.

    Returns:
        One value per row; NaN for a run that failed, was killed or does not define the metric.
    """
    worst = np.nan
    if metric in runs.columns:
        reached = runs.loc[(runs["outcome"] == "finished") & (runs[metric].abs() < INFINITE), metric]
        worst = float(reached.min() if higher_is_better(runs, metric) else reached.max())
    return _with_lost(runs, metric, worst)


def worst_first(runs: pd.DataFrame, metric: str) -> pd.Series[float]:
    """Values of a metric for comparisons: where `results` takes the worst value seen, infinitely bad.

    What another loss has reached then changes nothing.
    """
    return _with_lost(runs, metric, -np.inf if higher_is_better(runs, metric) else np.inf)


def _with_lost(runs: pd.DataFrame, metric: str, worst: float) -> pd.Series[float]:
    if metric not in runs.columns:
        return pd.Series(np.nan, index=runs.index, dtype=float)
    return runs[metric].astype(float).where(runs["outcome"] == "finished").mask(lost(runs, metric), worst)


def by_seed(rows: pd.DataFrame, values: pd.Series[float]) -> pd.DataFrame:
    """Values of the runs of one condition, one for each run, seeds by losses; a mean where several share one.

    A report asks for hundreds of such tables, so they are laid out by hand, in less time than a pivot.
    """
    there = (values.notna() & rows[[SEED, LOSS]].notna().all(axis="columns")).to_numpy()
    known = rows.loc[there, [SEED, LOSS]]
    if known.empty or known.duplicated().any():
        return rows.assign(value=values).pivot_table(index=SEED, columns=LOSS, values="value", observed=True)
    (seed, seeds), (loss, losses) = (known[key].factorize(sort=True) for key in (SEED, LOSS))
    laid = np.full((len(seeds), len(losses)), np.nan)
    laid[seed, loss] = values.to_numpy(float)[there]
    return pd.DataFrame(laid, pd.Index(seeds, name=SEED), pd.Index(losses.tolist(), name=LOSS))


def lost(runs: pd.DataFrame, metric: str) -> pd.Series[bool]:
    """Rows that diverged, or whose metric is infinite or no number: what `results` counts as the worst."""
    gone = runs["outcome"] == "diverged"
    if metric in runs.columns:
        gone |= runs[metric].abs() >= INFINITE
        if NOT_FINITE in runs.columns:  # left out of MLflow because it was nan or infinite
            told = runs[NOT_FINITE].map(lambda text: metric in str(text)).astype(bool)
            gone |= told & runs[metric].isna()
    return gone
