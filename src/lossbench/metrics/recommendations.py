"""The measure of recommendations. No torch here: configs read it; its functions lie in `recommended`."""

from __future__ import annotations

from lossbench.metrics.measure import Measure, Metric

_GROUP = "recommendations"
NDCG = Metric(
    "ndcg_at_10",
    _GROUP,
    higher_is_better=True,
    meaning="NDCG of the ten best among all items new to a user, 0 to 1",
    low=0,
    high=1,
    title="NDCG@10",
)
RECALL = Metric(
    "recall_at_10",
    _GROUP,
    higher_is_better=True,
    meaning="share of a user's held-out items among the ten best that are new to him, 0 to 1",
    low=0,
    high=1,
    title="recall@10",
)
RANKING = Measure(
    metrics=(NDCG, RECALL),
    needs=("all_items",),
    fields=("item", "user", "seen", "seen_from"),
    function="lossbench.metrics.recommended:of_users",
    keep="lossbench.metrics.recommended:ranks",  # of some users at a time: scores of all items are large
)
