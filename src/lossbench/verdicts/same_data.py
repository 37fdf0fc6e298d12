"""Which runs saw the same data, by the same code: others are never one condition, whatever configs say.

A file may change between two sweeps, or two files be named in one. The fingerprint of what was loaded tells.
That of a generated data set differs between seeds, so two runs saw different data where their knobs and seeds
are equal and their fingerprints are not; and where a fingerprint is that of several seeds, every other one
of the same knobs is of other data, unless one sweep trained on both: it reads a file once, and its seeds may
draw one of a few splits. Of the user's own code the digests of files tell; runs that no changed file had a
part in go with each version of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from lossbench.config.own_code import changed, of_text
from lossbench.counting import counted
from lossbench.errors import InputError, suggestion
from lossbench.tracking.runs import BY_CODE, BY_FINGERPRINT, CODE, FINGERPRINT, PROCESS
from lossbench.verdicts.conditions import DONE, LOSS, SEED, TRIAL, parameters, places_of, typed
from lossbench.verdicts.tuned import told_apart

DATA = "data.name"
_SHOWN = 8  # of a fingerprint


@dataclass(frozen=True)
class SameData:
    """Runs of one data set that saw the same data, by the same code, as they were read.

    data: a number for each data that was seen
    code: digests of their files, where runs on the same data are by other versions of them
    """

    runs: pd.DataFrame
    data: int = 0
    code: Mapping[str, str] = field(default_factory=dict)

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

    @property
    def name(self) -> str:
        """`data 1a2b3c4d`, `data 1a2b3c4d, code 5e6f7a8b`."""
        code = " ".join(digest[:_SHOWN] for digest in self.code.values())
        return f"data {self.short}{f', code {code}' if code else ''}"

    def words(self, *, by_code: bool) -> str:
        """`5 runs of mae (t.csv, fingerprint 1a2b3c4d)`, or `(bounded.py 1a2b3c4d)`."""
        losses = ", ".join(sorted(map(str, self.runs[LOSS].unique())))
        files = [name for name in places_of(self.runs) if name.startswith("data.") and name in self.runs]
        found = [str(file) for name in files for file in self.runs[name].dropna().unique() if file != "null"]
        count = counted(len(self.runs), "run")
        told = [f"{name} {digest[:_SHOWN]}" for name, digest in self.code.items()] if by_code else []
        return f"{count} of {losses} ({', '.join(told or [*found, f'fingerprint {self.short}'])})"


def sets_of(runs: pd.DataFrame) -> list[SameData]:
    """The runs of one data set by data and code, each once: the newest of the most complete sets first."""
    found: list[SameData] = []
    left = runs.index
    for part in _sets(runs):
        own = part.runs[part.runs.index.isin(left)]
        left = left.difference(own.index)
        if len(own):
            found.append(replace(part, runs=own.reset_index(drop=True)))
    return found


def _sets(runs: pd.DataFrame) -> list[SameData]:
    """The same, where runs that go with several versions of code are in the set of each."""
    parts = [version for part in _by_data(runs) for version in _by_code(part)]
    return sorted(parts, key=lambda part: part.complete, reverse=True)


def _by_code(part: SameData) -> list[SameData]:
    """For each version of the user's own files all runs that go with it: the newest of what is not alike."""
    runs = part.runs
    if CODE not in runs.columns:
        return [part]
    texts = runs[CODE].fillna("")
    newest = runs.groupby(texts)["started"].max().sort_values(ascending=False)
    codes = {str(text): of_text(text) for text in newest.index}
    sets: dict[frozenset[str], dict[str, str]] = {}
    for one, code in codes.items():
        own, together = {one}, dict(code)
        for other, its_code in codes.items():
            if not changed(together, its_code):
                own.add(other)
                together |= its_code
        sets.setdefault(frozenset(own), together)
    several = {name for one in sets.values() for other in sets.values() for name in changed(one, other)}
    return [
        SameData(
            runs[texts.isin(own)], part.data, {name: code[name] for name in sorted(several & code.keys())}
        )
        for own, code in sets.items()
    ]


