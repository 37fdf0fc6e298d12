"""The folder of an experiment: README.md, results.csv, verdicts.json, figures, and one HTML page."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbench.counting import counted
from lossbench.report import page
from lossbench.report.made import MANIFEST, PAGES, check, made, manifest
from lossbench.report.picture import Pictures, contents
from lossbench.tracking.runs import COMMIT
from lossbench.verdicts.build import results_table
from lossbench.verdicts.findings import Report

if TYPE_CHECKING:
    import pandas as pd

DIGITS = 6
_TRUSTED = "# Can the verdicts be trusted?"


def write(report: Report, folder: Path, figures: Pictures) -> None:
    """Write everything at once: a report that fails on the way leaves the folder as it was.

    The folder is made when missing; what an earlier report made in it is replaced, other files stay.

    Raises:
        InputError: the folder holds somebody else's file of one of the names.
    """
    records = [{**judged.record(), **report.looks.record()} for judged in report.verdicts]
    readme = page.markdown(report, figures, _calibration(folder))
    files = pages(readme, page.html(report, figures), results_table(report), records)
    replace_files(folder, {**contents(figures), **files}, _dated(report))


def _dated(report: Report) -> dict[str, str]:
    """The day of its last run, and the commit of its runs where they are of one."""
    started = report.runs["started"].max()
    commits = set(report.runs[COMMIT].dropna()) if COMMIT in report.runs else set()
    told = {"trained": f"{started:%Y-%m-%d}"}
    return told | ({"commit": str(commits.pop())[:10]} if len(commits) == 1 else {})


def pages(
    readme: str, html: str, results: pd.DataFrame, verdicts: Sequence[Mapping[str, Any]]
) -> dict[str, bytes]:
    """The files that every report writes beside its figures."""
    table = results.to_csv(index=False, float_format=f"%.{DIGITS}g")
    texts = (readme, html, table, json.dumps(verdicts, indent=2, allow_nan=False) + "\n")
    return {name: text.encode() for name, text in zip(PAGES, texts, strict=True)}


def written(folder: Path, figures: Collection[str]) -> str:
    """What is said of a folder once it is written."""
    return (
        f"\n{folder}/{', '.join(PAGES)}, {counted(len(figures), 'figure')}\n"
        f"Send {folder}/report.html: one file that needs nothing else."
    )


def _calibration(folder: Path) -> str:
    """The link to lossbench's own page on its verdicts; none in a folder that has it not beside it."""
    page_ = folder.absolute().parent / "calibration" / "README.md"
    ours = page_.is_file() and page_.read_text(encoding="utf-8", errors="replace").startswith(_TRUSTED)
    return "../calibration/README.md" if ours else ""


def replace_files(folder: Path, files: Mapping[str, bytes], told: Mapping[str, str] | None = None) -> None:
    """Put all files of a report into its folder, or none where one cannot be written aside first.

    Files that only the report before made go; what no report made stays. `told` stands in the manifest.

    Raises:
        InputError: the folder holds somebody else's file of one of the names.
    """
    check(folder, files)
    with tempfile.TemporaryDirectory(prefix="lossbench-report-") as aside:
        for name, content in files.items():
            Path(aside, name).write_bytes(content)
        folder.mkdir(parents=True, exist_ok=True)
        before = made(folder)
        # First, so that an end in the middle leaves no file of which nobody knows who made it.
        (folder / MANIFEST).write_text(manifest(before | files.keys()))
        for name in before - files.keys():
            (folder / name).unlink(missing_ok=True)
        for name in files:
            shutil.copyfile(Path(aside, name), folder / name)
        (folder / MANIFEST).write_text(manifest(files.keys(), told))
