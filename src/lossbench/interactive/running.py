"""A sweep as the command line runs it: in processes of its own, recorded, resumed when called again."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lossbench.errors import InputError, RunFailedError
from lossbench.interactive.answer import Answer, results
from lossbench.interactive.line import overrides
from lossbench.interactive.own_data import named_data

_REFUSED = 2  # the exit status of a command line that is at fault
_TOLD = "lossbench: "


def sweep(
    knobs: Mapping[str, Any] | None = None,
    *,
    data: Any = None,
    target: str | None = None,
    seeds: int | None = None,
    name: str | None = None,
    tracking_uri: str | None = None,
    config_dir: str | Path | None = None,
    quiet: bool = False,
    **words: Any,
) -> Answer:
    """Train the runs of a sweep and answer with their report. Runs that are finished are not trained again.

    It is `python -m lossbench -m` with the same words, run beside this process: what it records, `make ui`,
    `lossbench.report` and the same line in a terminal know as their own.

    Args:
        knobs: what has a dot in its name, such as {"optimizer.lr": [0.001, 0.01]}.
        data: the name of a data set; a pandas DataFrame; or (inputs, targets), arrays of (N, F) and (N,),
            which are kept in `lossbench-data/`.
        target: of a frame or a file the column to predict, a number or a class.
        seeds: how many, from 0 on.
        name: that of the experiment that runs are recorded as.
        tracking_uri: where; default: MLFLOW_TRACKING_URI or sqlite:///mlflow.db in this folder.
        config_dir: a folder with losses, models and data of your own, as `--config-dir`.
        quiet: says nothing while it trains.
        words: whatever a command line takes: loss, model, trials, halving, experiment. A list is swept; a
            tuple is one value that is a list.

    Raises:
        InputError: what is asked cannot be trained, in the sentence of the command line.
        RunFailedError: a run failed; the others are recorded.

    >>> answer = lossbench.sweep(data="outliers", loss=["mse", "mae"], seeds=10)  # doctest: +SKIP
    """
    asked = {**({} if data is None else named_data(data, target)), **words}
    if seeds is not None:
        asked["seed"] = range(seeds)
    if name is not None:
        asked["experiment.name"] = name
    asked |= dict(knobs or {})
    if tracking_uri is not None:
        asked["tracking.uri"] = tracking_uri
    folder = [] if config_dir is None else ["--config-dir", str(config_dir)]
    _run([*folder, "-m", *overrides(asked)], quiet=quiet)
    return results(recorded_as(asked), tracking_uri=tracking_uri, config_dir=config_dir)


def recorded_as(asked: Mapping[str, Any]) -> str:
    """The experiment whose runs an asked sweep records: by the name that is set, else that of its YAML."""
    return str(asked.get("experiment.name") or asked.get("experiment") or "adhoc")


def _run(line: Sequence[str], *, quiet: bool) -> None:
    """Run a command line of lossbench, show what it says, and raise what it refuses."""
    command = [sys.executable, "-m", "lossbench", *line]
    told: list[str] = []
    # In a group of its own: a notebook interrupts this process alone, a terminal the whole group, and it is
    # to hear of it once.
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        process_group=0,
    ) as process:
        assert process.stdout is not None
        try:
            for text in process.stdout:
                told.append(text.rstrip())
                if not quiet:
                    print(text, end="", flush=True)
        except BaseException:
            process.send_signal(signal.SIGINT)
            process.wait()
            raise
    if process.returncode:
        fault = _sentence(told)
        raise InputError(fault) if process.returncode == _REFUSED else RunFailedError(fault)


def _sentence(told: Sequence[str]) -> str:
    """The last thing that lossbench said of itself, which it may have wrapped; or its last line."""
    starts = [place for place, line in enumerate(told) if line.startswith(_TOLD)]
    lines = told[starts[-1] :] if starts else told[-1:]
    return re.sub(r"\s+", " ", " ".join(lines)).strip().removeprefix(_TOLD)
