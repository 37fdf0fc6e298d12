"""InfoNCE."""

from __future__ import annotations

import pytest
import torch
from pytorch_metric_learning.losses import NTXentLoss, SupConLoss

from lossbench.losses.cce import categorical_cross_entropy
from lossbench.losses.contrastive import Contrastive
from lossbench.losses.cosine_mse import CosineMSE
from lossbench.losses.info_nce import InfoNCE, info_nce
from lossbench.losses.relations import of_identities, of_pairs, on_sphere
from lossbench.task import Target

PAIR = Target("pair", 9)


def pairs(count: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    left, right = torch.randn(2, count, 5, dtype=torch.float64)
    return left, right


@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_it_is_cross_entropy_on_a_matrix_of_similarities(temperature: float) -> None:
    left, right = pairs()
    found = InfoNCE(temperature=temperature)({"left": left, "right": right}, torch.arange(8), PAIR)
    near = on_sphere(left) @ on_sphere(right).T
    torch.testing.assert_close(found, categorical_cross_entropy(near / temperature, torch.arange(8)))


def test_a_right_answer_by_chance_is_no_wrong_one() -> None:
    left, right = pairs()
    number = torch.tensor([0, 1, 2, 0, 4, 5, 6, 7])
    near = (on_sphere(left) @ on_sphere(right).T) / 0.1
    near[0, 3] = near[3, 0] = -1e9
    found = InfoNCE(temperature=0.1)({"left": left, "right": right}, number, PAIR)
    torch.testing.assert_close(found, categorical_cross_entropy(near, torch.arange(8)))


def test_of_identities_it_is_nt_xent_of_pytorch_metric_learning() -> None:
    output, target = torch.randn(12, 5, dtype=torch.float64), torch.arange(12) // 3
    found = info_nce(of_identities(output, target).on_sphere(), temperature=0.2)
    torch.testing.assert_close(found.mean(), NTXentLoss(temperature=0.2)(output, target))


def test_with_one_right_one_it_is_supervised_contrastive() -> None:
    left, right = pairs()
    target = torch.arange(8)
    found = info_nce(of_pairs(left, right, target).on_sphere(), temperature=0.2)
    reference = SupConLoss(temperature=0.2)(left, target, ref_emb=right, ref_labels=target.clone())
    torch.testing.assert_close(found.mean(), reference)


def test_gradients_stay_finite_where_there_is_no_wrong_one() -> None:
    left, right = (own.requires_grad_() for own in pairs(2))
    values = InfoNCE()({"left": left, "right": right}, torch.zeros(2, dtype=torch.int64), PAIR)
    assert values.tolist() == [0, 0]
    assert all(g.isfinite().all() for g in torch.autograd.grad(values.sum(), [left, right]))


def test_in_a_batch_of_one_identity_it_trains_nothing_and_says_so() -> None:
    assert InfoNCE().idle(torch.tensor([[3, 3, 3], [1, 1, 2]])).tolist() == [[True] * 3, [False, False, True]]


def test_a_pair_without_one_of_another_number_trains_nothing_either() -> None:
    numbers = torch.tensor([[3, 3, 3], [1, 1, 2]])
    assert InfoNCE().idle_pairs(numbers).tolist() == [[True] * 3, [False] * 3]
    assert not Contrastive().idle_pairs(numbers).any()
    assert not CosineMSE().idle_pairs(numbers).any()
