"""The journeys of the README, run from its own text in an empty folder."""

from __future__ import annotations

import csv
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lossbench.report import index
from lossbench.report.rendering import filled

README = Path(__file__).parents[1] / "README.md"
Done = subprocess.CompletedProcess[str]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What the README's commands say -> what a test has time for.
SHORTER = {
    "trainer.max_epochs=5 ": "",
    "lossbench.report ": "lossbench.report report.figures=false ",
    """'data.files="*.rst"'""": """'data.files="[a-d]*.rst"'""",
    "size=(6000, 5)": "size=(3000, 5)",
}
SEEDS, ALONE = "'seed=range(0,10)'", "hydra.launcher.n_jobs=1"  # without worker processes
FEWEST = {1: 6, 3: 8}  # seeds that decide so many pairs
RATES = re.compile(r"optimizer\.lr=(?:0\.001,)?0\.003,0\.01,0\.03")
# A line of the report's table of verdicts: the verdict, the claim, the difference with its interval.
VERDICT = re.compile(r"^ *(?:supported|refuted|inconclusive) +\S.* [+-]\d\S* \[[+-].*\]", re.MULTILINE)
# What is compared, by the column of results.csv; and how many verdicts that gives.
JOURNEYS = {
    "table": ("loss.name", {"mse", "mae", "huber"}, 3),
    "classes": ("loss.name", {"cce", "bce", "hinge"}, 3),
    "series": ("loss.name", {"mse", "mae", "huber"}, 3),
    "energy": ("loss.name", {"mse", "mae", "huber"}, 3),
    "text": ("loss.name", {"bce", "hinge"}, 1),
    "images": ("loss.name", {"bce", "hinge"}, 1),
    "boxes": ("loss.name", {"mse", "giou"}, 1),
    "pixels": ("loss.name", {"mse", "berhu"}, 1),
    "people": ("loss.name", {"cce", "triplet"}, 1),
    "ratings": ("loss.name", {"bpr", "warp", "cce"}, 3),
    "pairs": ("loss.name", {"mse", "mae", "cosine_mse"}, 3),
    "corpus": ("loss.name", {"cce", "mse_softmax"}, 1),
    "loss": ("loss.name", {"mse", "huber", "cauchy"}, 3),
    "targets": ("loss.name", {"mse", "above"}, 1),
    "model": ("model.name", {"mlp", "smooth"}, 3),
    "sum": ("loss.name", {"huber", "both"}, 1),
    "torch": ("loss.name", {"huber", "smooth_l1"}, 1),
    "data": ("loss.name", {"cce", "hinge", "mse_softmax"}, 3),
    "metric": ("loss.name", {"mse", "mae", "huber"}, 3),
    "module": ("loss.name", {"mse", "huber"}, 1),
    "stream": ("loss.name", {"mse", "huber"}, 1),
}
TYPED = "table"  # the journey whose every process is started by a shell


def blocks(journey: str) -> list[tuple[str, str]]:
    """The fenced blocks between a journey's mark and the next mark or chapter, as (language, text)."""
    text = README.read_text(encoding="utf-8").split(f"<!-- journey: {journey} -->")[1]
    return BLOCK.findall(re.split(r"^## |^<!-- journey", text, flags=re.MULTILINE)[0])


def shorter(script: str, journey: str) -> str:
    for said, instead in SHORTER.items():
        script = script.replace(said, instead)
    seeds = f"'seed=range(0,{FEWEST[JOURNEYS[journey][-1]]})' trainer.max_epochs=2 {ALONE}"
    rates = "optimizer.lr=0.003,0.01" if journey == TYPED else "optimizer.lr=0.01"
    script = RATES.sub(rates, script.replace(SEEDS, seeds))
    sweeps = script.count("python -m lossbench ")
    assert script.count("max_epochs=2") == sweeps, "the README sweeps in another way; shorten that, too"
    return script


