"""Whether pairs find each other is counted as scikit-learn and a loop by hand count it."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import spearmanr
from sklearn.metrics import label_ranking_average_precision_score, top_k_accuracy_score
from torchmetrics.functional import spearman_corrcoef

from lossbench.metrics import pairing


def drawn(more: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(3 + more)
    left = torch.randn(2, 300, 5, generator=draw)
    return left, left + 1.5 * torch.randn(2, 300, 5, generator=draw)


def test_of_pairs_that_are_alone_it_is_what_scikit_learn_says() -> None:
    left, right = drawn()
    found = pairing.found(left, right, torch.arange(300).expand(2, -1))
    for member in range(2):
        one, other = (torch.nn.functional.normalize(own[member].double(), dim=-1) for own in (left, right))
        near = (one @ other.T).numpy()
        # With one right answer a query the average precision is 1 / rank.
        assert np.isclose(
            float(found["pair_mrr"][member]), label_ranking_average_precision_score(np.eye(300), near)
        )
        for k in (1, 10):
            expected = top_k_accuracy_score(np.arange(300), near, k=k)
            assert np.isclose(float(found[f"pair_recall_at_{k}"][member]), expected)


def test_any_text_of_the_same_number_counts() -> None:
    left, right = drawn(1)
    number = (torch.arange(300) // 2).expand(2, -1)
    found = pairing.found(left, right, number)
    one, other = (torch.nn.functional.normalize(own[0].double(), dim=-1) for own in (left, right))
    ranks = []
    for query in range(300):
        near = one[query] @ other.T
        own = max(near[query], near[query ^ 1])
        ranks.append(sum(bool(near[i] >= own) for i in range(300) if i // 2 != query // 2))
    assert np.isclose(float(found["pair_mrr"][0]), np.mean([1 / (1 + rank) for rank in ranks]))


def test_equal_embeddings_are_no_merit() -> None:
    same = torch.ones(1, 8, 3)
    found = pairing.found(same, same, torch.arange(8).unsqueeze(0))
    assert float(found["pair_mrr"]) == 1 / 8
    assert float(found["pair_recall_at_1"]) == 0


def test_the_order_of_scores_is_as_scipy_and_torchmetrics_have_it() -> None:
    draw = torch.Generator().manual_seed(1)
    truth = torch.randint(0, 6, (2, 80), generator=draw).double()
    value = (truth + torch.randn(2, 80, generator=draw)).round(decimals=1)
    found = pairing.of_order(value, truth)["spearman"]
    for member in range(2):
        assert np.isclose(float(found[member]), spearmanr(value[member], truth[member]).statistic)
        reference = spearman_corrcoef(value[member].float(), truth[member].float())
        assert np.isclose(float(found[member]), float(reference), atol=1e-6)
    assert pairing.of_order(torch.ones(1, 5), truth[:1, :5])["spearman"].isnan().all()
