"""The measures of pairs. No torch: configs read them; their functions lie in `pairing`."""

from __future__ import annotations

from lossbench.metrics.measure import Measure, Metric


def _metric(name: str, meaning: str, title: str) -> Metric:
    return Metric(name, "retrieval", higher_is_better=True, meaning=meaning, low=0, high=1, title=title)


RETRIEVAL = Measure(
    metrics=(
        _metric(
            "pair_mrr", "mean of 1 / rank of a left text's own right one among all, 0 to 1", "MRR of pairs"
        ),
        _metric(
            "pair_recall_at_1", "share of left texts whose nearest right one is theirs", "recall@1 of pairs"
        ),
        _metric(
            "pair_recall_at_10",
            "share of left texts with their own right one among ten",
            "recall@10 of pairs",
        ),
    ),
    needs=("left", "right"),
    fields=("pair",),
    function="lossbench.metrics.pairing:found",
    pairs=True,
)
ORDER = Measure(
    metrics=(
        Metric(
            "spearman",
            "scores",
            higher_is_better=True,
            meaning="Spearman's correlation of predicted and true scores, -1 to 1",
            low=-1,
            high=1,
            title="Spearman",
        ),
    ),
    needs=("value",),
    fields=("continuous",),
    function="lossbench.metrics.pairing:of_order",
    pairs=True,
)
