"""One form of all losses on embeddings: identities, pairs and clicks are anchors, candidates and masks."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from pytorch_metric_learning.losses import MultiSimilarityLoss, NTXentLoss
from torch import Tensor

from lossbench.losses.bce import BCE
from lossbench.losses.contrastive import Contrastive
from lossbench.losses.cosine_mse import CosineMSE
from lossbench.losses.heads import RelationLoss
from lossbench.losses.info_nce import InfoNCE
from lossbench.losses.relations import of_identities, of_items, of_pairs, on_sphere, related
from lossbench.losses.third_party import ThirdParty
from lossbench.losses.triplet import Triplet
from lossbench.task import Target

IDENTITY, PAIR, ITEM = Target("identity", 4), Target("pair", 9), Target("item", 20)
HARD = Target("hard_pair", 9, shape=(3,))
LOSSES: list[RelationLoss] = [
    Contrastive(),
    Contrastive(pairs="balanced", normalize=True),
    *(Triplet(mining=mining, margin=0.7) for mining in ("all", "hard", "semi_hard")),
    InfoNCE(temperature=0.3),
    CosineMSE(),
    CosineMSE(pairs="mean"),
]


def multi_similarity() -> ThirdParty:
    return ThirdParty(
        name="multi_similarity",
        function=MultiSimilarityLoss(),
        trains_on=("identity",),
        encoding="index",
        output_size="embedding",
        meaning="embedding",
    )


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def pairs(numbers: list[int]) -> tuple[dict[str, Tensor], Tensor]:
    return {side: drawn(len(numbers), 3) for side in ("left", "right")}, torch.tensor(numbers)


def clicks() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    output = {"user": drawn(4, 3), "item": drawn(4, 3), "other": drawn(4, 2, 3)}
    owned = torch.rand(4, 12) < 0.3
    return output, {"item": torch.arange(4), "owned": owned | torch.eye(4, 12, dtype=torch.bool)}


def hard(numbers: list[list[int]]) -> tuple[dict[str, Tensor], Tensor]:
    output, _ = pairs([row[0] for row in numbers])
    return {**output, "other": drawn(len(numbers), len(numbers[0]) - 1, 3)}, torch.tensor(numbers)


class TestHardPairs:
    def test_hard_ones_of_all_rows_stand_against_each_left_one_but_for_its_own(self) -> None:
        output, target = hard([[5, 6, -1], [6, 5, 7], [2, -1, -1]])
        found = related(output, target, "hard_pair")
        assert found.candidates.shape == (9, 3)
        assert torch.equal(found.candidates[3:], output["other"].reshape(6, 3))
        assert found.same.nonzero().tolist() == [[0, 0], [1, 1], [2, 2]]
        behind = [6, -1, 5, 7, -1, -1]
        for row, own in enumerate((5, 6, 2)):
            assert found.different[row, 3:].tolist() == [n not in (own, -1) for n in behind]
            assert found.different[row, :3].tolist() == [n != own for n in (5, 6, 2)]

    @pytest.mark.parametrize("loss", [*LOSSES, multi_similarity()], ids=repr)
    def test_each_loss_takes_hard_ones_and_without_any_is_that_of_the_pairs(
        self, loss: RelationLoss | ThirdParty
    ) -> None:
        assert loss.chosen_target([HARD, PAIR]) is HARD
        assert loss.chosen_target([PAIR]) is PAIR
        assert loss.needs_for(HARD) == ("left", "right", "other")
        assert loss.gives(HARD) == ("left", "right")
        output, target = hard([[5, -1, -1], [6, -1, -1], [5, -1, -1]])
        both = {side: output[side] for side in ("left", "right")}
        torch.testing.assert_close(loss(output, target, HARD), loss(both, target[:, 0], PAIR))
        output, target = hard([[5, 6, 4], [6, 7, 5], [8, -1, 6]])
        near = {**output, "other": output["left"].unsqueeze(1).expand(-1, 2, -1)}
        assert (loss(near, target, HARD) > loss(output, target, HARD)).any()

    def test_bce_asks_of_hard_ones_whether_they_belong_too(self) -> None:
        target = torch.tensor([[5, 6, -1], [6, 4, 5]])
        match = drawn(2, 6)
        found = BCE()({"match": match}, target, HARD)
        wrong = {0: [1, 2, 4], 1: [0, 4, 5]}  # of columns 2 to 5 those of 6, none, 4, 5
        softplus = torch.nn.functional.softplus
        for row, columns in wrong.items():
            expected = (softplus(-match[row, row]) + softplus(match[row, columns]).mean()) / 2
            torch.testing.assert_close(found[row], expected)

    def test_shapes_that_do_not_fit_are_refused(self) -> None:
        output, target = hard([[5, 6, -1], [6, 4, 5]])
        with pytest.raises(ValueError, match=r"other must be \(N, K, embedding\)"):
            related(output, target[:, :2], "hard_pair")


class TestRelations:
    def test_a_batch_stands_against_itself_without_an_example_and_itself(self) -> None:
        output, target = drawn(4, 3), torch.tensor([0, 1, 0, 2])
        found = of_identities(output, target)
        assert found.anchors is found.candidates
        scaled = found.on_sphere()
        assert scaled.anchors is scaled.candidates
        assert found.same.nonzero().tolist() == [[0, 2], [2, 0]]
        assert torch.equal(found.different, target[:, None] != target)

    def test_of_pairs_others_of_one_number_are_neither_near_nor_far_to_be(self) -> None:
        found = of_pairs(drawn(4, 3), drawn(4, 3), torch.tensor([5, 1, 5, 2]))
        assert torch.equal(found.same, torch.eye(4, dtype=torch.bool))
        masked = ~(found.same | found.different)
        assert masked.nonzero().tolist() == [[0, 2], [2, 0]]

    def test_of_clicks_what_a_user_has_is_masked_but_for_the_item_of_his_row(self) -> None:
        output, target = clicks()
        found = related(output, target, "item")
        assert torch.equal(found.candidates, torch.cat([output["item"], output["other"].reshape(8, 3)]))
        assert found.same.nonzero().tolist() == [[row, row] for row in range(4)]
        assert torch.equal(found.different, ~target["owned"])

    @pytest.mark.parametrize("loss", [*LOSSES, InfoNCE(), CosineMSE(), multi_similarity()], ids=repr)
    def test_against_those_of_ones_own_row_is_against_all_but_others(self, loss: Any) -> None:
        output, target = clicks()
        own = torch.zeros(4, 3, dtype=torch.bool)
        own[:, 0] = True
        others = torch.ones(4, 12, dtype=torch.bool)  # as if a user had all that stands in other rows
        for row in range(4):
            others[row, 4 + 2 * row : 6 + 2 * row] = False
        alone = loss(output, {**target, "owned": own}, ITEM)
        torch.testing.assert_close(alone, loss(output, {**target, "owned": others}, ITEM))

    def test_one_item_twice_in_a_batch_is_no_negative_of_who_has_it(self) -> None:
        # users 0 and 1 both have item 7, of rows 0 and 1
        owned = torch.tensor([[True, True, False, False], [True, True, False, True]])
        found = of_items(drawn(2, 3), drawn(2, 3), drawn(2, 1, 3), owned)
        assert found.different.tolist() == [[False, False, True, True], [False, False, True, False]]

    @pytest.mark.parametrize("case", ["item", "owned", "type"])
    def test_clicks_that_do_not_fit_are_refused(self, case: str) -> None:
        item = drawn(3, 3) if case == "item" else drawn(2, 3)
        owned = torch.ones(
            2, 3 if case == "owned" else 4, dtype=torch.int64 if case == "type" else torch.bool
        )
        with pytest.raises(ValueError, match="must"):
            of_items(drawn(2, 3), item, drawn(2, 1, 3), owned)

    def test_pairs_that_do_not_fit_are_refused(self) -> None:
        with pytest.raises(ValueError, match="embedding"):
            of_pairs(drawn(4, 3), drawn(3, 3), torch.arange(4))
        with pytest.raises(ValueError, match="whole-number"):
            of_pairs(drawn(4, 3), drawn(4, 3), torch.ones(4))


def of_one_anchor(loss: RelationLoss, near: Tensor, far: Tensor) -> float:
    """A loss of distances to what belongs to an anchor and to what does not, written out."""
    if isinstance(loss, (InfoNCE, CosineMSE)):
        return of_cosines(loss, 1 - near.square() / 2, 1 - far.square() / 2)
    if isinstance(loss, Contrastive):
        pull, push = near.square() / 2, (loss.margin - far).clamp(min=0).square() / 2
        if loss.pairs == "mean":
            return float(torch.cat([pull, push]).mean())
        return sum(float(own.mean()) / 2 for own in (pull, push) if len(own))
    assert isinstance(loss, Triplet)
    if not len(near) or not len(far):
        return 0.0
    if loss.mining == "hard":
        return max(0.0, loss.margin + float(near.max() - far.min()))
    if loss.mining == "all":
        costs = [max(0.0, loss.margin + float(p - n)) for p, n in itertools.product(near, far)]
    else:
        farther = [[float(n) for n in far if n > p] or [float(far.max())] for p in near]
        costs = [max(0.0, loss.margin + float(p) - min(ns)) for p, ns in zip(near, farther, strict=True)]
    return sum(costs) / len(costs)


def of_cosines(loss: InfoNCE | CosineMSE, near: Tensor, far: Tensor) -> float:
    if isinstance(loss, InfoNCE):
        wrong = (far / loss.temperature).exp().sum()
        right = (near / loss.temperature).exp()
        return float(-(right / (right + wrong)).log().mean()) if len(near) else 0.0
    pull, push = (1 - near).square(), far.square()
    if loss.pairs == "mean":
        return float(torch.cat([pull, push]).mean())
    return sum(float(own.mean()) / 2 for own in (pull, push) if len(own))


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("kind", [IDENTITY, PAIR, ITEM], ids=lambda kind: kind.kind)
def test_every_loss_equals_its_definition_written_out(loss: RelationLoss, kind: Target) -> None:
    output: Any
    target: Any
    if kind is PAIR:
        output, target = pairs([3, 1, 3, 0, 2])
    elif kind is ITEM:
        output, target = clicks()
    else:
        output, target = drawn(7, 3), torch.tensor([0, 1, 0, 2, 1, 0, 1])
    relations = related(output, target, kind.kind)
    anchors, candidates = relations.anchors, relations.candidates
    if loss.on_sphere:
        anchors, candidates = on_sphere(anchors), on_sphere(candidates)
    distance = (anchors.unsqueeze(1) - candidates).norm(dim=-1)
    for anchor, value in enumerate(loss(output, target, kind).tolist()):
        near, far = (distance[anchor, mask[anchor]] for mask in (relations.same, relations.different))
        assert value == pytest.approx(of_one_anchor(loss, near, far), abs=1e-12), anchor


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_what_is_masked_has_no_part_in_a_loss(loss: RelationLoss) -> None:
    output, target = pairs([3, 1, 3, 0, 2])
    moved = {**output, "right": output["right"].clone()}
    moved["right"][2] += 5  # of the number of the first, for which it is no answer and no mistake
    before, after = (loss(own, target, PAIR) for own in (output, moved))
    assert before[0] == after[0]
    assert before[2] != after[2]


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_several_members_are_computed_together(loss: RelationLoss) -> None:
    output, target = pairs([3, 1, 3, 0, 2])
    both = {side: torch.stack([own, 2 * own]) for side, own in output.items()}
    found = torch.vmap(lambda own: loss(own, target, PAIR))(both)
    alone = [loss({side: own[n] for side, own in both.items()}, target, PAIR) for n in range(2)]
    torch.testing.assert_close(found, torch.stack(alone))


class TestThirdParty:
    def test_pairs_are_the_positives_and_what_is_masked_is_left_out(self) -> None:
        loss = multi_similarity()
        assert loss.chosen_target([PAIR]) is PAIR
        assert loss.needs_for(PAIR) == loss.gives(PAIR) == ("left", "right")
        output, target = pairs([3, 1, 3, 0])
        near = on_sphere(output["left"]) @ on_sphere(output["right"]).T
        relations = related(output, target, "pair")
        up = (-2 * (near - 0.5)).exp() * relations.same
        down = (50 * (near - 0.5)).exp() * relations.different
        expected = (up.sum(1).log1p() / 2 + down.sum(1).log1p() / 50).mean()
        torch.testing.assert_close(loss(output, target, PAIR), expected.expand(4))

    def test_a_pair_alone_of_its_number_is_as_the_library_has_it_of_two_sets(self) -> None:
        function = NTXentLoss(temperature=0.3)
        loss = ThirdParty(
            name="nt_xent",
            function=function,
            trains_on=("identity",),
            encoding="index",
            output_size="embedding",
            meaning="embedding",
        )
        output, target = pairs([3, 1, 2, 0])
        reference = function(output["left"], target, ref_emb=output["right"], ref_labels=target.clone())
        torch.testing.assert_close(loss(output, target, PAIR), reference.expand(4))

    def test_a_function_that_compares_a_batch_with_itself_alone_trains_on_no_pairs(self) -> None:
        def own(output: Tensor, target: Tensor) -> Tensor:
            return output.sum(-1) * target

        loss = ThirdParty(
            name="own",
            function=own,
            trains_on=("identity",),
            encoding="index",
            output_size="embedding",
            meaning="embedding",
        )
        assert loss.chosen_target([PAIR]) is None
        assert loss.chosen_target([PAIR, IDENTITY]) is IDENTITY
