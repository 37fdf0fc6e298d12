"""InfoNCE: which of the candidates belongs to an anchor, by the cosine of their embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.config.search import log
from lossbench.losses.heads import RelationLoss

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Knob
    from lossbench.losses.relations import Relations


def info_nce(relations: Relations, *, temperature: Knob = 0.05) -> Tensor:
    """Cross-entropy of the right candidate among those that are wrong, the mean over the right ones.

        s_ij = <anchor_i, candidate_j> / temperature
        L_i  = mean over same p of -log( exp s_ip / (exp s_ip + sum over different n of exp s_in) )

    What is masked stands in neither sum, and of several right ones each is asked for by itself. With one
    right candidate for each anchor it is the cross-entropy of the similarities as logits. An anchor without a
    right one has loss 0.

    Args:
        relations: with embeddings on the unit sphere.
        temperature: above 0; a tensor of no dimension may stand for it.

    Returns:
        (A,), one value for each anchor.

    Source:
        van den Oord, Li, Vinyals, "Representation Learning with Contrastive Predictive Coding" (2018),
        section 2.3; for texts Henderson et al., "Efficient Natural Language Response Suggestion" (2017),
        which sentence-transformers calls MultipleNegativesRankingLoss, there with a temperature of 0.05.
    """
    near = relations.products() / temperature
    wrong = near.masked_fill(~relations.different, float("-inf")).logsumexp(-1, keepdim=True)
    values = (wrong - near).logaddexp(near.new_zeros(()))
    same = relations.same
    return values.masked_fill(~same, 0.0).sum(-1) / same.sum(-1).clamp(min=1)


@dataclass(frozen=True, kw_only=True)
class InfoNCE(RelationLoss):
    """InfoNCE on identities, on pairs and on clicks: the other candidates of a batch are the wrong ones.

    temperature: divides cosines, above 0: the smaller, the more the nearest wrong ones count. Searched from
        0.01 to 1, about the 0.05 of sentence-transformers, 0.07 of CLIP at its start and 0.1 to 0.5 of
        SimCLR; at 1 cosines are logits as they are.
    """

    name: str = "info_nce"
    temperature: float = knob(0.05, above=0, search=log(0.01, 1))
    partners = "no right one beside a wrong one"
    compares = True

    def between(self, relations: Relations) -> Tensor:
        return info_nce(relations, temperature=self.temperature)
