"""A claim and what the runs say of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from lossbench.claims.claim import Claim
from lossbench.verdicts import statistics
from lossbench.verdicts.pilot import Asked

ASKED = "asked by the sweep itself"  # the source of what is no claim: pairs of losses


@dataclass(frozen=True)
class Judged:
    """A claim and what the runs say of it.

    estimate, low, high: left minus right in units of the metric, positive where left is better
    p, adjusted_p: of the claim's most plausible edge, before and after Holm over the experiment's claims, or
        over all pairs where it states none
    left, right: means of the two sides, as measured
    seeds: between how many the number lies that would settle it; None where it is settled, or where five
        seeds without divergence are not there to tell
    note: why there is no verdict, where the reason is not the size of the difference; or that ranks decided
    repeated: low and high of the interval that includes the choice of the learning rates, where there was one
    examples: whether the interval holds for new examples of the data set; else seeds alone speak
    lopsided: it hangs on few runs, or on lopsided differences, on which verdicts are wrong too often
    at_budget: training of one of its sides had not ended, so it holds for these epochs
    beyond: of a claim with a margin, 1 where left is better by whatever amount, -1 where it is worse, 0 where
        that cannot be told, or where the verdict says it
    settings: the trials of both sides, where the claim's own metric chose others than the tables show
    stated_after: one of the runs that it compares did not state it
    """

    claim: Claim
    verdict: statistics.Verdict
    estimate: float
    low: float
    high: float
    p: float
    adjusted_p: float
    n: int
    left: float
    right: float
    seeds: Asked | None = None
    note: str = ""
    at_budget: bool = False
    repeated: tuple[float, float] | None = None
    examples: bool = False
    beyond: int = 0
    stated_after: bool = False
    lopsided: bool = False
    settings: str = ""

    def record(self) -> dict[str, Any]:
        """As `verdicts.json` holds it, with the p of the pages; what is not finite is null."""
        numbers = {
            "estimate": self.estimate,
            "p": self.adjusted_p,
            "p_unadjusted": self.p,
            "left_mean": self.left,
            "right_mean": self.right,
        }
        return {
            "id": self.claim.id,
            "sentence": self.claim.sentence,
            "source": self.claim.source,
            "verdict": self.verdict,
            **{key: _finite(value) for key, value in numbers.items()},
            "interval": [_finite(self.low), _finite(self.high)],
            **({"interval_with_choice": [*map(_finite, self.repeated)]} if self.repeated else {}),
            "holds_for": "new examples" if self.examples else "seeds alone",
            "n": self.n,
            "metric": self.claim.metric,
            "direction": "higher" if self.claim.higher_is_better else "lower",
            "kind": self.claim.kind,
            "margin": self.claim.margin,
            "left": dict(self.claim.left),
            "right": dict(self.claim.right),
            **({"change_from": dict(self.claim.change_from)} if self.claim.change_from else {}),
            "seeds_to_settle": self.seeds.record() if self.seeds else None,
            "note": self.note,
            **({"settings": self.settings} if self.settings else {}),
            **({"at_this_budget": True} if self.at_budget else {}),
            **({"beyond_zero": "better" if self.beyond > 0 else "worse"} if self.beyond else {}),
            **({"stated_after_runs": True} if self.stated_after else {}),
        }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
