"""All experiments of a folder on one page: question, answer, verdicts. Read from what their reports wrote."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any

from lossbench.errors import InputError
from lossbench.report.made import MANIFEST, made

PAGES = {"README.md": "index.md.j2", "index.html": "index.html.j2"}  # each with its template
_VERDICTS = ("supported", "refuted", "inconclusive")


@dataclass(frozen=True)
class Entry:
    """One experiment, as its pages tell.

    answers: the sentences below the question
    verdicts: as `verdicts.json` has them
    trained, commit: the day of its last run, and of what commit its runs are; "" where the report is older
    """

    name: str
    question: str
    answers: tuple[str, ...]
    verdicts: tuple[dict[str, Any], ...]
    trained: str = ""
    commit: str = ""

    @property
    def counts(self) -> str:
        """`3 supported, 1 refuted`."""
        found = Counter(str(one["verdict"]) for one in self.verdicts)
        return ", ".join(f"{found[verdict]} {verdict}" for verdict in _VERDICTS if found[verdict])

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Of each verdict that rests on seeds: verdict, claim, difference with its interval (none where
        it could not be judged), seeds."""
        from lossbench.report.words import difference_text

        return [
            (
                str(one["verdict"]),
                str(one["sentence"]).rstrip("."),
                "" if one["estimate"] is None else difference_text(one["estimate"], *one["interval"]),
                str(one["n"]),
            )
            for one in self.verdicts
            if "holds_for" in one or "left" in one
        ]


def entries(folder: Path) -> list[Entry]:
    """The experiments of a folder whose reports state verdicts, by name."""
    found = []
    for place in sorted(folder.glob(f"*/{MANIFEST}")):
        of = place.parent
        if {"README.md", "verdicts.json"} <= made(of):
            found.append(_entry(of))
    return found


def _entry(folder: Path) -> Entry:
    lines = (folder / "README.md").read_text(encoding="utf-8").splitlines()
    question = next((line for line in lines[1:] if line), "")
    after = lines[lines.index(question) + 1 :] if question in lines else []
    below = dropwhile(lambda line: not line, after)
    answers = [line.removeprefix("- ") for line in takewhile(lambda line: line.startswith("- "), below)]
    told = json.loads((folder / MANIFEST).read_text(encoding="utf-8")).get("report", {})
    verdicts = json.loads((folder / "verdicts.json").read_text(encoding="utf-8"))
    dates = {name: str(told.get(name, "")) for name in ("trained", "commit")}
    return Entry(folder.name, question, tuple(answers), tuple(verdicts), **dates)


def write(folder: Path) -> str:
    """Write both pages, and say so; "" where a page of somebody else lies there."""
    from lossbench.report.rendering import filled
    from lossbench.report.write import replace_files

    told = {"entries": entries(folder)}
    try:
        replace_files(folder, {page: filled(template, told).encode() for page, template in PAGES.items()})
    except InputError:
        return ""
    return f"{folder}/index.html has all experiments"
