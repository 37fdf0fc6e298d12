"""`python -m lossbench.report experiment=<name>`: from MLflow to table, verdicts and figures.

experiment=outliers        an experiment of conf/experiment, or any name that runs were recorded under
experiment.judge=mae       instead of what the experiment's YAML says; so with select, and name
experiment=anatomy         each loss against its textbook property; nothing is trained or read
tracking.uri=...           where the runs are; default: MLFLOW_TRACKING_URI or sqlite:///mlflow.db
report.out=folder          where files go; default: experiments/<name>
report.figures=false       no figures
report.files=false         no files at all: the table alone
report.record=false        no report run in MLflow
data.contamination=0.2     any other override: only the runs that have it; no files then, unless report.out
                           names a folder, and no report run: the recorded report speaks for all runs
data.fingerprint=1a2b3c    only the runs that saw this data, where a file has changed between them
loss=mse,mae               several values; one that is a list stands in brackets: model.hidden=[8,8]
--config-dir mine          experiments of your own: mine/experiment/<name>.yaml
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lossbench import command
from lossbench.counting import counted
from lossbench.errors import InputError, suggestion
from lossbench.folders import shadowing
from lossbench.naming import ANATOMY, is_file_name
from lossbench.report.declared import load_experiment, select_of, shipped
from lossbench.report.made import check
from lossbench.report.named import named
from lossbench.tracking.runs import BY_FINGERPRINT

if TYPE_CHECKING:
    import pandas as pd


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
    folder: Path | None = None  # of `--config-dir`
    instead: Mapping[str, str] = field(default_factory=dict)  # of what the experiment's YAML says


def parse(arguments: Sequence[str]) -> Request:
    """Understand the command line.

    Raises:
        InputError: an argument is no assignment, or sets an unknown option.
    """
    folder, arguments = _config_dir(arguments)
    for argument in arguments:
        if "=" not in argument or argument.startswith("-"):
            raise InputError(f"{argument!r} is not understood; write key=value, as in experiment=outliers.")
    experiment, arguments = named(arguments)
    settings = [argument for argument in arguments if _first_word(argument) in _SETTINGS]
    selection = _selection([argument for argument in arguments if argument not in settings])
    plain = _tree(settings)
    if experiment.yaml is None:
        known = [*shipped(folder), ANATOMY]
        raise InputError(f"Name an experiment: experiment=NAME ({suggestion('', known)}).")
    uri = _uri(plain.pop("tracking", None))
    options = _options(plain.pop("report", None) or {})
    return Request(experiment.yaml, uri, options, selection, folder, experiment.set)


_SETTINGS = ("tracking", "report")  # everything else selects runs


def _first_word(argument: str) -> str:
    return argument.partition("=")[0].partition(".")[0]


def _config_dir(arguments: Sequence[str]) -> tuple[Path | None, list[str]]:
    """The folder of `--config-dir`, as Hydra's programs take it, and the other arguments."""
    options = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    options.add_argument("--config-dir", "-cd", type=Path)
    try:
        known, rest = options.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise InputError("--config-dir needs a folder, as in --config-dir mine.") from error
    folder: Path | None = known.config_dir
    if folder and not folder.is_dir():
        raise InputError(f"--config-dir {folder} is no folder; name one that holds experiment/NAME.yaml.")
    return folder, rest


def _tree(arguments: Sequence[str], typed: str = "") -> dict[str, Any]:
    """Assignments as a nested dict, with values as YAML reads them; `typed` is what a person wrote."""
    try:
        tree: Any = OmegaConf.to_container(OmegaConf.from_dotlist(list(arguments)))
    except Exception as error:  # of YAML, or of OmegaConf where one key contradicts another
        raise InputError(
            f"{typed or ' '.join(arguments)!r} is not understood; write each as key=value, close every "
            "bracket, and set a key once."
        ) from error
    return dict(tree)


def _uri(tracking: Any) -> str | None:
    """The address that `tracking.uri` gives; the other knobs of tracking are those of a sweep."""
    given = {} if tracking is None else tracking
    if not isinstance(given, dict):
        raise InputError(
            f"tracking must hold an address, as in tracking.uri=sqlite:///mlflow.db; got {given!r}."
        )
    for key in given:
        if key != "uri":
            raise InputError(f"tracking.{key} is no option of a report ({suggestion(str(key), ['uri'])}).")
    uri = given.get("uri")
    if not isinstance(uri, (str, type(None))):
        raise InputError(f"tracking.uri must be a text; got {uri!r}.")
    return uri


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


def _selection(arguments: Sequence[str]) -> dict[str, Any]:
    """Selections by dotted key; a group alone (`loss=mse`) means its name.

    A list is several values, as `loss=mse,mae` writes them; a tuple is one that is a list, `[8,8]`.
    """
    selection: dict[str, Any] = {}
    for argument in arguments:
        key, _, text = argument.partition("=")
        parts = _alternatives(text)
        values = [_value(argument, part) for part in parts]
        if key == BY_FINGERPRINT:  # of digits alone, YAML would make a number
            values = [part.strip() for part in parts]
        selection |= _flat(key, values if len(parts) > 1 else values[0])
    return selection


def _alternatives(text: str) -> list[str]:
    """`mse,mae` as Hydra's sweeps write it; a comma within brackets, braces or quotes parts nothing."""
    parts, depth, quote = [""], 0, ""
    for sign in text:
        if quote or sign in "'\"":
            quote = ("" if sign == quote else quote) if quote else sign
        depth += (sign in "[{(") - (sign in "]})") if not quote else 0
        if sign == "," and depth <= 0 and not quote:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


