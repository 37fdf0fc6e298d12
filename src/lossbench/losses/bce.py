"""Binary cross-entropy: one logit for two classes, or one class against the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lossbench.config.choice import knob
from lossbench.losses.clicks import READ, pairs
from lossbench.losses.heads import two_classes
from lossbench.losses.loss import Loss
from lossbench.losses.relations import MATCH, Relations, hard_masks, of_pairs
from lossbench.losses.targets import check_classes, check_logits, one_hot
from lossbench.task import Prediction, Target

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Knob
    from lossbench.losses.relations import Relations


_NEEDS = {"item": READ, "pair": (MATCH,), "hard_pair": (MATCH,)}


def binary_cross_entropy(output: Tensor, target: Tensor, *, pos_weight: Knob = 1.0) -> Tensor:
    """Cross-entropy of one logit.

        L = -w log p  where target is 1,  -log(1 - p)  where it is 0,  with p = sigmoid(output)
          = log(1 + exp(-s output))  with s = 2 target - 1, where w is 1

    Args:
        output: float (...), the logit.
        target: int (...), 0 or 1.
        pos_weight: w above 0, how often an example of class 1 counts, as torch.nn.BCEWithLogitsLoss has it;
            a tensor of no dimension may stand for it.

    Returns:
        (...), one value per logit.

    Raises:
        ValueError: the shapes differ, or the target is not of a whole-number type.

    Source:
        Bishop, "Pattern Recognition and Machine Learning" (2006), section 4.3.2.
    """
    check_logits(output, target)
    return _weighed(_softplus(output * (1 - 2 * target).to(output.dtype)), target, pos_weight)


def one_against_the_rest(output: Tensor, target: Tensor, *, pos_weight: Knob = 1.0) -> Tensor:
    """The mean over the classes of the binary cross-entropy of "is it this class?".

        L = 1/C sum_c binary_cross_entropy(output_c, [target = c])

    Args:
        output: float (..., C), one logit a class.
        target: int (...), the class, 0 .. C-1.
        pos_weight: as above, of "it is this class".

    Returns:
        (...), one value per example.

    Raises:
        ValueError: the shapes do not fit, or the target is not of a whole-number type.

    Source:
        Rifkin, Klautau, "In Defense of One-Vs-All Classification", JMLR 5 (2004), section 2.
    """
    check_classes(output, target)
    hot = one_hot(target, output)
    return _weighed(_softplus(output * (1 - 2 * hot)), hot, pos_weight).mean(-1)


def of_all_pairs(match: Tensor, relations: Relations, *, pos_weight: Knob = 1.0) -> Tensor:
    """Binary cross-entropy of "do they belong together?", half of it of pairs that do, half of those that do
    not.

        L_i = w/2 mean of -log p_ij over same j + 1/2 mean of -log(1 - p_ij) over different j
        p   = sigmoid(match)

    Args:
        match: float (A, C), one logit for each anchor and candidate.
        relations: which of them belong together; what is masked has no part.
        pos_weight: w, as above.

    Returns:
        (A,), one value for each anchor.

    Source:
        Reimers, Gurevych, "Sentence-BERT" (EMNLP 2019), section 3: the classification objective of two.
    """
    same, different = (mask.to(match.dtype) for mask in (relations.same, relations.different))
    pull, push = (_softplus(-match) * same).sum(-1), (_softplus(match) * different).sum(-1)
    return relations.mean(pos_weight * pull, push, "balanced")


def _softplus(wrong: Tensor) -> Tensor:
    """log(1 + exp(wrong)), exact for large and small arguments."""
    return wrong.logaddexp(wrong.new_zeros(()))


def _weighed(values: Tensor, positive: Tensor, pos_weight: Knob) -> Tensor:
    """Values (...) times the weight where `positive` (...) is 1."""
    if isinstance(pos_weight, (int, float)) and pos_weight == 1:
        return values  # nothing more is kept for backward
    return (values * pos_weight).where(positive == 1, values)


@dataclass(frozen=True, kw_only=True)
class BCE(Loss):
    """Binary cross-entropy.

    binary: one logit. multiclass and identity: one class against the rest, the mean over the classes. item:
    whether a user took an item, the mean over what he took and all that was drawn for him. pair: whether two
    belong together, of all pairs of a batch and its hard ones, as a layer on both embeddings says
    (`models.head`).

    pos_weight: how often an example of class 1 counts, above 0; one against the rest, "it is this class".
        1 is plain cross-entropy. With negatives over positives of the training rows both classes count
        alike, which data.balance=true does for every loss. Not searched: it is a price, how many false
        alarms a miss is worth, which the person sets who asks; a list of values with tune=[loss.pos_weight]
        leaves it to validation.
    """

    name: str = "bce"
    trains_on = ("binary", "multiclass", "identity", "item", "hard_pair", "pair")
    pos_weight: float = knob(1.0, above=0, later=True)

    def needs_for(self, target: Target) -> tuple[str, ...]:
        return _NEEDS.get(target.kind, ())

    def outputs(self, target: Target, embedding_size: int) -> int:
        """One logit for two classes; one a class for more; of items and pairs the length of embeddings."""
        if target.kind in _NEEDS:
            return embedding_size
        return 1 if target.kind == "binary" else target.size

    def elicits(self, target: Target) -> str:
        return "probabilities" if self.pos_weight == 1 else "weighted probabilities"

    def __call__(self, output: Any, target: Tensor, kind: Target) -> Tensor:
        if kind.kind == "item":
            return binary_cross_entropy(*pairs(output), pos_weight=self.pos_weight).mean(-1)
        if kind.kind == "pair":
            match = output[MATCH]
            return of_all_pairs(match, of_pairs(match, match, target), pos_weight=self.pos_weight)
        if kind.kind == "hard_pair":
            own = Relations(output[MATCH], output[MATCH], *hard_masks(target))
            return of_all_pairs(own.anchors, own, pos_weight=self.pos_weight)
        if kind.kind == "binary":
            return binary_cross_entropy(output.squeeze(-1), target, pos_weight=self.pos_weight)
        return one_against_the_rest(output, target, pos_weight=self.pos_weight)

    def gives(self, target: Target) -> tuple[str, ...]:
        if target.kind in _NEEDS:
            return ()  # the embeddings, which the model gives
        return ("scores", "probabilities") if target.kind == "binary" else ("scores",)

    def predict(self, output: Any, kind: Target) -> Prediction:
        """Scores, and for two classes their probabilities.

        One against the rest gives every class a probability of its own; they do not sum to 1, so none are
        claimed. With a weight w the loss is least where the odds are w times the true ones: what is claimed
        is the sigmoid as people use it, not the probability of class 1, and nll, brier and ece show the
        difference. Class 1 is predicted from a probability of 1 / (1 + w) on (Elkan, "The Foundations of
        Cost-Sensitive Learning", IJCAI 2001).
        """
        if kind.kind in _NEEDS:
            return Prediction()
        if kind.kind != "binary":
            return Prediction(scores=output)
        scores = two_classes(output)
        return Prediction(scores=scores, probabilities=scores.softmax(-1))
