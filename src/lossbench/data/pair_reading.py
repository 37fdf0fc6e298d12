"""From a user's file to pairs of texts, and what is said of each pair; equal texts are told."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from lossbench.counting import counted
from lossbench.data.conventions import Convention
from lossbench.data.own_file import OwnFile
from lossbench.data.parts import repeated_note
from lossbench.data.words import spoken
from lossbench.errors import InputError
from lossbench.task import Target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import numpy.typing as npt
    import pandas as pd

    from lossbench.data.labels import Labels
    from lossbench.data.splits import Ids
    from lossbench.data.text_targets import TextTarget

FEWEST = 50  # pairs; below that a part of a fifth says nothing


@dataclass(frozen=True)
class Reading:
    """How a file is to be read; the fields are knobs of `data=pairs`."""

    left: str
    right: str
    target: str | None
    group: str | None
    task: str
    convention: Convention
    together: bool
    negative: str | None = None

    @property
    def said(self) -> tuple[Any, ...]:
        """What fingerprints are made of; without what came later where it is not asked for."""
        own = astuple(self)
        return own if self.negative is not None else own[:-1]


@dataclass(frozen=True, eq=False)
class TextPairs:
    """N pairs of texts.

    file, fingerprint: its name; sha256 of its content and of how it was read.
    left, right: the texts.
    targets: what is offered of a pair: its number, also as a score, or its class; without a target what pairs
        have in common that share a text, alone or by others between them.
    by_kind: the targets (N,), as `task.Target` has them.
    labels: the classes; None where there are none.
    groups: int64 (N,) the group of each for the split; None: each is its own.
    others: of each a hard text that does not belong to it, "" where there is none; None: no column has them.
    numbers: int64 (N,), of these texts as of pairs that share a text; -1 where there is none.
    account, notes: what was made of the file, in lines; what may be wrong in it.
    """

    file: str
    fingerprint: str
    left: tuple[str, ...]
    right: tuple[str, ...]
    targets: tuple[Target, ...]
    by_kind: Mapping[str, npt.NDArray[Any]]
    labels: Labels | None
    groups: Ids | None
    account: tuple[str, ...]
    notes: tuple[str, ...]
    others: tuple[str, ...] | None = None
    numbers: Ids | None = None


@lru_cache(maxsize=4)
def understood(file: OwnFile, options: Reading) -> TextPairs:
    """The pairs of a file; read once.

    Raises:
        InputError: it has too few, or a column cannot be used.
    """
    named = {"left": options.left, "right": options.right, "target": options.target, "group": options.group}
    named["negative"] = options.negative
    columns = file.columns({knob: [name] for knob, name in named.items() if name is not None})
    if len(file.rows) < FEWEST:
        raise InputError(
            f"{file.file} has {counted(len(file.rows), 'row')}, too few to compare losses on: at least "
            f"{FEWEST} pairs are needed."
        )
    left, right = (_texts(columns[knob][0], knob, file.file) for knob in ("left", "right"))
    spoken_left, spoken_right = ([*map(spoken, side)] for side in (left, right))
    same = _sharing(spoken_left, spoken_right)
    target = _with_score(_target(columns, options, file.file, same))
    groups = same if options.together else None
    account = [f"{file.file}: {len(left)} pairs", f"  target: {target.said}"]
    if options.group is not None:
        groups, told = _groups(columns["group"][0], file.file)
        account.append(told)
    others = numbers = None
    if options.negative is not None:
        others, numbers, told = _hard(columns["negative"][0], (spoken_left, spoken_right), same, file.file)
        account.append(told)
    return TextPairs(
        file=file.file,
        fingerprint=hashlib.sha256(f"{file.digest} {options.said}".encode()).hexdigest(),
        left=left,
        right=right,
        targets=target.targets,
        by_kind={one.kind: target.by_kind[one.kind] for one in target.targets},
        labels=target.labels,
        groups=groups,
        account=tuple(account),
        notes=(*file.notes, *target.notes, *_equal(spoken_left, spoken_right, same, groups)),
        others=others,
        numbers=numbers,
    )


def _hard(
    cells: pd.Series[str], sides: tuple[Sequence[str], Sequence[str]], same: Ids, file: str
) -> tuple[tuple[str, ...], Ids, str]:
    """Texts that do not belong to their rows; their numbers, as of pairs that have them; and what is said."""
    import numpy as np

    texts = tuple(cells)
    there = sum(text != "" for text in texts)
    if not there:
        raise InputError(
            f"The negative text {cells.name} of {file} is empty in every row: leave data.negative out."
        )
    known = {text: int(number) for side in sides for text, number in zip(side, same, strict=True)}
    said = [spoken(text) if text else "" for text in texts]
    first = int(same.max()) + 1
    for text in said:
        if text not in known:
            known[text] = first
            first += 1
    numbers = np.array([known[one] if text else -1 for one, text in zip(said, texts, strict=True)])
    return texts, numbers.astype(np.int64), f"  negative: {cells.name}, in {counted(there, 'row')}"


def _target(
    columns: Mapping[str, list[pd.Series[str]]], options: Reading, file: str, same: Ids
) -> TextTarget:
    """What is said of each pair; where nothing is, which texts belong together."""
    from lossbench.data.text_targets import Asked, TextTarget, read_target

    if options.target is not None:
        asked = Asked(options.task, None, options.convention)
        return read_target((columns["target"], file), (None, ""), asked)
    if (count := int(same.max()) + 1) < 2:
        raise InputError(f"All pairs of {file} share a text, alone or by others: name a data.target.")
    offered = (Target("pair", size=count),)
    return TextTarget(offered, {"pair": same}, None, "none, the texts of a row belong together")


def _with_score(target: TextTarget) -> TextTarget:
    """A number, also as a score between the lowest and the highest; classes are no identities of pairs."""
    (first, *_), by_kind = target.targets, target.by_kind
    if first.kind != "continuous":
        return replace(target, targets=(first,))
    numbers = by_kind["continuous"]
    score = Target("score", support=(float(numbers.min()), float(numbers.max())))
    return replace(target, targets=(first, score), by_kind={**by_kind, "score": numbers})


def _texts(cells: pd.Series[str], knob: str, file: str) -> tuple[str, ...]:
    from lossbench.data import column_refusals as refusals

    refusals.first(cells == "", cells, f"the {knob} text {cells.name} of {file}", "", "remove such rows")
    return tuple(cells)


def _groups(cells: pd.Series[str], file: str) -> tuple[Ids, str]:
    import pandas as pd

    from lossbench.data import column_refusals as refusals

    refusals.first(cells == "", cells, f"the group {cells.name} of {file}", "", "each row needs one")
    codes, names = pd.factorize(cells)
    return codes.astype("int64"), f"  group: {cells.name} ({len(names)})"


def _sharing(left: Sequence[str], right: Sequence[str]) -> Ids:
    """(N,) one number for pairs that share a text, as it is spoken, or are joined by others."""
    import numpy as np
    import pandas as pd
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    texts, known = pd.factorize(np.array([*left, *right], dtype=object))
    one, other = texts[: len(left)], texts[len(left) :]
    joined = coo_array((np.ones(len(left)), (one, other)), shape=(len(known), len(known)))
    _, part = connected_components(joined, directed=False)
    numbers: Ids = pd.factorize(part[one])[0].astype("int64")
    return numbers


def _equal(left: Sequence[str], right: Sequence[str], same: Ids, groups: Ids | None) -> tuple[str, ...]:
    """What is said of pairs that are equal as they are spoken, and of those that share a text."""
    import numpy as np
    import pandas as pd

    both = [*zip(left, right, strict=True)]
    notes = list(repeated_note(both, groups))
    if alike := sum(one == other for one, other in both):
        notes.append(f"{counted(alike, 'pair')} of two equal texts")
    kinds, counts = np.unique(same, return_counts=True)
    shared = np.isin(same, kinds[counts > 1])
    if groups is not None and shared.any():
        apart = pd.Series(groups).groupby(same).nunique()
        shared = np.isin(same, apart.index[apart > 1])
    if shared.any():
        notes.append(
            f"{int(shared.sum())} of {len(same)} pairs share a text with another, so a text of the test may "
            "be in training, too: data.repeats=together keeps them in one part"
        )
    return tuple(notes)
