"""`python -m lossbench.report experiment=<name>`: from MLflow to table, verdicts and figures.

experiment=outliers        an experiment of conf/experiment, or any name that runs were recorded under
experiment=anatomy         each loss against its textbook property; nothing is trained or read
tracking.uri=...           where the runs are; default: MLFLOW_TRACKING_URI or sqlite:///mlflow.db
report.out=folder          where files go; default: experiments/<name>
report.figures=false       no figures
report.files=false         no files at all: the table alone
report.record=false        no report run in MLflow
data.contamination=0.2     any other override: only the runs that have it
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lossbench.config import conf_dir
from lossbench.errors import InputError, suggestion

if TYPE_CHECKING:
    import pandas as pd

    from lossbench.report.claims import Experiment

ANATOMY = "anatomy"  # the report that needs no runs


@dataclass
class Options:
    """What `report.*` sets."""

    out: str | None = None
    figures: bool = True
    files: bool = True
    record: bool = True


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    experiment: str
    uri: str | None
    options: Options
    selection: dict[str, Any]


def parse(arguments: Sequence[str]) -> Request:
    """Understand the command line.

    Raises:
        InputError: an argument is no assignment, or sets an unknown option.
    """
    for argument in arguments:
        if "=" not in argument or argument.startswith("-"):
            raise InputError(f"{argument!r} is not understood; write key=value, as in experiment=outliers.")
    plain = _tree(arguments)
    name = plain.pop("experiment", None)
    if not isinstance(name, str):
        raise InputError(f"Name an experiment: experiment=NAME ({suggestion('', [*shipped(), ANATOMY])}).")
    tracking = plain.pop("tracking", None) or {}
    options = _options(plain.pop("report", None) or {})
    return Request(name, tracking.get("uri"), options, _flat(plain))


def _tree(arguments: Sequence[str]) -> dict[str, Any]:
    """Assignments as a nested dict, with values as YAML reads them."""
    tree: Any = OmegaConf.to_container(OmegaConf.from_dotlist(list(arguments)))
    return dict(tree)


def _options(given: Any) -> Options:
    known = set(vars(Options()))
    for key in given if isinstance(given, dict) else ["report"]:
        if key not in known:
            raise InputError(f"report.{key} is no option ({suggestion(str(key), known)}).")
    try:
        merged: Any = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Options), given))
    except OmegaConfBaseException as error:
        raise InputError(
            f"report.{str(error).splitlines()[0]}; figures, files and record are true or false."
        ) from error
    assert isinstance(merged, Options)
    return merged


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Selections by dotted key; a group alone (`loss=mse`) means its name."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        path = f"{prefix}{key}"
        flat |= _flat(value, f"{path}.") if isinstance(value, dict) else {path: _listed(value)}
    return flat


def _listed(value: Any) -> Any:
    """`0,1,2` as Hydra's sweeps write it."""
    if isinstance(value, str) and "," in value:
        return [_tree([f"value={part}"])["value"] for part in value.split(",")]
    return value


def shipped() -> list[str]:
    """Names of the experiments in `conf/experiment`."""
    return sorted(path.stem for path in (conf_dir() / "experiment").glob("*.yaml"))


def load_experiment(name: str) -> Experiment:
    """The experiment of a YAML, or a plain one of that name, without claims.

    Raises:
        InputError: its claims are at fault.
    """
    from lossbench.report.claims import Experiment, check_experiment

    if name not in shipped():
        return Experiment(name)
    tree: Any = OmegaConf.to_container(OmegaConf.load(conf_dir() / "experiment" / f"{name}.yaml"))
    node = tree.get("experiment") or {}
    return check_experiment({"experiment": {"name": name, **node}})


def select_of(runs: pd.DataFrame) -> str | None:
    """The metric by which the data set of the runs chooses; None where it is not known here."""
    from hydra.utils import get_class

    files = [conf_dir() / "data" / f"{name}.yaml" for name in runs["data.name"].unique()]
    for file in files:
        if file.is_file():
            declared = getattr(get_class(OmegaConf.load(file)._target_), "select", None)
            if isinstance(declared, str):
                return declared
    return None


def read(experiment: str, uri: str, selection: dict[str, Any]) -> pd.DataFrame:
    """The runs of an experiment that a selection leaves.

    Raises:
        InputError: there are none, or a key of the selection is no param of theirs.
    """
    from lossbench.report.conditions import column_of, matches, parameters
    from lossbench.tracking import read_runs

    runs = read_runs(uri, experiment)
    if runs.empty or not selection:
        return runs
    for key in selection:
        if column_of(key) not in runs.columns:
            raise InputError(f"{key} is no param of these runs ({suggestion(key, parameters(runs))}).")
    return runs[matches(runs, selection)].reset_index(drop=True)


def main(arguments: Sequence[str]) -> None:
    """Make the report that the command line asks for."""
    request = parse(arguments)
    if request.experiment == ANATOMY:
        _anatomy(request)
        return
    experiment = load_experiment(request.experiment)

    from lossbench.tracking import resolve_uri

    uri = resolve_uri(request.uri)
    runs = read(experiment.name, uri, request.selection)

    from lossbench.report.build import build
    from lossbench.report.terminal import show

    report = build(experiment, runs, select_of(runs) if len(runs) else None)
    show(report)
    options = request.options
    if not options.files:
        return
    folder = Path(options.out or Path("experiments") / experiment.name)
    _files(report, uri, folder, options)


def _anatomy(request: Request) -> None:
    from lossbench.report import anatomy

    if request.selection:
        raise InputError(f"{next(iter(request.selection))} selects runs, and experiment={ANATOMY} has none.")
    options = request.options
    out = Path(options.out) if options.out else None
    anatomy.main(request.uri, out, figures=options.figures, files=options.files, recorded=options.record)


def _files(report: Any, uri: str, folder: Path, options: Options) -> None:
    from lossbench.report.write import write

    figures: dict[str, bytes] = {}
    captions: dict[str, str] = {}
    if options.figures:
        from lossbench.report.figures import draw

        figures, captions = draw(report, uri)
    write(report, folder, figures, captions)
    print(f"\n{folder}/README.md, report.html, results.csv, verdicts.json, {len(figures)} figures")
    if options.record:
        from lossbench.report.page import summary
        from lossbench.report.record import record

        record(uri, report.experiment.name, folder, summary(report))


def run() -> None:
    """`main`, with faults of the input as one sentence on stderr; HYDRA_FULL_ERROR=1 shows tracebacks."""
    try:
        main(sys.argv[1:])
    except InputError as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        print(f"lossbench.report: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(1)


if __name__ == "__main__":
    run()