def in_a_shell(script: str, folder: Path) -> Done:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        ["sh", "-e", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def forked(script: str, folder: Path, program: Callable[..., Done]) -> Done:
    """The same commands from a process that has their imports done."""
    shown = told = ""
    for line in script.replace("\\\n", " ").splitlines():
        python, option, *arguments = shlex.split(line)
        assert python == "python"
        assert option in ("-c", "-m")
        module = option if option == "-c" else arguments.pop(0)
        done = program(*arguments, module=module, folder=folder)
        shown, told = shown + done.stdout, told + done.stderr
        if done.returncode:
            break
    return subprocess.CompletedProcess(script, done.returncode, shown, told)


@pytest.mark.slow  # `make test-readme`, which CI runs, walks them all
@pytest.mark.parametrize("journey", JOURNEYS)
def test_a_journey_ends_in_a_comparison(journey: str, tmp_path: Path, program: Callable[..., Done]) -> None:
    scripts = []
    for language, text in blocks(journey):
        if language == "sh":
            scripts.append(shorter(text, journey))
            continue
        name = text.splitlines()[0].removeprefix("# ")
        assert Path(name).suffix == {"python": ".py", "yaml": ".yaml"}[language]
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    script = "".join(scripts)
    done = in_a_shell(script, tmp_path) if journey == TYPED else forked(script, tmp_path, program)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    shown = done.stdout
    column, compared, verdicts = JOURNEYS[journey]
    (results,) = tmp_path.glob("experiments/*/results.csv")
    with results.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row[column] for row in rows} == compared
    assert {row["outcome"] for row in rows} == {"finished"}
    assert "train with" in shown.lower()
    for name in compared:
        assert name in shown
    told = VERDICT.findall(shown)
    assert len(told) == verdicts, shown


@pytest.mark.slow
def test_the_lines_of_python_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = README.read_text(encoding="utf-8").split("<!-- python -->")[1]
    _, script = BLOCK.findall(text)[0]
    script, named = re.subn(r"seeds=\d+,\s*", "seeds=2, quiet=True, **short, ", script)
    script = script.replace("trials=8", "trials=2").replace('model="cnn"', 'model="linear"')
    drawn = np.random.default_rng(0).normal(size=(150, 3))
    frame = pd.DataFrame(drawn, columns=["rooms", "age", "price"])
    short = {"trainer.max_epochs": 1, "hydra.launcher.n_jobs": 1}
    assert named == script.count("lossbench.sweep(")
    said = {"frame": frame, "new_rows": frame[["rooms", "age"]].head(4), "short": short}
    exec(script + "\nforecast = model.predict(new_rows)\n", said)
    assert list(said["forecast"].columns) == ["price"]
    assert len(said["forecast"]) == 4
    assert capsys.readouterr().out == ""


def test_what_the_readme_names_exists() -> None:
    text = README.read_text(encoding="utf-8")
    root = README.parent
    targets = set(re.findall(r"^([a-z_-]+):", (root / "Makefile").read_text(), re.MULTILINE)) | {
        "outliers",
        "mnist",
        "sentiment",
        "spam",
        "topics",
        "faces",
    }
    assert set(re.findall(r"\bmake ([a-z_-]+)\b", "\n".join(re.findall(r"`[^`\n]+`", text)))) <= targets
    for path in re.findall(r"`((?:conf|src|experiments)/[\w/.]*)`", text):
        assert (root / path).exists(), path
    for link in re.findall(r"\]\((?!http|#)([^)]+)\)", text):
        assert (root / link).exists(), link


def test_every_loss_and_data_set_that_ships_is_in_the_readme() -> None:
    text = README.read_text(encoding="utf-8")
    for group in ("loss", "data"):
        for file in (README.parent / "conf" / group).glob("*.yaml"):
            assert re.search(rf"\b{file.stem}\b", text), file.stem


def test_the_page_on_all_experiments_says_what_was_recorded() -> None:
    folder = README.parent / "experiments"
    found = index.entries(folder)
    assert {one.name for one in found} == {file.parent.name for file in folder.glob("*/verdicts.json")}
    for page, template in index.PAGES.items():
        assert (folder / page).read_text(encoding="utf-8") == filled(template, {"entries": found}), page


def test_the_claims_of_the_readme_are_among_those_of_that_page() -> None:
    text = (README.parent / "experiments" / "README.md").read_text(encoding="utf-8").splitlines()
    lines = README.read_text(encoding="utf-8").splitlines()
    shown = [line.replace("(experiments/", "(") for line in lines if line.startswith("| [")]
    claims = [line for line in shown if re.match(r"\| \[\w+\]\(\w+/README\.md\) \| \*\*", line)]
    assert len(claims) == 5
    assert set(claims) <= set(text)
