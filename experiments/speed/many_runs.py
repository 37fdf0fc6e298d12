"""Fill a store with more runs than a bench has time to train.

python many_runs.py beside 10000    a small sweep that is finished, and 10,000 runs of other keys beside it
python many_runs.py copies 10000    a sweep of 24 runs and copies of them with other seeds, 10,000 in all
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import parts

from lossbench.tracking import Opening, RunResult, Store, opening, read_artifact
from lossbench.tracking.address import parse
from lossbench.tracking.reader import reading
from lossbench.tracking.records import Record, Records

AT_ONCE = 500
URI = "sqlite:///mlflow.db"
PREDICTIONS = "predictions.npz"
CURVES = ("train/loss", "val/mae")


def sweep(*overrides: str) -> None:
    subprocess.run([sys.executable, "-m", "lossbench", "-m", *overrides], check=True)


def beside(store: Store, number: int) -> None:
    """Records with a few params and metrics each, in the experiment of the sweep."""
    for first in range(0, number, AT_ONCE):
        keys = [f"other-{place}" for place in range(first, first + AT_ONCE)]
        params = {"loss.name": "mse", "optimizer.lr": "0.01"}
        openings = [opening(key, "adhoc", key, params, {"lossbench.loss": "mse"}, None) for key in keys]
        metrics = {"val_best/mae": 1.0, "test/mae": 1.0, "test/rmse": 1.0}
        record(store, openings, [RunResult("", "finished", metrics=metrics) for _ in keys])


def copies(store: Store, number: int) -> None:
    """As if more seeds of the sweep had been trained: each number off by some percent."""
    draw = random.Random(0)
    with reading(parse(URI)) as records:
        first = [one for one in records.runs(parts.MANY) if one.tags["lossbench.kind"] == "member"]
        shown = [(one, results(records, one)) for one in first]
        params = records.params([one.run_id for one in first])
    wanted = ((seed, *one) for seed in range(1, 2 + number // len(shown)) for one in shown)
    left = islice(wanted, number - len(shown))
    while some := list(islice(left, AT_ONCE)):
        openings = []
        for seed, of, _ in some:
            own = {**params[of.run_id], "seed": str(seed)}
            key = f"{of.tags['lossbench.key'][:40]}-{seed}"
            openings.append(opening(key, parts.MANY, f"{of.name} {seed}", own, of.tags, None))
        record(store, openings, [near(result, draw) for _, _, result in some])


def results(records: Records, of: Record) -> RunResult:
    """What a run left, as another could leave it."""
    curves = {name: [point[1:] for point in records.history([of.run_id], name)] for name in CURVES}
    predictions = read_artifact(URI, of.run_id, PREDICTIONS)
    told = records.metrics([of.run_id])[of.run_id].items()
    last = {name: value for name, value in told if name not in curves}
    files = {PREDICTIONS: predictions} if predictions else {}
    return RunResult("", "finished", history=curves, metrics=last, artifacts=files)


def near(result: RunResult, draw: random.Random) -> RunResult:
    """The same with other numbers."""
    off = draw.gauss(1, 0.05)
    curves = {name: [(step, value * off) for step, value in curve] for name, curve in result.history.items()}
    metrics = {name: value * (off if "/epoch" not in name else 1) for name, value in result.metrics.items()}
    return replace(result, history=curves, metrics=metrics)


def record(store: Store, openings: Sequence[Opening], found: Sequence[RunResult]) -> None:
    ids = store.start(openings)
    store.finish([replace(result, run_id=run_id) for run_id, result in zip(ids, found, strict=True)])
    store.flush()


if __name__ == "__main__":
    what, count = sys.argv[1], int(sys.argv[2])
    sweep(*(parts.FINISHED if what == "beside" else parts.COPIED))
    with Store(URI) as opened:
        opened.prepare()
        (beside if what == "beside" else copies)(opened, count)
    if what == "beside":
        sweep(*parts.FINISHED)  # which makes the summaries of them all, once
