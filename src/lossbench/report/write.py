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
    with tempfile.TemporaryDirectory(prefix="lossbench-report-") as aside:
        made = Path(aside)
        for name, content in figures.items():
            (made / name).write_bytes(content)
        results_table(report).to_csv(made / "results.csv", index=False, float_format=f"%.{DIGITS}g")
        records = [judged.record() for judged in report.verdicts]
        (made / "verdicts.json").write_text(json.dumps(records, indent=2, allow_nan=False) + "\n")
        (made / "README.md").write_text(page.markdown(report, captions))
        (made / "report.html").write_text(page.html(report, captions, made))
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.png"):
            old.unlink()
        for file in made.iterdir():
            shutil.copyfile(file, folder / file.name)
