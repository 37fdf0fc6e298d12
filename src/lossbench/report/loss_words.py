"""What a report says of the losses themselves: what they elicit, and their knobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossbench.tracking.runs import ELICITS
from lossbench.verdicts.conditions import LOSS, loss_order

if TYPE_CHECKING:
    from lossbench.verdicts.findings import Report


def elicited_line(report: Report) -> str:
    """What each loss elicits, where that is not the same of all; of runs that say it."""
    told = report.runs
    if ELICITS not in told:
        return ""
    known = told.dropna(subset=[ELICITS]).groupby(LOSS)[ELICITS].unique()
    words = {loss: " or ".join(sorted(known[loss])) for loss in sorted(known.index, key=loss_order)}
    if len(set(words.values())) < 2:
        return ""
    return f"What each elicits: {'; '.join(f'{loss}: {word}' for loss, word in words.items())}"


def knobs_line(report: Report) -> str:
    """The knobs that the names of the losses do not tell."""
    told = "; ".join(f"{loss}: {knobs}" for loss, knobs in report.knobs.items())
    which = " that were not tuned" if report.noun == "trial" else ""
    return f"Knobs of the losses{which}: {told}" if told else ""
