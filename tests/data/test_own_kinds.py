"""Pairs and ratings train and report by the command line, with models of a user's own."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

Done = subprocess.CompletedProcess[str]
FIXTURES = Path(__file__).parents[1] / "fixtures"


def clicks() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    user, item = np.divmod(draw.permutation(30 * 20)[:400], 20)
    stars = 3 + np.sin(user) * np.cos(item) + 0.1 * draw.normal(size=400)
    return pd.DataFrame({"who": user, "what": item, "stars": stars.round(2)})


def pairs() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    words = draw.integers(0, 60, (200, 6))
    same = draw.random(200) < 0.5
    other = np.where(same[:, None], words, draw.permutation(words))
    said = ([" ".join(f"w{word}" for word in text) for text in side] for side in (words, other))
    one, two = said
    return pd.DataFrame({"one": one, "two": two, "same": np.where(same, "yes", "no")})


RATED = "data=ratings data.user=who data.item=what data.rating=stars data.min_item=1"
TEXTS = "data=pairs data.left=one data.right=two data.vocabulary=64 data.length=6"
# the file, the data, the class of the model and its arguments, the losses, metrics of the report
CASES: dict[str, tuple[pd.DataFrame, str, str, str, set[str], set[str]]] = {
    "ratings": (
        clicks(),
        RATED,
        "Rated",
        "users=user.vocabulary items=item.vocabulary",
        {"mse", "mae"},
        {"mae", "r2"},
    ),
    "labels": (
        pairs(),
        f"{TEXTS} data.target=same",
        "Compared",
        "words=left.vocabulary",
        {"bce", "cce"},
        {"accuracy", "auroc"},
    ),
    "nothing": (
        pairs(),
        TEXTS,
        "TwoTowers",
        "words=left.vocabulary",
        {"in_batch"},
        {"pair_mrr", "pair_recall_at_10"},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_file_trains_and_reports(case: str, tmp_path: Path, program: Callable[..., Done]) -> None:
    table, data, model, arguments, losses, metrics = CASES[case]
    table.to_csv(tmp_path / "mine.csv", index=False)
    (tmp_path / "own_kinds.py").write_text((FIXTURES / "own_kinds.py").read_text())
    (tmp_path / "conf" / "loss").mkdir(parents=True)
    (tmp_path / "conf" / "loss" / "in_batch.yaml").write_text("_target_: own_kinds.InBatch\nname: in_batch\n")
    made = [f"+model.module.{one}" for one in (*arguments.split(), "outputs=outputs")]
    own = ["model=module", f"model.module._target_=own_kinds.{model}", *made, "model.embedding_size=8"]
    sweep = [
        f"loss={','.join(sorted(losses))}",
        "seed=0,1",
        "trainer.max_epochs=2",
        "hydra.launcher.n_jobs=1",
    ]
    line = ["--config-dir", "conf", "-m", *data.split(), "data.path=mine.csv", *own, *sweep]
    trained = program(*line, "experiment.name=mine", folder=tmp_path)
    assert trained.returncode == 0, trained.stderr
    reported = program("experiment=mine", "report.figures=false", module="lossbench.report", folder=tmp_path)
    assert reported.returncode == 0, reported.stderr
    assert "could not" not in trained.stdout + trained.stderr + reported.stdout + reported.stderr
    with (tmp_path / "experiments" / "mine" / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(losses)
    assert {row["loss.name"] for row in rows} == losses
    assert {row["outcome"] for row in rows} == {"finished"}
    for row in rows:
        assert all(float(row[f"test/{metric}"]) == float(row[f"test/{metric}"]) for metric in metrics)
