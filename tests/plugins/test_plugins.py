"""Plug-ins as users write them: one file and its YAML files each, found through `--config-dir`.

Each brings what lossbench does not have, needs no change to it, stacks, and ends in a report with verdicts.
"""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from lossbench.config.folders import conf_dir
from lossbench.data.cache import DataCache
from lossbench.job import Job, jobs_from
from lossbench.pack.fate import MemberResult
from lossbench.pack.fit import fit
from lossbench.pack.plan import plan

HERE = Path(__file__).parent
LINES = 120  # at most, of a plug-in with its YAML
SEEDS, RATES = 3, 2
DRAWN = "rectangles"  # its report has figures, which take as long as its sweep
Done = subprocess.CompletedProcess[str]

# What a test has time for of its experiment.
SMALL = {
    "rectangles": ("data.size=60",),
    "tokens": ("data.size=60", "data.length=9"),
    "autoencoder": (),
    "recommender": (),
}
# The losses of its experiment, and the metrics of its own.
BRINGS = {
    "rectangles": ({"mse", "centred_giou", "centred_diou"}, {"iou", "ap50"}),
    "tokens": ({"cce", "cce_smooth", "mse_softmax"}, {"bits", "perplexity"}),
    "autoencoder": ({"plain_bound", "beta_vae"}, {"bound"}),
    "recommender": ({"pairwise", "in_batch"}, {"recall_at_10", "ndcg_at_10"}),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_plugin_is_short(name: str) -> None:
    files = [file for file in (HERE / name).rglob("*") if file.suffix in (".py", ".yaml")]
    assert {file.suffix for file in files} == {".py", ".yaml"}
    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files) <= LINES


def test_each_plugin_is_tried() -> None:
    assert {folder.name for folder in HERE.iterdir() if (folder / "conf").is_dir()} == set(SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_plugin_ends_in_a_report_with_verdicts(
    name: str, tmp_path: Path, program: Callable[..., Done]
) -> None:
    losses, metrics = BRINGS[name]
    shutil.copytree(HERE / name, tmp_path, dirs_exist_ok=True)
    arguments = ("--config-dir", "conf", f"experiment={name}")
    small = (*SMALL[name], "trainer.max_epochs=2", "hydra.launcher.n_jobs=1")
    trained = program("-m", *arguments, *small, folder=tmp_path)
    assert trained.returncode == 0, trained.stderr
    figures = f"report.figures={name == DRAWN}".lower()
    reported = program(*arguments, figures, module="lossbench.report", folder=tmp_path)
    assert reported.returncode == 0, reported.stderr
    assert "Traceback" not in trained.stderr + reported.stderr
    assert "could not" not in trained.stdout + trained.stderr + reported.stdout + reported.stderr

    with (tmp_path / "experiments" / name / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(losses) * RATES * SEEDS
    assert {row["loss.name"] for row in rows} == losses
    assert {row["outcome"] for row in rows} == {"finished"}
    assert all(
        float(row[f"test/{metric}"]) == float(row[f"test/{metric}"]) for row in rows for metric in metrics
    )
    assert all(mode.startswith("vmap: ") for mode in packs(tmp_path / "mlflow.db"))

    claims = json.loads((tmp_path / "experiments" / name / "verdicts.json").read_text())
    assert claims
    for claim in claims:
        assert claim["verdict"] == "inconclusive"  # whatever the difference: three seeds
        assert claim["n"] == SEEDS
        assert claim["estimate"] != 0
        assert claim["sentence"].split()[0] in reported.stdout
    table = reported.stdout.split("loss ")[1].splitlines()[0]
    assert metrics <= set(table.split()), table


REFUSED = {
    "rectangles: data=outliers loss=centred_giou": "losses that fit: berhu, huber, log_cosh, log_l1, mae, "
    "mape, mse, pinball, quantiles, smape (this one trains on continuous, but not of every size and shape)",
    "tokens: data=chain model=window loss=hinge": "loss=hinge gives no bits, by which data=chain chooses",
    "autoencoder: data=pixels model=mlp loss=plain_bound": "loss=plain_bound needs the outputs logits, mean, "
    "log_variance; model=mlp gives one tensor without a name",
    "recommender: data=clicks model=tables loss=mse": "whose targets are item of 192, user of 128; losses "
    "that fit: bce, bpr, cce, ",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_does_not_fit_a_plugin_is_refused(
    line: str, tmp_path: Path, program: Callable[..., Done]
) -> None:
    name, _, overrides = line.partition(": ")
    shutil.copytree(HERE / name, tmp_path, dirs_exist_ok=True)
    done = program("--config-dir", "conf", *overrides.split(), folder=tmp_path)
    assert done.returncode == 2
    assert REFUSED[line] in " ".join(done.stderr.split()), done.stderr
    assert not (tmp_path / "mlflow.db").exists()


def packs(database: Path) -> set[str]:
    """How the runs of a store were trained."""
    with sqlite3.connect(database) as store:
        return {mode for (mode,) in store.execute("SELECT value FROM tags WHERE key = 'lossbench.pack'")}


def composed(name: str, *overrides: str) -> list[Job]:
    own = f"hydra.searchpath=[file://{HERE / name / 'conf'}]"
    small = [*SMALL[name], "trainer.max_epochs=2", "experiment.claims=[]"]
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return jobs_from(
            [
                compose("config", [own, f"experiment={name}", *small, *override.split()])
                for override in overrides
            ]
        )


def results(jobs: list[Job], mode: str) -> list[MemberResult]:
    """What became of each member of one pack."""
    fitted = fit([job.member for job in jobs], mode, DataCache())
    assert [result.outcome for result in fitted] == ["finished"] * len(jobs)
    return fitted


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize("name", SMALL)
def test_a_run_of_a_plugin_has_the_numbers_in_company_that_it_has_alone(
    name: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(HERE / name)
    losses, metrics = BRINGS[name]
    one, *others = sorted(losses)
    together = composed(name, f"loss={one} seed=0", *[f"loss={loss} seed=1" for loss in (one, *others)])
    (planned,) = plan(together, 1, 128).packs
    assert planned.mode == "vmap", planned.because
    packed = results(together, mode)
    for job, member in zip(together, packed, strict=True):
        assert results([job], mode) == [member], job.name
        assert {f"test/{metric}" for metric in metrics} <= member.metrics.keys()
