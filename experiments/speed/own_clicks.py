"""Clicks of a person's own: 10,000 users, 5,000 items and 1,000,000 rows; three losses, three rates, seeds.

python own_clicks.py          write the file
python own_clicks.py sweep    compare BPR, WARP and BCE on it
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd

USERS, ITEMS, ROWS = 10_000, 5_000, 1_000_000
TASTES = 8
SWEEP = [
    *("data=ratings", "data.path=clicks.csv", "data.user=user", "data.item=item", "data.time=second"),
    *("data.negatives=4", "model=towers", "trainer.batch_size=2048"),
    *("loss=bpr,warp,bce", "optimizer.lr=0.003,0.01,0.03", "seed=range(0,3)"),
]


def clicks() -> pd.DataFrame:
    """What users like most of what they come across, where few items are liked by many."""
    generator = np.random.default_rng(0)
    each = ROWS // USERS
    likes = generator.normal(size=(ITEMS, TASTES)) / TASTES**0.5
    popular = -np.log(generator.permutation(ITEMS) + 1.0)
    found = []
    for _ in range(USERS):
        pull = likes @ generator.normal(size=TASTES) + popular + generator.gumbel(size=ITEMS)
        found.append(np.argpartition(-pull, each)[:each])  # drawn without replacement
    item = np.stack(found)
    second = generator.permutation(item.size).reshape(item.shape)
    user = np.repeat(np.arange(USERS), each)
    return pd.DataFrame({"user": user, "item": item.ravel(), "second": 1_600_000_000 + second.ravel()})


if __name__ == "__main__":
    if sys.argv[1:] == ["sweep"]:
        subprocess.run([sys.executable, "-m", "lossbench", "-m", *SWEEP], check=True)
    else:
        clicks().to_csv("clicks.csv", index=False)
