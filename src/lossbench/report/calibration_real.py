"""A/A on real runs: one loss against itself, its seeds dealt at random into two sides.

Both sides come from the same loss, learning rate and data, so no difference exists and every `supported` or
`refuted` of "better" is false. Each deal of each condition is one experiment; deals of one condition share
its runs, so the share is as sure as the number of conditions, not of deals. Sides are paired as dealt, which
is harder than the real comparisons, whose seeds share their data.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from lossbench.report.statistics import Floats, Region, claim_p, decide, fewest_seeds, paired_interval
from lossbench.seeds import numpy_generator

DEALS = 40
# The metric that judges each experiment.
JUDGED_BY = {"outliers": "rmse", "mnist": "accuracy", "sentiment": "accuracy", "faces": "verification_auc"}
_ABOUT = ("seed", "outcome", "reason", "seconds", "lossbench.fingerprint")


def real_runs(folder: Path, deals: int = DEALS) -> pd.DataFrame:
    """One row per recorded experiment under a folder: `runs of`, seeds (a side), conditions, experiments,
    `false` and `coverage` as shares. Experiments without enough seeds for a verdict are left out."""
    rows = []
    for name, metric in JUDGED_BY.items():
        file = folder / name / "results.csv"
        if not file.is_file():
            continue
        values = by_seed(pd.read_csv(file), f"test/{metric}")
        seeds = values.shape[1] // 2
        if len(values) and seeds >= fewest_seeds():
            rows.append({"runs of": f"{name}, {metric}", "seeds": seeds, **false_share(values, deals)})
    return pd.DataFrame(rows)


def by_seed(runs: pd.DataFrame, metric: str) -> Floats:
    """Results (conditions, seeds) of each condition and learning rate whose seeds all finished."""
    runs = runs.assign(**{metric: runs[metric].where(runs["outcome"] == "finished")})
    measured = [name for name in runs.columns if name.startswith(("test/", "best/", "choose/", "cross/"))]
    keys = [name for name in runs.columns if name not in (*_ABOUT, *measured)]
    table = runs.pivot_table(index=keys, columns="seed", values=metric, dropna=False).dropna()
    return np.asarray(table.to_numpy(float))


def false_share(values: Floats, deals: int) -> dict[str, float]:
    """Deal the seeds (conditions, seeds) into two sides many times and judge "left is better"."""
    generator = numpy_generator(0, "A/A on real runs")
    half = values.shape[1] // 2
    parts = []
    for row in values:
        dealt = np.stack([generator.permutation(row) for _ in range(deals)])
        parts.append(dealt[:, :half] - dealt[:, half : 2 * half])
    differences = np.concatenate(parts)
    region = Region.of("better", 0.0)
    interval = paired_interval(differences)
    verdicts = decide(interval, claim_p(differences, region), region)
    return {
        "conditions": len(values),
        "experiments": len(differences),
        "false": float((verdicts != 0).mean()),
        "coverage": float(((interval.low <= 0) & (interval.high >= 0)).mean()),
    }
