"""A large table of a person's own: 100,000 rows and 50 columns, one in five of text, a class to predict.

python big_table.py          write it
python big_table.py sweep    compare three losses at five learning rates over ten seeds on it, and report
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd

ROWS, NUMBERS, TEXTS = 100_000, 40, 10
TABLE = ["data=table", "data.path=large.csv", "data.target=kind"]


def table() -> pd.DataFrame:
    """Three classes by a curve of some of the columns, with noise."""
    generator = np.random.default_rng(0)
    numbers = {f"x{i}": generator.normal(size=ROWS).round(6) for i in range(NUMBERS)}
    texts = {f"c{i}": generator.choice(list("abcdefgh"), ROWS) for i in range(TEXTS)}
    curve = numbers["x0"] * numbers["x1"] + numbers["x2"] + (texts["c0"] == "a") + generator.normal(size=ROWS)
    kind = np.array(["low", "middle", "high"])[np.digitize(curve, [-1, 1])]
    return pd.DataFrame({**numbers, **texts, "kind": kind})


if __name__ == "__main__":
    if sys.argv[1:] == ["sweep"]:
        sweep = [*TABLE, "loss=cce,bce,hinge", "seed=range(0,10)", "experiment.name=large"]
        sweep += ["optimizer.lr=0.0003,0.001,0.003,0.01,0.03"]
        subprocess.run([sys.executable, "-m", "lossbench", "-m", *sweep], check=True)
        subprocess.run([sys.executable, "-m", "lossbench.report", "experiment=large"], check=True)
    else:
        table().to_csv("large.csv", index=False)