def _by_data(runs: pd.DataFrame) -> list[SameData]:
    if FINGERPRINT not in runs.columns or runs[FINGERPRINT].nunique() < 2:
        return [SameData(runs)]
    apart = _apart(runs)
    if not apart:
        return [SameData(runs)]
    place = _placed(runs.groupby(FINGERPRINT)["started"].max().to_dict(), apart)
    number = runs[FINGERPRINT].map(place).fillna(0)
    return [SameData(own, place) for place, (_, own) in enumerate(runs.groupby(number, sort=True))]


def _apart(runs: pd.DataFrame) -> dict[str, set[str]]:
    """Of each fingerprint, those that are of other data; fingerprints that have none are left out."""
    knobs = [name for name in parameters(runs) if name.startswith("data.")]
    sweep = runs[PROCESS] if PROCESS in runs else runs["run_id"]
    frame = typed(runs)[[*knobs, SEED, FINGERPRINT]].assign(sweep=sweep).dropna(subset=[FINGERPRINT])
    apart: dict[str, set[str]] = defaultdict(set)
    for _, own in frame.groupby(knobs, dropna=False, sort=False):
        seeds = own.groupby(FINGERPRINT)[SEED].agg(set).to_dict()
        if len(seeds) == sum(map(len, seeds.values())) == own[SEED].nunique():
            continue  # one for each seed
        views = _of_one_state(own)
        for one, its_seeds in seeds.items():
            for other, other_seeds in seeds.items():
                several = len(its_seeds) > 1 or len(other_seeds) > 1
                if one == other or not (several or its_seeds & other_seeds):
                    continue
                if its_seeds & other_seeds or views[one] != views[other]:
                    apart[str(one)].add(str(other))
    return dict(apart)


def _of_one_state(runs: pd.DataFrame) -> dict[Any, Any]:
    """For each fingerprint one that names all with which it shares a sweep, at whatever remove."""
    named = {one: one for one in runs[FINGERPRINT]}
    for _, own in runs.groupby("sweep", sort=False):
        first, *others = {named[one] for one in own[FINGERPRINT]}
        named = {one: first if name in others else name for one, name in named.items()}
    return named


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
        for by_code in (False, True):
            apart = [other for other in told if (other.data == first.data) is by_code]
            remarks += [_remark(str(name), first, apart, by_code=by_code)] if apart else []
    if not remarks and sum(map(len, kept)) == len(runs):
        return runs, []
    return pd.concat(kept, ignore_index=True), remarks


def _remark(name: str, first: SameData, others: Sequence[SameData], *, by_code: bool) -> str:
    left = "; ".join(other.words(by_code=by_code) for other in others)
    if by_code:
        what, on, now = "were made by the same code of yours", "by different code", "with the code"
        keys = [(BY_CODE, other.code[changed(first.code, other.code)[0]][:_SHOWN]) for other in others]
    else:
        what, on, now = "saw the same data", "on different data", "on the data"
        keys = [(BY_FINGERPRINT, other.short) for other in others]
    see = " or ".join(f"{key}={value}" for key, value in keys)
    return (
        f"Not all runs of {name} {what}, and runs {on} are not compared: these are "
        f"{first.words(by_code=by_code)}; left out are {left}. {see} reports on those; the same sweep again "
        f"trains what is missing {now} as it is now."
    )


def selected(runs: pd.DataFrame, key: str, wanted: Any) -> pd.DataFrame:
    """The runs on the data of a fingerprint, or by a file of a digest; the beginning of either is enough.

    Raises:
        InputError: no run has it.
    """
    texts = [str(text) for text in (wanted if isinstance(wanted, list) else [wanted])]
    parts = [part for _, own in runs.groupby(DATA, sort=False) for part in _sets(own)]
    names = [part.code.values() if key == BY_CODE else part.prints for part in parts]
    chosen = [
        part.runs
        for part, own in zip(parts, names, strict=True)
        if any(name.startswith(text) for name in own for text in texts if text)
    ]
    if not chosen:
        prints = [part.short for part in parts if part.prints]
        digests = [digest[:_SHOWN] for part in parts for digest in part.code.values()]
        known = digests if key == BY_CODE else prints
        raise InputError(f"No run has {key}={','.join(texts)} ({suggestion(texts[0], known)}).")
    found = pd.concat(chosen)
    return found[~found.index.duplicated()].reset_index(drop=True)
