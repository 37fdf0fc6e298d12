"""`python experiments/reproduce.py`: train and report everything anew, and compare the verdicts.

tracking.uri=...     where the runs go; what is finished there is not trained again
report.out=folder    where the new reports go; default: experiments, in place of the recorded ones
report.train=false   reports alone, from runs that are there
report.only=outliers,anatomy   some of the targets

The recorded verdicts are those of experiments/*/verdicts.json as git's last commit holds them, or without git
those that lie there before the first new report. Exits with 1 where a verdict changed, 2 where nothing could
be compared because a step failed.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from lossbench.cli import command
from lossbench.config.naming import ANATOMY
from lossbench.errors import InputError, suggestion

BOXES = "box_regression"  # a report of its own, as anatomy is, that trains nothing
# What each make target trains and reports, in order; a target's companions carry its name.
TARGETS: Mapping[str, tuple[str, ...]] = {
    "outliers": ("outliers", "outliers_delta", "outliers_sine"),
    "mnist": ("mnist", "mnist_kl", "mnist_softmax"),
    "mnist_cnn": ("mnist_cnn",),
    "sentiment": ("sentiment",),
    "faces": ("faces",),
    "price": ("price",),
    "crowns": ("crowns",),
    "boxes": ("boxes", "boxes_crowns"),
    "depth": ("depth",),
    "spam": ("spam",),
    "topics": ("topics",),
    "sentences": ("sentences",),
    "forecast": ("forecast", "forecast_rnn", "forecast_spikes", "forecast_zeros"),
    "language": ("language",),
    "recommend": ("recommend",),
    "vae": ("vae", "vae_beta"),
    "distill": ("distill", "distill_temperature", "distill_threes", "distill_wide"),
    "rlhf": ("rlhf", "rlhf_beta"),
    ANATOMY: (ANATOMY,),
    BOXES: (BOXES,),
}
FOLDER = Path("experiments")


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    uri: str | None = None
    out: Path = FOLDER
    train: bool = True
    only: tuple[str, ...] = tuple(TARGETS)


@dataclass(frozen=True)
class Line:
    """One claim: what was recorded of it and what came out now; None where it is missing on one side."""

    experiment: str
    claim: str
    recorded: str | None
    now: str | None

    @property
    def changed(self) -> bool:
        """Whether the verdict is another one; a new or a dropped claim counts."""
        return self.recorded != self.now


def parse(arguments: Sequence[str]) -> Request:
    """Understand the command line.

    Raises:
        InputError: an argument is unknown, or names an unknown target.
    """
    known = ("tracking.uri", "report.out", "report.train", "report.only")
    given = command.options(arguments, known)
    only = tuple(given["report.only"].split(",")) if "report.only" in given else tuple(TARGETS)
    for name in only:
        if name not in TARGETS:
            raise InputError(f"report.only={name} is no target ({suggestion(name, TARGETS)}).")
    train = OmegaConf.from_dotlist([f"train={given.get('report.train', 'true')}"]).train
    if not isinstance(train, bool):
        raise InputError(f"report.train must be true or false; got {train!r}.")
    return Request(given.get("tracking.uri"), Path(given.get("report.out", FOLDER)), train, only)


def recorded(folder: Path = FOLDER) -> dict[str, dict[str, str]]:
    """Verdicts by experiment and claim: of the last commit, else of the files in the folder."""
    listed = _git("ls-tree", "-r", "--name-only", "HEAD", "--", f"./{folder}/")
    if listed is None:
        files = sorted(folder.glob("*/verdicts.json"))
        return {file.parent.name: _verdicts(file.read_text()) for file in files}
    found = {}
    for name in listed.splitlines():
        content = _git("show", f"HEAD:./{name}") if name.endswith("/verdicts.json") else None
        if content is not None:
            found[Path(name).parent.name] = _verdicts(content)
    return found


def _git(*command: str) -> str | None:
    try:
        done = subprocess.run(["git", *command], capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _verdicts(text: str) -> dict[str, str]:
    records: list[dict[str, Any]] = json.loads(text)
    return {str(record["id"]): str(record["verdict"]) for record in records}


def commands(experiment: str, request: Request) -> list[list[str]]:
    """What trains and reports one experiment, as arguments of Python."""
    uri = [f"tracking.uri={request.uri}"] if request.uri else []
    train = ["-m", "lossbench", "-m", f"experiment={experiment}", *uri]
    out = [f"report.out={request.out / experiment}"]
    if experiment == BOXES:
        return [["-m", "lossbench.box_regression", *out]]
    report = ["-m", "lossbench.report", f"experiment={experiment}", *uri, *out]
    return [train, report] if request.train and experiment != ANATOMY else [report]


def run_all(request: Request) -> None:
    """Train and report each experiment of the targets asked for.

    Raises:
        InputError: one of the steps failed; its own words stand above.
    """
    for target in request.only:
        for experiment in TARGETS[target]:
            print(f"\n== {experiment}", flush=True)
            for step in commands(experiment, request):
                if code := subprocess.run([sys.executable, *step], check=False).returncode:
                    typed = shlex.join(["python", *step])
                    raise InputError(f"{typed} ended with {code}: see above, then run this again to go on.")


def compare(before: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]) -> list[Line]:
    """The claims of each experiment that was run now, in its order; then those that it no longer makes."""
    lines = []
    for experiment, verdicts in now.items():
        old = before.get(experiment, {})
        claims = [*verdicts, *(claim for claim in old if claim not in verdicts)]
        lines += [Line(experiment, claim, old.get(claim), verdicts.get(claim)) for claim in claims]
    return lines


def show(lines: Sequence[Line]) -> None:
    """Print the table: a verdict that changed has an arrow."""
    from rich import box
    from rich.table import Table

    from lossbench.report.terminal import plain_console

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for head in ("experiment", "claim", "recorded", "", "now"):
        grid.add_column(head, no_wrap=head != "claim")
    for line in lines:
        arrow = "->" if line.changed else ""
        grid.add_row(line.experiment, line.claim, line.recorded or "-", arrow, line.now or "-")
    console = plain_console()
    console.print(grid)
    changed = sum(line.changed for line in lines)
    console.print(f"{len(lines)} verdicts, {changed} changed.")


def main(arguments: Sequence[str]) -> int:
    """Run, compare and print; the exit code."""
    request = parse(arguments)
    before = recorded()
    run_all(request)
    experiments = [name for target in request.only for name in TARGETS[target]]
    files = {name: request.out / name / "verdicts.json" for name in experiments}
    lines = compare(before, {name: _verdicts(file.read_text()) for name, file in files.items()})
    show(lines)
    return int(any(line.changed for line in lines))


if __name__ == "__main__":
    command.run("reproduce", main, __doc__)
