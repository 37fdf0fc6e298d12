"""The report on an experiment as an object: its answer, tables, verdicts and figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lossbench.errors import InputError, suggestion

if TYPE_CHECKING:
    import pandas as pd

    from lossbench.verdicts.findings import Report
    from lossbench.verdicts.table import Table


@dataclass(frozen=True)
class Figure:
    """One figure of a report, which shows itself in a notebook.

    Attributes:
        png: the file's content.
        caption: how to read it.
        alt: what is seen in it, in words.
    """

    name: str
    caption: str
    png: bytes = field(repr=False)
    alt: str = field(default="", repr=False)

    def save(self, path: str | Path) -> None:
        """Write the PNG."""
        Path(path).write_bytes(self.png)

    def _repr_png_(self) -> bytes:
        return self.png


@dataclass(frozen=True)
class Answer:
    """What the runs of an experiment say: the last line of a notebook's cell shows the whole page.

    Attributes:
        report: all of it, as the pages have it.
        uri: where the runs are.
    """

    report: Report = field(repr=False)
    uri: str

    @property
    def answer(self) -> str:
        """Which loss to train with, and how sure that is; a line per condition."""
        from lossbench.report.advice import advice

        return "\n".join(advice(self.report))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What weakens the comparison."""
        return self.report.remarks

    @property
    def runs(self) -> pd.DataFrame:
        """A row per run: its id, and what `results.csv` holds: what varies, its outcome and its metrics."""
        from lossbench.verdicts.build import results_table

        return results_table(self.report, "run_id")

    @property
    def table(self) -> pd.DataFrame:
        """A row per loss (and baseline) and column of the report's tables: mean, deviation, seeds, mark."""
        import pandas as pd

        parts = self.report.sections or (self.report,)
        rows = [row for part in parts for one in part.by_axis or part.by_metric for row in _rows(one)]
        return pd.DataFrame(rows, columns=["table", "loss", "column", "mean", "deviation", "n", "mark"])

    @property
    def verdicts(self) -> pd.DataFrame:
        """A row per claim, or per pair of losses: what `verdicts.json` holds."""
        import pandas as pd

        return pd.DataFrame([judged.record() for judged in self.report.verdicts])

    @cached_property
    def figures(self) -> dict[str, Figure]:
        """All figures by name; drawing them takes seconds."""
        from lossbench.report.figures import draw

        drawn = draw(self.report, self.uri, pixels=True)
        names = {name: Path(name).stem for name in drawn}
        return {
            names[name]: Figure(names[name], one.caption, one.content, one.alt) for name, one in drawn.items()
        }

    def figure(self, name: str) -> Figure:
        """One of them.

        Raises:
            InputError: there is none of that name.
        """
        if name not in self.figures:
            raise InputError(f"There is no figure {name} ({suggestion(name, self.figures)}).")
        return self.figures[name]

    def __str__(self) -> str:
        return self.answer

    def _repr_markdown_(self) -> str:
        from lossbench.report.page import summary

        return summary(self.report)


def _rows(table: Table) -> list[tuple[str, str, str, float, float, int, str]]:
    return [
        (table.title, loss, column.head, cell.mean, cell.deviation, cell.n, cell.mark)
        for column in table.columns
        for loss, cell in zip(table.rows, column.cells, strict=False)
    ]


def results(
    experiment: str, *, tracking_uri: str | None = None, config_dir: str | Path | None = None
) -> Answer:
    """The answer of an experiment's recorded runs; nothing is trained or written.

    Args:
        experiment: its name.
        tracking_uri: where its runs are; default: MLFLOW_TRACKING_URI or sqlite:///mlflow.db in this folder.
        config_dir: a folder in which `experiment/<name>.yaml` states its claims.

    Raises:
        InputError: nothing is recorded under the name.
    """
    from lossbench.claims.declared import load_experiment
    from lossbench.report.making import built, read
    from lossbench.tracking import resolve_uri

    declared = load_experiment(experiment, None if config_dir is None else Path(config_dir))
    uri = resolve_uri(tracking_uri)
    return Answer(built(declared, read(declared.name, uri, {}), uri, {}), uri)
