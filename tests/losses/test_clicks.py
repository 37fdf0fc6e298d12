"""Losses that classes have, on clicks: what a user took against what was drawn for him, or against all."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lossbench.losses.bce import BCE
from lossbench.losses.bpr import BPR
from lossbench.losses.cce import CCE
from lossbench.losses.contrastive import Contrastive
from lossbench.losses.hinge import Hinge
from lossbench.losses.loss import Loss
from lossbench.losses.mse import MSE
from lossbench.losses.triplet import Triplet
from lossbench.losses.warp import WARP
from lossbench.task import Target

N, K, E, ITEMS = 12, 3, 5, 9
KIND = Target("item", ITEMS)
ON_CLICKS: list[Loss] = [BPR(), WARP(), BCE(), BCE(pos_weight=3.0), Hinge(), Hinge(squared=True), CCE()]


def drawn(dtype: torch.dtype = torch.float64) -> tuple[dict[str, Tensor], Tensor]:
    draw = torch.Generator().manual_seed(0)
    items = torch.randn(1, ITEMS, E, generator=draw, dtype=dtype)
    item, other = (torch.randint(ITEMS, size, generator=draw) for size in ((N,), (N, K)))
    user = torch.randn(N, E, generator=draw, dtype=dtype)
    return {"user": user, "item": items[0, item], "other": items[0, other], "items": items}, item


def read(loss: Loss, output: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: output[name] for name in loss.needs_for(KIND)}


def test_bce_and_hinge_ask_of_each_pair_whether_it_was_taken() -> None:
    output, item = drawn()
    right = (output["user"] * output["item"]).sum(-1, keepdim=True)
    scores = torch.cat([right, torch.einsum("ne,nke->nk", output["user"], output["other"])], -1)
    taken = torch.tensor([[1.0] + [0.0] * K]).double().expand_as(scores)
    expected = F.binary_cross_entropy_with_logits(
        scores, taken, reduction="none", pos_weight=torch.tensor(3.0).double()
    )
    torch.testing.assert_close(BCE(pos_weight=3.0)(read(BCE(), output), item, KIND), expected.mean(-1))
    margins = (1 - scores * (2 * taken - 1)).clamp(min=0)
    torch.testing.assert_close(Hinge()(read(Hinge(), output), item, KIND), margins.mean(-1))


def test_cce_is_the_softmax_over_all_items() -> None:
    output, item = drawn()
    expected = F.cross_entropy(output["user"] @ output["items"][0].mT, item, reduction="none")
    torch.testing.assert_close(CCE()(read(CCE(), output), item, KIND), expected)
    smooth = CCE(label_smoothing=0.2)
    expected = F.cross_entropy(
        output["user"] @ output["items"][0].mT, item, reduction="none", label_smoothing=0.2
    )
    torch.testing.assert_close(smooth(read(smooth, output), item, KIND), expected)


@pytest.mark.parametrize("loss", ON_CLICKS, ids=repr)
class TestEveryLossOfClicks:
    def test_members_of_a_stack_equal_members_in_turn(self, loss: Loss) -> None:
        output, item = drawn(torch.float32)
        both = {name: torch.stack([own, own * 2]) for name, own in read(loss, output).items()}
        leaves = [own.requires_grad_() for own in both.values()]
        stacked = torch.vmap(lambda own: loss(own, item, KIND))(both)
        turns = [loss({name: own[turn] for name, own in both.items()}, item, KIND) for turn in (0, 1)]
        torch.testing.assert_close(stacked, torch.stack(turns))
        mine, theirs = (torch.autograd.grad(v.sum(), leaves) for v in (stacked, torch.stack(turns)))
        for one, other in zip(mine, theirs, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("size", [0.0, 1e4])
    def test_extreme_vectors_stay_finite(self, loss: Loss, size: float) -> None:
        output, item = drawn(torch.float32)
        own = {name: (values * size).requires_grad_() for name, values in read(loss, output).items()}
        values = loss(own, item, KIND)
        assert values.shape == (N,)
        assert values.isfinite().all()
        assert all(g.isfinite().all() for g in torch.autograd.grad(values.sum(), list(own.values())))

    def test_what_it_predicts_are_the_scores_of_a_model(self, loss: Loss) -> None:
        output, _ = drawn()
        assert loss.outputs(KIND, 5) == 5
        assert not loss.predict(read(loss, output), KIND)
        assert loss.gives(KIND) == ()
        assert loss.nearness == "dot"


def test_losses_of_distances_rank_by_distances() -> None:
    assert Contrastive().nearness == Triplet(normalize=False).nearness == "distance"
    assert Contrastive(normalize=True).nearness == Triplet().nearness == "cosine"
    assert MSE().nearness == "dot"
