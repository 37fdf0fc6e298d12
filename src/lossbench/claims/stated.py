"""Whether a claim was written before the runs that it is judged by.

A claim that somebody wrote with the results in view promises less. So each run keeps digests of the claims
that its experiment stated when it trained: of what a claim compares and how, not of its name and words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lossbench.claims.claim import Claim

NONE = "none"  # of an experiment without claims; runs that were recorded before have no such tag
_DIGITS = 12


def digest(claim: Claim) -> str:
    """Of a claim as it is judged."""
    sides = (claim.left, claim.right, claim.change_from)
    return _digest(*sides, metric=claim.metric, kind=claim.kind, margin=claim.margin)


def stated(node: Mapping[str, Any]) -> str:
    """What runs keep: the digests of the claims of an `experiment` node that was found to be in order."""
    told = [
        _digest(
            entry["left"],
            entry["right"],
            entry.get("change_from") or {},
            metric=str(entry.get("metric") or node.get("judge")),
            kind=str(entry.get("kind", "better")).replace(" ", "_"),
            margin=float(entry.get("margin", 0.0)),
        )
        for entry in node.get("claims") or ()
    ]
    return ",".join(told) or NONE


def _digest(*sides: Mapping[str, Any], metric: str, kind: str, margin: float) -> str:
    """The same for 20 and 20.0, and for a list and a tuple."""
    plain = [{str(key): _plain(value) for key, value in side.items()} for side in sides]
    text = json.dumps([plain, metric, kind, margin], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