def _value(argument: str, text: str) -> Any:
    value = _tree([f"value={text}"], argument)["value"]
    return tuple(value) if isinstance(value, list) else value


def _flat(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {key: value}
    return {path: own for name, inner in value.items() for path, own in _flat(f"{key}.{name}", inner).items()}


def read(experiment: str, uri: str, selection: dict[str, Any]) -> pd.DataFrame:
    """The runs of an experiment that a selection leaves.

    Raises:
        InputError: there are none, or a key of the selection is no param of theirs.
    """
    from lossbench.report.conditions import column_of, matches, parameters
    from lossbench.report.same_data import selected
    from lossbench.tracking import read_runs

    runs = read_runs(uri, experiment)
    if runs.empty:
        _check_recorded(uri, experiment)
    if runs.empty or not selection:
        return runs
    selection = dict(selection)
    if (beginning := selection.pop(BY_FINGERPRINT, None)) is not None:
        runs = selected(runs, beginning)
    for key in selection:
        if column_of(key) not in runs.columns:
            raise InputError(f"{key} is no param of these runs ({suggestion(key, parameters(runs))}).")
    return runs[matches(runs, selection)].reset_index(drop=True)


def _check_recorded(uri: str, experiment: str) -> None:
    """Refuse a name that neither MLflow nor a YAML knows: it is probably misspelt."""
    from lossbench.tracking.address import parse as address
    from lossbench.tracking.reader import reading

    with reading(address(uri)) as records:
        known = {*records.experiments(), *shipped()} - {"Default"}
    if experiment not in known:
        raise InputError(f"Nothing is recorded as experiment={experiment} ({suggestion(experiment, known)}).")


def main(arguments: Sequence[str]) -> None:
    """Make the report that the command line asks for."""
    request = parse(arguments)
    if request.experiment == ANATOMY:
        _anatomy(request)
        return
    if request.folder and (told := shadowing(request.folder)):
        print(told, file=sys.stderr)
    experiment = load_experiment(request.experiment, request.folder, request.instead)
    folder = _folder(request, experiment.name)

    from lossbench.tracking import read_histories, resolve_uri

    uri = resolve_uri(request.uri)
    runs = read(experiment.name, uri, request.selection)

    recorded = folder is not None and request.options.record and not request.selection
    if recorded:
        from lossbench.report.record import check_recordable

        check_recordable(uri)

    from lossbench.report.build import build
    from lossbench.report.predictions import reader
    from lossbench.report.terminal import show

    histories = functools.partial(read_histories, uri)
    select, predictions = (select_of(runs), reader(uri, runs)) if len(runs) else (None, None)
    report = build(experiment, runs, select, request.selection, histories, predictions)
    try:
        # First: neither a reader who has gone nor a terminal that cannot show it costs a file.
        said = _files(report, uri, folder, request.options, recorded=recorded) if folder else ""
    except Exception:
        show(report)
        raise
    show(report)
    if folder:
        print(said)
    elif request.options.files:
        print("\nNo files, for these are not all runs; report.out=FOLDER writes them.")
    _links(uri, experiment.name)


def _folder(request: Request, experiment: str) -> Path | None:
    """Where the files of a report go; None where it writes none.

    Raises:
        InputError: what lies there was made by somebody else.
    """
    options = request.options
    if not options.files or (request.selection and options.out is None):
        return None
    if options.out is None and not is_file_name(experiment):
        raise InputError(
            f"{experiment!r} cannot name a folder in experiments/; say where the files go with "
            "report.out=FOLDER, or report.files=false."
        )
    folder = Path(options.out or Path("experiments") / experiment)
    check(folder)
    return folder


def _links(uri: str, experiment: str) -> None:
    """Where a browser shows the experiment: what every sweep ends with, too."""
    from lossbench.review.links import links, served

    for one in links(uri, experiment):
        print(f"\n{served(uri, experiment)}", *one.lines(), sep="\n")


def _anatomy(request: Request) -> None:
    from lossbench.report import anatomy

    if request.selection:
        raise InputError(f"{next(iter(request.selection))} selects runs, and experiment={ANATOMY} has none.")
    options = request.options
    folder = _folder(request, ANATOMY)
    anatomy.main(request.uri, folder, figures=options.figures, recorded=options.record)


def _files(report: Any, uri: str, folder: Path, options: Options, *, recorded: bool) -> str:
    """Write and record them; what to say of it."""
    from lossbench.report.write import write

    figures: dict[str, bytes] = {}
    captions: dict[str, str] = {}
    remark: str | None = None
    if options.figures:
        from lossbench.report.figures import draw
        from lossbench.report.figures.stored import unread

        figures, captions = draw(report, uri)
        if remark := unread(uri, report.chosen):
            report = replace(report, remarks=(*report.remarks, remark))
    write(report, folder, figures, captions)
    if recorded:
        from lossbench.report.page import summary
        from lossbench.report.record import record

        record(uri, report.experiment.name, folder, summary(report))
    said = f"\n{folder}/README.md, report.html, results.csv, verdicts.json, {counted(len(figures), 'figure')}"
    return f"\n! {remark}\n{said}" if remark else said


if __name__ == "__main__":
    command.run("lossbench.report", main, __doc__)
