"""Which layer that is trained stands on the embeddings of a member."""

from __future__ import annotations

from typing import Literal

from lossbench.job import Member
from lossbench.losses.relations import MATCH


def layer_on(member: Member) -> Literal["class", "pair", "pairs"] | None:
    """What a layer says on embeddings; None where none stands there.

    class: of each embedding its class. pair: of both of a pair what the loss asks for. pairs: of all pairs of
    a batch whether they belong together.
    """
    if member.headed:
        return "class"
    if not {"left", "right"} <= set(member.model.gives):
        return None
    needs = member.loss.needs_for(member.target)
    if MATCH in needs and MATCH not in member.model.gives:
        return "pairs"
    return None if needs or "output" in member.model.gives else "pair"
