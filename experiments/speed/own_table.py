"""A person with a table: 5,000 rows, 20 columns, three losses, five learning rates, ten seeds, a report."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd

ROWS, COLUMNS = 5_000, 20


def table() -> pd.DataFrame:
    """A curve of five of twenty columns, normal noise, and one target in twenty far too large."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.normal(size=(ROWS, COLUMNS)), columns=[f"x{i}" for i in range(COLUMNS)])
    curve = np.sin(frame["x0"] * frame["x1"]) + frame["x2"] ** 2 + frame["x3"] - frame["x4"]
    wrong = generator.random(ROWS) < 0.05
    return frame.assign(y=curve + generator.normal(0, 0.5, ROWS) + 20 * wrong)


if __name__ == "__main__":
    table().to_csv("table.csv", index=False)
    sweep = ["data=csv", "data.path=table.csv", "data.target=y", "loss=mse,mae,huber", "seed=range(0,10)"]
    sweep += ["optimizer.lr=0.0003,0.001,0.003,0.01,0.03", "experiment.name=table"]
    subprocess.run([sys.executable, "-m", "lossbench", "-m", *sweep], check=True)
    subprocess.run([sys.executable, "-m", "lossbench.report", "experiment=table"], check=True)
