"""Recommendations are judged among all items that are new to a user, as counting by hand does."""

from __future__ import annotations

import math

import torch
from sklearn.metrics import ndcg_score, roc_auc_score
from torch import Tensor

from lossbench.data.negatives import Seen
from lossbench.metrics.recommended import lists, of_lists, of_users, places, ranks

USERS, ITEMS = 7, 30


def drawn(held: int) -> tuple[Tensor, Tensor, Tensor, Seen, Tensor]:
    """Scores (2, N, items), held-out items and users (2, N), what is seen, and a table of that."""
    draw = torch.Generator().manual_seed(4)
    mixed = torch.stack([torch.randperm(ITEMS, generator=draw) for _ in range(USERS)])
    mine, known = mixed[:, :held], mixed[:, held : held + 6]
    scores = torch.randn(2, USERS, ITEMS, generator=draw)
    user = torch.arange(USERS).repeat_interleave(held)
    seen = Seen.of(torch.arange(USERS).repeat_interleave(6).numpy(), known.flatten().numpy(), USERS, ITEMS)
    table = torch.zeros(USERS, ITEMS, dtype=torch.bool).scatter(1, known, value=True)
    return scores[:, user], mine.flatten().expand(2, -1), user.expand(2, -1), seen, table


def known_to(seen: Seen) -> tuple[Tensor, Tensor]:
    return seen.seen.expand(2, -1), seen.seen_from.expand(2, -1)


def test_a_rank_counts_the_better_items_that_are_new() -> None:
    scores, item, user, seen, table = drawn(3)
    found = ranks(scores, item, user, *known_to(seen))
    for member in range(2):
        for place in range(item.shape[1]):
            mine, own = scores[member, place], int(item[member, place])
            better = [i for i in range(ITEMS) if mine[i] > mine[own] and not table[user[member, place], i]]
            assert int(found[member, place]) == len(better)


def test_the_means_over_users_are_those_of_scikit_learn() -> None:
    scores, item, user, seen, table = drawn(3)
    told = of_users(*places(scores, item, user, *known_to(seen)))
    for member in range(2):
        mine = scores[member].view(USERS, 3, ITEMS)[:, 0].masked_fill(table, -1e9)
        truth = torch.zeros(USERS, ITEMS).scatter(1, item[member].view(USERS, 3), 1.0)
        expected = ndcg_score(truth.numpy(), mine.numpy(), k=10)
        assert math.isclose(float(told["ndcg_at_10"][member]), expected, rel_tol=1e-6)
        best = mine.topk(10).indices
        shares = [
            len(set(best[u].tolist()) & set(truth[u].nonzero().flatten().tolist())) / 3 for u in range(USERS)
        ]
        assert math.isclose(float(told["recall_at_10"][member]), sum(shares) / USERS, rel_tol=1e-6)
        assert math.isclose(float(told["precision_at_10"][member]), 0.3 * sum(shares) / USERS, rel_tol=1e-6)
        areas = [roc_auc_score(truth[u][~table[u]], mine[u][~table[u]]) for u in range(USERS)]
        assert math.isclose(float(told["user_auc"][member]), sum(areas) / USERS, rel_tol=1e-6)


def test_equal_scores_and_no_numbers_are_no_merit() -> None:
    item, user = torch.tensor([[2]]), torch.tensor([[0]])
    seen, start = torch.tensor([[0]], dtype=torch.int32), torch.tensor([[0, 1]])
    for value in (0.0, math.nan):
        found = ranks(torch.full((1, 1, 5), value), item, user, seen, start)
        assert found.tolist() == [[3]]  # all but itself and the one that is seen


def test_an_item_of_training_is_judged_as_if_it_were_new() -> None:
    scores = torch.tensor([[[0.1, 0.9, 0.5]]])
    found = ranks(
        scores, torch.tensor([[1]]), torch.tensor([[0]]), torch.tensor([[1]]), torch.tensor([[0, 1]])
    )
    assert found.tolist() == [[0]]


def test_the_gain_among_drawn_items_is_the_mean_over_many_draws() -> None:
    scores, item, user, seen, table = drawn(3)
    told = of_users(*places(scores, item, user, *known_to(seen)))["ndcg_at_10_of_100"]
    draw = torch.Generator().manual_seed(0)
    for member in range(2):
        gains = []
        for place in range(item.shape[1]):
            mine, own, whose = scores[member, place], int(item[member, place]), int(user[member, place])
            taken = item[member][user[member] == whose]
            others = mine[~table[whose] & ~torch.isin(torch.arange(ITEMS), taken)]
            sample = others[torch.randint(len(others), (4000, 100), generator=draw)]
            before = (sample > mine[own]).sum(-1)
            gains.append((((before < 10) / (before + 2.0).log2()).double()).mean())
        assert math.isclose(float(told[member]), float(torch.stack(gains).mean()), abs_tol=0.004)


def test_lists_hold_the_best_new_items_and_are_judged_by_whom_they_please() -> None:
    scores, _, user, seen, table = drawn(3)
    count = torch.bincount(seen.seen.long(), minlength=ITEMS).float()
    kept = lists(scores, user, *known_to(seen), count.expand(2, -1))
    told = of_lists(*kept)
    for member in range(2):
        best = [scores[member, 3 * u].masked_fill(table[u], -1e9).topk(10).indices for u in range(USERS)]
        shares = [float(count[own].mean()) / USERS for own in best]
        assert math.isclose(float(told["popularity_at_10"][member]), sum(shares) / USERS, rel_tol=1e-6)
        assert float(told["coverage_at_10"][member]) == len(set(torch.cat(best).tolist())) / ITEMS


def test_who_has_nearly_all_gets_a_shorter_list() -> None:
    scores, seen = torch.arange(4.0).view(1, 1, 4), torch.tensor([[0, 3]], dtype=torch.int32)
    kept = lists(scores, torch.tensor([[0]]), seen, torch.tensor([[0, 2]]), torch.ones(1, 4))
    assert sorted(kept[0].flatten().tolist()) == [-1, -1, 1, 2]
    assert of_lists(*kept)["coverage_at_10"].tolist() == [0.5]
