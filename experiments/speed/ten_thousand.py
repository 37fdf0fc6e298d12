"""Fill a store: a small sweep that is finished, and 10,000 finished runs of other keys beside it."""

from __future__ import annotations

import subprocess
import sys

import parts

from lossbench.tracking import RunResult, Store, opening

RUNS, AT_ONCE = 10_000, 500


def fill(store: Store) -> None:
    """Records with a few params and metrics each, in the experiment of the sweep."""
    for first in range(0, RUNS, AT_ONCE):
        keys = [f"other-{number}" for number in range(first, first + AT_ONCE)]
        params = {"loss.name": "mse", "optimizer.lr": "0.01"}
        ids = store.start(
            [opening(key, "adhoc", key, params, {"lossbench.loss": "mse"}, None) for key in keys]
        )
        metrics = {"best/mae": 1.0, "test/mae": 1.0, "test/rmse": 1.0}
        store.finish([RunResult(run_id, "finished", metrics=metrics) for run_id in ids])
        store.flush()


if __name__ == "__main__":
    subprocess.run([sys.executable, "-m", "lossbench", "-m", *parts.FINISHED], check=True)
    with Store("sqlite:///mlflow.db") as store:
        store.prepare()
        fill(store)
