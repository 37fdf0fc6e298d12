"""The folder of an experiment: README.md, results.csv, verdicts.json, figures, and one HTML page."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lossbench.report import page
from lossbench.report.build import Report, results_table

DIGITS = 6


def write(report: Report, folder: Path, figures: Mapping[str, bytes], captions: Mapping[str, str]) -> None:
    """Write everything at once: a report that fails on the way leaves the folder as it was.

    Args:
        report: what to say.
        folder: made when missing; older figures and pages in it are replaced, other files stay.
        figures: PNGs by file name.
        captions: of the figures, in the order in which they are shown.
    """
    table = results_table(report).to_csv(index=False, float_format=f"%.{DIGITS}g")
    records = [judged.record() for judged in report.verdicts]
    texts = {
        "results.csv": table,
        "verdicts.json": json.dumps(records, indent=2, allow_nan=False) + "\n",
        "README.md": page.markdown(report, captions),
        "report.html": page.html(report, captions, figures),
    }
    replace_files(folder, {**figures, **{name: text.encode() for name, text in texts.items()}})


def replace_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put all files of a report into its folder, or none where one cannot be written aside first.

    Older figures go; other files stay.
    """
    with tempfile.TemporaryDirectory(prefix="lossbench-report-") as aside:
        for name, content in files.items():
            Path(aside, name).write_bytes(content)
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.png"):
            old.unlink()
        for name in files:
            shutil.copyfile(Path(aside, name), folder / name)
