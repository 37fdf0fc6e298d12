"""Which losses can judge given outputs, and what they say."""

from __future__ import annotations

import pytest
import torch

from lossbench.losses.berhu import BerHu
from lossbench.losses.cce import CCE
from lossbench.losses.contrastive import Contrastive
from lossbench.losses.cross import Meaning, evaluable, judged, meaning, shipped
from lossbench.losses.hinge import Hinge
from lossbench.losses.kl import KL
from lossbench.losses.mse import MSE
from lossbench.losses.reduction import weighted_mean
from lossbench.losses.triplet import Triplet
from lossbench.task import WEIGHT, Target

CLASSES, VALUE, BINARY = Target("multiclass", 5), Target("continuous"), Target("binary")
IDENTITY = Target("identity", 5)
HISTOGRAM = Target("distribution", 5, (-2.0, -1.0, 0.0, 1.0, 2.0))


OF_EMBEDDINGS = {"contrastive", "triplet", "info_nce", "cosine_mse"}


class TestEvaluable:
    @pytest.mark.parametrize(
        ("kind", "size", "means", "names"),
        [
            (VALUE, 1, "value", {"mse", "mae", "huber", "log_cosh", "pinball", "berhu", "log_l1"}),
            (
                CLASSES,
                5,
                "scores",
                {"mse", "mae", "huber", "log_cosh", "bce", "cce", "focal_softmax", "z_loss", "hinge", "kl"},
            ),
            (BINARY, 1, "scores", {"bce", "hinge"}),
            (BINARY, 2, "scores", {"mse", "mae", "huber", "log_cosh", "cce", "focal_softmax", "z_loss"}),
            (HISTOGRAM, 5, "value", {"kl"}),
            (IDENTITY, 64, "embedding", OF_EMBEDDINGS),
            (IDENTITY, 5, "embedding", OF_EMBEDDINGS),
            (IDENTITY, 5, "scores", set()),  # of training people: a test may hold others
        ],
    )
    def test_same_kind_size_and_meaning(
        self, kind: Target, size: int, means: Meaning, names: set[str]
    ) -> None:
        assert {loss.name for loss in evaluable(kind, size, means)} == names

    def test_meaning_is_what_the_loss_predicts(self) -> None:
        assert meaning(MSE(), VALUE) == "value"
        assert meaning(MSE(), CLASSES) == meaning(Hinge(), BINARY) == "scores"
        assert meaning(KL(), HISTOGRAM) == "value"
        assert meaning(Triplet(), IDENTITY) == "embedding"

    def test_every_loss_can_judge_what_it_trained(self) -> None:
        for loss in shipped():
            for kind in (VALUE, CLASSES, BINARY, HISTOGRAM, IDENTITY):
                means = meaning(loss, kind)
                # Which reads no outputs as others do, or more than they do.
                if loss.chosen_target([kind]) is None or loss.own_units or loss.wants_for(kind):
                    continue
                if kind.kind in loss.trains_on and (kind is not IDENTITY or means == "embedding"):
                    size = loss.outputs(kind, 64)
                    assert loss in evaluable(kind, size, means)


class TestJudged:
    def test_a_loss_that_reads_weights_judges_by_them(self) -> None:
        """What weighs nothing is no largest error."""
        pixels = Target("continuous", shape=(5, 4))
        output, target = torch.randn(3, 40, 5, 4, 1), torch.randn(3, 40, 5, 4)
        weight = (torch.rand(3, 40, 5, 4) < 0.7).float()
        found = judged(output, target.where(weight > 0, 1e6), pixels, "value", weight)["berhu"]
        for member in range(3):
            beside = {"continuous": target[member], WEIGHT: weight[member]}
            expected = weighted_mean(BerHu()(output[member], beside, pixels), weight[member])
            torch.testing.assert_close(found[member], expected)

    def test_is_the_mean_of_each_loss_for_each_member(self) -> None:
        output, target = torch.randn(3, 5000, 5), torch.randint(0, 5, (3, 5000))
        result = judged(output, target, CLASSES, "scores")
        for loss in (MSE(), CCE(), Hinge(), KL()):
            expected = torch.stack([loss(output[i], target[i], CLASSES).mean() for i in range(3)])
            torch.testing.assert_close(result[loss.name], expected)

    def test_pairs_are_judged_in_mixed_blocks(self) -> None:
        """Sorted examples in blocks of 128 would show one identity at a time, and no triplet."""
        target = torch.arange(512).div(128, rounding_mode="floor").expand(2, -1)
        output = torch.randn(2, 512, 3)
        result = judged(output, target, IDENTITY, "embedding")
        assert (result["triplet"] > 0.2).all()
        whole = torch.stack([Contrastive()(output[i], target[i], IDENTITY).mean() for i in range(2)])
        torch.testing.assert_close(result["contrastive"], whole, rtol=0.05, atol=0)

    def test_a_member_is_judged_as_if_alone(self) -> None:
        output, target = torch.randn(3, 300, 4), torch.randint(0, 5, (3, 300))
        together = judged(output, target, IDENTITY, "embedding")
        alone = judged(output[1:2], target[1:2], IDENTITY, "embedding")
        for name, values in together.items():
            torch.testing.assert_close(values[1:2], alone[name])
