"""The measures of recommendations. No torch here: configs read it; their functions lie in `recommended`."""

from __future__ import annotations

from lossbench.metrics.measure import Measure, Metric

BEST = 10  # items that are recommended to a user
DRAWN = 100  # items among which `ndcg_at_10_of_100` lets one stand

_GROUP, _LISTS = "recommendations", "what is recommended"


def _metric(
    name: str, meaning: str, title: str, group: str = _GROUP, *, more_is_better: bool = True
) -> Metric:
    return Metric(name, group, more_is_better, f"{meaning}, 0 to 1", low=0, high=1, title=title)


# Where a held-out item stands follows from one look at all scores, which are large: ranks are kept of them.
RANKING = Measure(
    metrics=(
        _metric("ndcg_at_10", "NDCG of the ten best among all items new to a user", "NDCG@10"),
        _metric("recall_at_10", "share of a user's held-out items among his ten best", "recall@10"),
        _metric("precision_at_10", "share of a user's ten best that he took", "precision@10"),
        _metric(
            "user_auc", "chance that a held-out item stands above another that is new to the user", "AUC"
        ),
        _metric(
            f"ndcg_at_10_of_{DRAWN}",
            f"NDCG of each held-out item among {DRAWN} drawn ones, which many report instead",
            f"NDCG@10 among {DRAWN} drawn",
        ),
    ),
    needs=("all_items",),
    fields=("item", "user", "seen", "seen_from"),
    function="lossbench.metrics.recommended:of_users",
    keep="lossbench.metrics.recommended:places",
)
# Of the test alone: the ten best of all users take longer to find than all ranks.
RECOMMENDED = Measure(
    metrics=(
        _metric(
            "popularity_at_10",
            "share of users who have an item that is recommended, its mean over the ten best of all users",
            "popularity@10",
            _LISTS,
            more_is_better=False,
        ),
        _metric(
            "coverage_at_10", "share of all items that are among somebody's ten best", "coverage@10", _LISTS
        ),
    ),
    needs=("all_items",),
    fields=("user", "seen", "seen_from", "count"),
    function="lossbench.metrics.recommended:of_lists",
    keep="lossbench.metrics.recommended:lists",
    test_alone=True,
)
