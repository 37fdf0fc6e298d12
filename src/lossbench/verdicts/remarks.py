"""What to know before believing a table: edges of the rates, unequal trials, runs that are lost."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from lossbench.counting import counted
from lossbench.verdicts.conditions import DONE, RATE, Layout, by_condition, in_order, label
from lossbench.verdicts.results import NOT_FINITE, lost
from lossbench.verdicts.spelling import show
from lossbench.verdicts.tuned import heading, in_numbers, noun, setting, short, values_of


def remarks(runs: pd.DataFrame, ranked: pd.DataFrame, layout: Layout) -> list[str]:
    """What a reader must know first: rates at the edge, unequal trials, diverged, failed and missing runs."""
    return [
        *_nothing(runs, ranked, layout),
        *_edges(ranked, layout),
        *_unequal(ranked, layout),
        *_lost(runs, ranked, layout),
        *_changed(runs),
    ]


def _nothing(runs: pd.DataFrame, ranked: pd.DataFrame, layout: Layout) -> list[str]:
    """Conditions without a result: those that never ran, and those of which no run finished."""
    said = []
    never = [label(condition, layout.keys) for condition in _never(runs, layout)]
    if never:
        said.append(f"These conditions have no run at all, so nothing is said of them: {several(never)}.")
    lost = ranked[(ranked["rank"] == 0) & (ranked["finished"] == 0)][layout.keys]
    outcomes = runs.merge(lost, on=layout.keys).groupby(layout.keys, dropna=False, sort=False)["outcome"]
    named: dict[str, list[str]] = {}
    for key, own in outcomes:
        name = label(dict(zip(layout.keys, key, strict=True)), layout.keys)
        why = next((outcome for outcome in DONE if (own == outcome).any()), "")
        named.setdefault(why, []).append(name)
    return said + [f"{words}: {several(named[key])}." for key, words in _NOTHING.items() if key in named]


# Why a condition has no result to choose a learning rate by, the first that holds.
_NOTHING = {
    "finished": "No learning rate was chosen, these runs do not have the metric that chooses",
    "diverged": "No run finished, and some diverged",
    "": "No run finished, all failed or were stopped",
}


def _never(runs: pd.DataFrame, layout: Layout) -> list[dict[str, Any]]:
    """Conditions of the full product that have no row.

    Axes of one group (`loss.name` and the knobs of losses, `data.*`) go together as they were run, for a knob
    belongs to one choice of its group; the groups are multiplied.
    """
    groups: dict[str, list[str]] = {}
    for key in layout.keys:
        groups.setdefault(key.split(".")[0], []).append(key)
    parts = [runs[keys].drop_duplicates() for keys in groups.values()]
    full = parts[0]
    for part in parts[1:]:
        full = full.merge(part, how="cross")
    there = runs[layout.keys].drop_duplicates()
    found = full.merge(there, on=layout.keys, how="left", indicator="where")
    missing = in_order(found[found["where"] == "left_only"].drop(columns="where"), layout)
    return [{str(key): value for key, value in row.items()} for row in missing.to_dict("records")]


def _edges(ranked: pd.DataFrame, layout: Layout) -> list[str]:
    conditions = by_condition(ranked, layout)
    alone = [f"{name} ({setting(rows.iloc[0].to_dict())})" for name, rows in conditions if len(rows) == 1]
    said = []
    if len(alone) == len(conditions):
        said.append("No learning rate was chosen: each loss was trained at one, which may favour some.")
    elif alone:
        said.append(f"Only one {noun(ranked)} was tried for {several(alone)}.")
    for column in (RATE, *values_of(ranked)):
        if in_numbers(ranked[column]):
            said += _edges_of(column, conditions)
    return said


def _edges_of(column: str, conditions: Sequence[tuple[str, pd.DataFrame]]) -> list[str]:
    """Where the best value of what was tuned is the lowest or the highest tried."""
    ends: dict[str, list[str]] = {"lowest": [], "highest": []}
    for name, rows in conditions:
        best, values = rows.iloc[0], rows[column]
        if values.nunique() < 2 or best["finished"] == 0:  # nothing was chosen
            continue
        for end, value in (("lowest", values.min()), ("highest", values.max())):
            if best[column] == value:
                ends[end].append(f"{name} ({show(float(value))})")
    return [
        f"The best {heading(column)} is the {end} tried, a better one may lie beyond: {several(names)}."
        for end, names in ends.items()
        if names
    ]


def _unequal(ranked: pd.DataFrame, layout: Layout) -> list[str]:
    counts = ranked.groupby(layout.keys, dropna=False, sort=False).size().reset_index(name="rates")
    if len(set(counts["rates"])) <= 1:
        return []
    parts = _counted(counts, layout, "rates")
    return [f"Unequal budgets, the number of {noun(ranked)}s tried differs ({parts})."]


def _lost(runs: pd.DataFrame, ranked: pd.DataFrame, layout: Layout) -> list[str]:
    said = []
    best, one = ranked[ranked["rank"] == 0], short(ranked)
    for what, words in (
        ("diverged", f"diverged at the chosen {one} and count as the worst result seen"),
        ("missing", f"are missing at the chosen {one}, so pairs are lost"),
    ):
        rows = best[(best[what] > 0) & (best["finished"] > 0)]
        if len(rows):
            said.append(f"Runs that {words}: {_counted(rows, layout, what)}.")
    said += _diverged_elsewhere(ranked, layout)
    failed = runs[~runs["outcome"].isin(DONE)]
    if len(failed):
        reasons = failed["reason"].dropna().astype(str)
        first = next((reason for reason in reasons if reason), "no reason was recorded")
        share = f"{len(failed)} of {counted(len(runs), 'run')} failed or {_were(len(failed))} stopped"
        said.append(f"{share}, the first because: {first}")
    missing = int(ranked["missing"].sum()) - len(failed)
    if missing > 0:
        lacking = f"{counted(missing, 'run')} of the grid {_were(missing)} never made"
        said.append(f"{lacking} (not every {one} has every seed).")
    return said


def not_finite(chosen: pd.DataFrame, layout: Layout, judge: str) -> list[str]:
    """Runs that ended, but with infinite or undefined results: they count as the worst, so it is said.

    So it is of a metric without any other result, above all of the one that judges.
    """
    finished = chosen[chosen["outcome"] == "finished"]
    told = " ".join(finished[NOT_FINITE].dropna()) if NOT_FINITE in finished else ""
    names = [judge] if judge and len(finished) else []
    said = []
    for metric in dict.fromkeys([*names, *re.findall(r"test/([\w.@-]+) is", told)]):
        column = f"test/{metric}"
        if column not in finished or finished[column].isna().all():
            without = "it judges, so there is no answer" if metric == judge else "no table has it"
            why = "of every run it is infinite or no number" if metric in told else "no run has it"
            said.append(f"There is no result in test {metric}, {why}: {without}.")
            continue
        rows = finished[lost(finished, column)]
        counts = rows.groupby(layout.keys, dropna=False, sort=False).size().reset_index(name="runs")
        if len(counts):
            parts = _counted(counts, layout, "runs")
            said.append(
                f"Runs whose test {metric} is infinite or no number count as the worst result seen: {parts}."
            )
    return said


def _counted(rows: pd.DataFrame, layout: Layout, column: str) -> str:
    """Conditions with their numbers: `huber, contamination 0.2: 3; ...`."""
    return several([f"{label(row, layout.keys)}: {int(row[column])}" for row in rows.to_dict("records")])


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _diverged_elsewhere(ranked: pd.DataFrame, layout: Layout) -> list[str]:
    """Divergence at trials that were not chosen: it says where a loss cannot be trained."""
    rows = ranked[(ranked["diverged"] > 0) & (ranked["rank"] > 0)]
    parts = [
        f"{label(row, layout.keys)} at {setting(row)}: {int(row['diverged'])}"
        for row in rows.to_dict("records")
    ]
    if not parts:
        return []
    total = int(rows["diverged"].sum())
    return [f"{counted(total, 'run')} diverged at {noun(ranked)}s that were not chosen ({several(parts)})."]


def _changed(runs: pd.DataFrame) -> list[str]:
    known = {"lossbench.version": "version", "lossbench.commit": "commit"}
    said = []
    for tag, word in known.items():
        found = set(runs[tag].dropna()) if tag in runs.columns else set()
        if len(found) > 1:
            said.append(f"Runs come from {len(found)} different {word}s of lossbench.")
    return said


def several(parts: Sequence[str], most: int = 6) -> str:
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return "; ".join(parts[:most]) + more
