"""A claim that was written when its runs were there is told as that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from lossbench.claims.claim import NONE, Claim, Experiment, digest, stated
from lossbench.claims.declared import load_experiment, shipped
from lossbench.claims.known import Known
from lossbench.claims.parsing import parse_experiment
from lossbench.config.folders import conf_dir
from lossbench.report.words import beside_text
from lossbench.tracking import read_runs
from lossbench.tracking.runs import CLAIMS
from lossbench.train import train_many
from lossbench.verdicts.build import build

NODE: dict[str, Any] = {
    "name": "x",
    "judge": "rmse",
    "claims": [
        {
            "id": "c",
            "sentence": "A sentence.",
            "source": "A source",
            "left": {"loss": "huber", "data.contamination": 0.2},
            "right": {"loss": "mse", "data.contamination": 0.2},
        }
    ],
}


def experiment(**more: Any) -> Experiment:
    (entry,) = NODE["claims"]
    return parse_experiment({**NODE, "claims": [{**entry, **more}]}, Known.of_config())


def beside(runs: pd.DataFrame, asked: Experiment) -> str:
    (judged,) = build(replace(asked, select="mae"), runs).verdicts
    assert judged.record().get("stated_after_runs", False) == ("stated" in beside_text(judged))
    return beside_text(judged)


def test_what_a_claim_compares_is_its_digest_and_not_its_words() -> None:
    (claim,) = experiment().claims
    assert digest(claim) == stated(NODE)
    assert digest(replace(claim, id="d", sentence="Other words.", source="Elsewhere")) == stated(NODE)
    assert digest(replace(claim, left={"data.contamination": 0.2, "loss": "huber"})) == stated(NODE)
    others: list[Claim] = [
        replace(claim, metric="mae"),
        replace(claim, margin=0.1),
        replace(claim, kind="no_worse"),
        replace(claim, left=claim.right, right=claim.left),
        replace(claim, change_from={"data.contamination": 0}),
    ]
    assert len({stated(NODE), *map(digest, others)}) == 6


@pytest.mark.parametrize("name", [name for name in shipped() if name != "null"])
def test_every_shipped_claim_is_known_again(name: str) -> None:
    tree: Any = OmegaConf.to_container(OmegaConf.load(conf_dir() / "experiment" / f"{name}.yaml"))
    told = stated(tree.get("experiment") or {}).split(",")
    assert [digest(claim) for claim in load_experiment(name).claims] == [own for own in told if own != NONE]


def test_a_claim_that_runs_did_not_state_says_so(runs: pd.DataFrame) -> None:
    kept = runs.assign(**{CLAIMS: stated(NODE)})
    assert beside(kept, experiment()) == ""
    assert beside(kept, experiment(margin=0.5)) == "stated after runs existed"
    assert beside(runs.assign(**{CLAIMS: NONE}), experiment()) == "stated after runs existed"


def test_one_run_that_is_older_than_the_claim_is_enough(runs: pd.DataFrame) -> None:
    told = pd.Series(stated(NODE), index=runs.index)
    mixed = runs.assign(**{CLAIMS: told.mask(runs["seed"] == 3, NONE)})
    assert beside(mixed, experiment()) == "stated after runs existed"
    elsewhere = runs.assign(**{CLAIMS: told.mask(runs["data.contamination"] == 0.0, NONE)})
    assert beside(elsewhere, experiment()) == ""  # of runs that the claim does not compare


def test_nothing_is_said_of_runs_that_keep_no_claims_or_of_what_a_sweep_asks(runs: pd.DataFrame) -> None:
    assert beside(runs, experiment()) == ""
    assert beside(runs.assign(**{CLAIMS: None}), experiment()) == ""
    plain = build(Experiment("x", judge="rmse", select="mae"), runs.assign(**{CLAIMS: NONE}))
    assert plain.verdicts
    assert not any(judged.stated_after for judged in plain.verdicts)


def test_runs_keep_the_claims_of_their_experiment(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    sizes = ["data.train_size=40", "data.val_size=10", "data.test_size=10", "trainer.max_epochs=1"]
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = compose("config", ["experiment=outliers", "trials=null", *sizes, f"tracking.uri={uri}"])
    train_many([config], n_jobs=1)
    (kept,) = read_runs(uri, "outliers")[CLAIMS]
    assert kept.split(",") == [digest(claim) for claim in load_experiment("outliers").claims]
