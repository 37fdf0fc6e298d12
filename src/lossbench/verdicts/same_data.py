"""Which runs saw the same data: runs on different data are never one condition, whatever their configs say.

A file may change between two sweeps, or two files be named in one. The fingerprint of what was loaded tells.
That of a generated data set differs between seeds, so two runs saw different data where their knobs and seeds
are equal and their fingerprints are not; and where a fingerprint is that of several seeds, every other one
of the same knobs is of other data.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lossbench.counting import counted
from lossbench.errors import InputError, suggestion
from lossbench.tracking.runs import BY_FINGERPRINT, FINGERPRINT
from lossbench.verdicts.conditions import DONE, LOSS, SEED, TRIAL, parameters, places_of, typed
from lossbench.verdicts.tuned import told_apart

DATA = "data.name"
_SHOWN = 8  # of a fingerprint


@dataclass(frozen=True)
class SameData:
    """Runs of one data set that saw the same data, as they were read."""

    runs: pd.DataFrame

    @property
    def prints(self) -> set[str]:
        """The fingerprints, one or one for each seed."""
        return set(self.runs[FINGERPRINT].dropna().astype(str)) if FINGERPRINT in self.runs else set()

    @property
    def short(self) -> str:
        """The beginning of the newest fingerprint, which names them all."""
        told = self.runs.dropna(subset=[FINGERPRINT]).sort_values("started", kind="stable")
        return str(told[FINGERPRINT].iloc[-1])[:_SHOWN]

    @property
    def results(self) -> pd.DataFrame:
        """Those that came to a result."""
        return self.runs[self.runs["outcome"].isin(DONE)]

    @property
    def complete(self) -> tuple[int, Any]:
        """By which sets are compared: how many conditions have how many seeds; then which is the newest."""
        frame = told_apart(typed(self.results))
        own = [name for name in parameters(frame) if name not in TRIAL]
        return len(frame[own].drop_duplicates()), self.runs["started"].max()

    def words(self) -> str:
        """`5 runs of mae (t.csv, fingerprint 1a2b3c4d)`."""
        losses = ", ".join(sorted(map(str, self.runs[LOSS].unique())))
        files = [name for name in places_of(self.runs) if name.startswith("data.") and name in self.runs]
        found = [str(file) for name in files for file in self.runs[name].dropna().unique() if file != "null"]
        count = counted(len(self.runs), "run")
        return f"{count} of {losses} ({', '.join([*found, f'fingerprint {self.short}'])})"


def sets_of(runs: pd.DataFrame) -> list[SameData]:
    """The runs of one data set by the data that they saw: the newest of the most complete sets first."""
    if FINGERPRINT not in runs.columns or runs[FINGERPRINT].nunique() < 2:
        return [SameData(runs)]
    apart = _apart(runs)
    if not apart:
        return [SameData(runs)]
    place = _placed(runs.groupby(FINGERPRINT)["started"].max().to_dict(), apart)
    number = runs[FINGERPRINT].map(place).fillna(0)
    parts = [SameData(own.reset_index(drop=True)) for _, own in runs.groupby(number, sort=True)]
    return sorted(parts, key=lambda part: part.complete, reverse=True)


def _apart(runs: pd.DataFrame) -> dict[str, set[str]]:
    """Of each fingerprint, those that are of other data; fingerprints that have none are left out."""
    knobs = [name for name in parameters(runs) if name.startswith("data.")]
    frame = typed(runs)[[*knobs, SEED, FINGERPRINT]].dropna(subset=[FINGERPRINT])
    apart: dict[str, set[str]] = defaultdict(set)
    for _, own in frame.groupby(knobs, dropna=False, sort=False):
        seeds = own.groupby(FINGERPRINT)[SEED].agg(set).to_dict()
        if len(seeds) == sum(map(len, seeds.values())) == own[SEED].nunique():
            continue  # one for each seed
        for one, its_seeds in seeds.items():
            for other, other_seeds in seeds.items():
                several = len(its_seeds) > 1 or len(other_seeds) > 1
                if one != other and (several or its_seeds & other_seeds):
                    apart[str(one)].add(str(other))
    return dict(apart)


def _placed(newest: Mapping[Any, Any], apart: Mapping[str, set[str]]) -> dict[str, int]:
    """A number for each fingerprint, equal for those of one set.

    From the newest on, each that has others of different data joins the first set without them; each that has
    none joins the set that was trained in its time.
    """
    by_time = sorted(map(str, newest), key=lambda one: newest[one], reverse=True)
    sets: list[set[str]] = []
    for one in by_time:
        if one in apart:
            fitting = next((own for own in sets if not own & apart[one]), None)
            if fitting is None:
                sets.append(fitting := set())
            fitting.add(one)
    placed = {one: number for number, own in enumerate(sets) for one in own}
    for one in set(by_time) - set(placed):
        nearest = min(apart, key=lambda other: (abs(newest[one] - newest[other]), other))
        placed[one] = placed[nearest]
    return placed


def on_same_data(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The runs that may be compared, data set by data set; and a remark for each data set with others."""
    kept, remarks = [], []
    for name, own in runs.groupby(DATA, sort=False):
        first, *others = sets_of(own)
        kept.append(first.runs)
        told = [other for other in others if len(other.results)]
        if told:
            remarks.append(_remark(str(name), first, told))
    if not remarks and sum(map(len, kept)) == len(runs):
        return runs, []
    return pd.concat(kept, ignore_index=True), remarks


def _remark(name: str, first: SameData, others: Sequence[SameData]) -> str:
    left = "; ".join(other.words() for other in others)
    see = " or ".join(f"{BY_FINGERPRINT}={other.short}" for other in others)
    return (
        f"Not all runs of {name} saw the same data, and runs on different data are not compared: these are "
        f"{first.words()}; left out are {left}. {see} reports on those; the same sweep again trains what is "
        "missing on the data as it is now."
    )


def selected(runs: pd.DataFrame, wanted: Any) -> pd.DataFrame:
    """The runs that saw the data of a fingerprint, of which the beginning is enough.

    Raises:
        InputError: no run has it.
    """
    texts = [str(text) for text in (wanted if isinstance(wanted, list) else [wanted])]
    parts = [part for _, own in runs.groupby(DATA, sort=False) for part in sets_of(own)]
    chosen = [
        part.runs
        for part in parts
        if any(own.startswith(text) for own in part.prints for text in texts if text)
    ]
    if not chosen:
        known = [part.short for part in parts if part.prints]
        raise InputError(f"No run has {BY_FINGERPRINT}={','.join(texts)} ({suggestion(texts[0], known)}).")
    return pd.concat(chosen, ignore_index=True)
