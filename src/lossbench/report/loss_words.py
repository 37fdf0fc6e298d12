"""What a report says of the losses themselves: what they elicit, and their knobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lossbench.tracking.runs import ELICITS
from lossbench.verdicts.conditions import LOSS, loss_order
from lossbench.verdicts.contenders import loss_of

if TYPE_CHECKING:
    from lossbench.verdicts.findings import Report


def elicited(report: Report, rows: Sequence[str]) -> dict[str, str]:
    """For each row of a table what its loss elicits, "" where nothing is known; no rows where of none is."""
    words = _words(report)
    # A row of trials names its setting, too: `huber (delta 0.3, lr 0.01, chosen of 16)`.
    told = {row: words.get(loss_of(row.partition(" (")[0]), "") for row in rows}
    return told if any(told.values()) else {}


def _words(report: Report) -> dict[str, str]:
    """What each loss elicits, of runs that say it, in the order of tables."""
    told = report.runs
    if ELICITS not in told:
        return {}
    known = told.dropna(subset=[ELICITS]).groupby(LOSS)[ELICITS].unique()
    return {loss: " or ".join(sorted(known[loss])) for loss in sorted(known.index, key=loss_order)}


def elicited_line(report: Report) -> str:
    """What each loss elicits, where that is not the same of all."""
    words = _words(report)
    if len(set(words.values())) < 2:
        return ""
    return f"What each elicits: {'; '.join(f'{loss}: {word}' for loss, word in words.items())}"


def knobs_line(report: Report) -> str:
    """The knobs that the names of the losses do not tell."""
    told = "; ".join(f"{loss}: {knobs}" for loss, knobs in report.knobs.items())
    which = " that were not tuned" if report.noun == "trial" else ""
    return f"Knobs of the losses{which}: {told}" if told else ""
