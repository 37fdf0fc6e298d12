"""A sum of losses is their weighted sum, trains on what all of them do, and is refused where they differ."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from lossbench.config.making import completed, make
from lossbench.config.searched import declared_knobs
from lossbench.errors import InputError
from lossbench.losses.berhu import BerHu
from lossbench.losses.boxes import from_start
from lossbench.losses.focal_softmax import FocalSoftmax
from lossbench.losses.giou import GIoU, giou_loss
from lossbench.losses.huber import Huber
from lossbench.losses.loss import Loss
from lossbench.losses.mae import MAE
from lossbench.losses.mse import MSE
from lossbench.losses.sum import Sum
from lossbench.losses.triplet import Triplet
from lossbench.task import WEIGHT, Prediction, Target

NUMBER, BOX, CLASSES = Target("continuous"), Target("box", 4), Target("multiclass", 3)
NODE = {"_target_": "lossbench.losses.sum.Sum", "name": "sum"}


@dataclass(frozen=True, kw_only=True)
class Rate(Loss):
    """Reads one output by name, and a shared tensor."""

    name: str = "rate"
    trains_on = ("continuous",)
    also = ("scale",)
    needs = ("mean",)
    power: float = 2.0

    def outputs(self, target: Target, embedding_size: int) -> int:
        return 1

    def __call__(self, output: Any, target: Any, kind: Target) -> Tensor:
        assert output.keys() == {"mean"}
        assert target.keys() == {"continuous", "scale"}
        return ((output["mean"] - target["continuous"]) / target["scale"]).abs() ** self.power

    def predict(self, output: Any, kind: Target) -> Prediction:
        return Prediction(value=output["mean"])


@dataclass(frozen=True, kw_only=True)
class Spread(Loss):
    """Reads another output by name."""

    name: str = "spread"
    trains_on = ("continuous",)
    needs = ("deviation",)

    def outputs(self, target: Target, embedding_size: int) -> int:
        return 1

    def __call__(self, output: Any, target: Any, kind: Target) -> Tensor:
        assert output.keys() == {"deviation"}
        assert isinstance(target, Tensor)
        return (output["deviation"] - target).square()

    def predict(self, output: Any, kind: Target) -> Prediction:
        return Prediction(deviation=output["deviation"])


def own(cls: type) -> dict[str, Any]:
    return {"_target_": f"{__name__}.{cls.__name__}"}


class TestValues:
    def test_it_is_the_weighted_sum_of_its_parts_to_the_bit(self) -> None:
        loss = Sum(parts={"mse": 0.5, "huber": 3.0}, knobs={"huber": {"delta": 0.2}})
        output, target = torch.randn(40, 1), torch.randn(40)
        values, parts = loss.parted(output, target, NUMBER)
        huber, mse = Huber(delta=0.2)(output, target, NUMBER), MSE()(output, target, NUMBER)
        assert torch.equal(values, 3.0 * huber + 0.5 * mse)
        assert torch.equal(loss(output, target, NUMBER), values)
        assert list(parts) == ["huber", "mse"]
        assert torch.equal(parts["huber"], huber)

    def test_l1_giou_is_what_detr_minimises(self) -> None:
        """5 times the sum over edges in sides of a square image, and 2 times GIoU."""
        loss = Sum(name="l1_giou", parts={"giou": 2, "mae": 10})
        output, target = torch.randn(20, 4) / 8, from_start(torch.randn(20, 4) / 8)
        box = from_start(output)
        share = lambda edges: (edges + 1) / 2  # noqa: E731 - units of half a side from the middle
        known = 5 * (share(box) - share(target)).abs().sum(-1) + 2 * giou_loss(box, target)
        torch.testing.assert_close(loss(output, target, BOX), known)
        assert torch.equal(loss.predict(output, BOX)["value"], box)

    def test_weights_and_knobs_of_parts_may_differ_within_a_stack(self) -> None:
        loss = Sum(parts={"mae": 1.0, "huber": 1.0})
        assert loss.float_knobs() == {"parts.huber": 1.0, "parts.mae": 1.0, "knobs.huber.delta": 1.0}
        weights, deltas = torch.tensor([0.5, 2.0, 7.0]), torch.tensor([0.1, 1.0, 3.0])
        output, target = torch.randn(3, 30, 1, requires_grad=True), torch.randn(3, 30)

        def one(output: Tensor, target: Tensor, weight: Any, delta: Any) -> Tensor:
            return loss.with_floats({"parts.mae": weight, "knobs.huber.delta": delta})(output, target, NUMBER)

        stacked = torch.vmap(one)(output, target, weights, deltas)
        alone = torch.stack(
            [
                Sum(parts={"mae": weight, "huber": 1.0}, knobs={"huber": {"delta": delta}})(o, t, NUMBER)
                for o, t, weight, delta in zip(output, target, weights.tolist(), deltas.tolist(), strict=True)
            ]
        )
        torch.testing.assert_close(stacked, alone)
        ours, theirs = (torch.autograd.grad(v.sum(), output)[0] for v in (stacked, alone))
        torch.testing.assert_close(ours, theirs)

    def test_sums_that_differ_in_numbers_alone_are_computed_together(self) -> None:
        one = Sum(parts={"mae": 1.0, "huber": 1.0})
        assert one.static_knobs() == Sum(parts={"huber": 9, "mae": 0}).static_knobs()
        assert one.static_knobs() != Sum(parts={"mae": 1.0, "mse": 1.0}).static_knobs()
        other = Sum(parts={"mae": 1.0, "huber": 1.0}, knobs={"huber": {"softmax": True}})
        assert one.static_knobs() != other.static_knobs()

    def test_each_part_reads_its_own_outputs_and_targets(self) -> None:
        loss = Sum(
            parts={"rate": 1.0, "spread": 2.0},
            knobs={"rate": {**own(Rate), "power": 1.0}, "spread": own(Spread)},
        )
        assert loss.also_for(NUMBER) == ("scale",)
        assert loss.needs_for(NUMBER) == ("mean", "deviation")
        output = {"mean": torch.randn(9), "deviation": torch.randn(9)}
        target = {"continuous": torch.randn(9), "scale": torch.tensor(2.0)}
        known = (output["mean"] - target["continuous"]).abs() / 2
        known = known + 2 * (output["deviation"] - target["continuous"]).square()
        torch.testing.assert_close(loss(output, target, NUMBER), known)
        assert loss.predict(output, NUMBER).keys() == {"value", "deviation"}
        loss.check(NUMBER)

    def test_a_part_that_reads_weights_reads_those_that_there_are(self) -> None:
        loss = Sum(parts={"berhu": 1.0, "mse": 2.0})
        output, target = torch.randn(9, 1), torch.randn(9)
        weight = (torch.arange(9) % 3).float()
        for beside in ({"continuous": target}, {"continuous": target, WEIGHT: weight}):
            known = BerHu()(output, beside, NUMBER) + 2 * MSE()(output, target, NUMBER)
            torch.testing.assert_close(loss(output, beside, NUMBER), known)

    def test_a_sum_of_sums(self) -> None:
        loss = Sum(parts={"l1_giou": 0.5, "mse": 1.0})
        output, target = torch.randn(9, 4), torch.randn(9, 4)
        box = from_start(output)
        known = giou_loss(box, target) + 5 * (box - target).abs().mean(-1) + (box - target).square().mean(-1)
        torch.testing.assert_close(loss(output, target, BOX), known)
        doubled = loss.with_floats({"knobs.l1_giou.parts.giou": 4.0})
        torch.testing.assert_close(doubled(output, target, BOX), known + giou_loss(box, target))

    def test_parts_of_places_and_of_examples_do_not_add_up(self) -> None:
        @dataclass(frozen=True, kw_only=True)
        class Whole(MSE):
            def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
                return super().__call__(output, target, kind).mean(-1)

        loss = Sum(parts={"mse": 1.0, "mae": 1.0})
        object.__setattr__(loss, "losses", {"mae": MAE(), "mse": Whole()})
        with pytest.raises(ValueError, match=r"different shapes: mae \(5, 3\), mse \(5,\)"):
            loss(torch.randn(5, 3, 1), torch.randn(5, 3), Target("continuous", shape=(3,)))


class TestDeclarations:
    def test_it_trains_on_what_all_its_parts_train_on(self) -> None:
        loss = Sum(parts={"mse": 1.0, "cce": 1.0})  # mse alone would prefer the number
        assert loss.chosen_target([NUMBER, CLASSES]) == CLASSES
        assert loss.outputs(CLASSES, 7) == 3
        assert set(loss.gives(CLASSES)) == {"scores", "probabilities"}
        assert Sum(parts={"giou": 1.0}).chosen_target([NUMBER, CLASSES]) is None
        softmax = Sum(parts={"mse": 1, "mae": 1}, knobs={"mse": {"softmax": True}})
        assert softmax.chosen_target([NUMBER, CLASSES]) == CLASSES

    def test_what_its_parts_say_is_said_of_it(self) -> None:
        pairs = Sum(parts={"triplet": 1.0, "contrastive": 1.0}, knobs={"contrastive": {"normalize": True}})
        assert pairs.batchwise
        lonely = torch.tensor([0, 1, 2, 2])  # a triplet wants two of a kind, a pair any other
        assert Triplet().idle(lonely).any()
        assert not pairs.idle(lonely).any()
        assert not Sum(parts={"focal": 1.0, "bce": 1.0}).batchwise
        assert Sum(parts={"mape": 1.0, "smape": 1.0}).own_units
        assert not Sum(parts={"multi_similarity": 1.0, "triplet": 1.0}).stackable
        assert Sum(parts={"mae": 1.0, "pinball": 1.0}).elicits(NUMBER) == "median"
        assert Sum(parts={"mae": 1.0, "mse": 1.0}).elicits(NUMBER) == ""

    def test_one_spelling(self) -> None:
        """Order, whole numbers and defaults that are written out make no other run."""
        one = Sum(parts={"huber": 1, "mse": 2.0})
        other = Sum(parts={"mse": 2, "huber": 1.0}, knobs={"huber": {"delta": 1}, "mse": {}})
        assert one.values() == other.values()
        assert one.values() != Sum(parts={"huber": 1, "mse": 2.0}, knobs={"huber": {"delta": 0.5}}).values()
        assert one.values()["parts"] == {"huber": 1, "mse": 2}
        assert one.values()["knobs"]["huber"]["delta"] == 1

    def test_it_can_be_copied_and_sent_to_a_worker(self) -> None:
        loss = Sum(parts={"giou": 2, "mae": 10})
        for again in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
            output, target = torch.randn(5, 4), torch.randn(5, 4)
            assert again == loss
            assert again.trains_on == ("box",)
            assert torch.equal(again(output, target, BOX), loss(output, target, BOX))

    def test_knobs_that_are_listed_are_searched_and_weights_where_a_yaml_says(self) -> None:
        node = {**NODE, "parts": {"huber": 1, "hinge": 1}, "knobs": {"huber": {"delta": 1}}}
        searched = {name for name, knob in declared_knobs(node).items() if knob.search}
        assert searched == {"knobs.huber.delta"}  # hinge's margin cannot be set where it is not listed
        node |= {"_search_": {"parts.hinge": [0.1, 10, "log"]}}
        searched = {name for name, knob in declared_knobs(node).items() if knob.search}
        assert searched == {"knobs.huber.delta", "parts.hinge"}

    def test_a_record_holds_all_that_it_is_made_of(self) -> None:
        node = completed({**NODE, "parts": {"focal_softmax": 1}, "knobs": {"focal_softmax": {"gamma": 1}}})
        assert node["knobs"]["focal_softmax"] == {
            "_target_": "lossbench.losses.focal_softmax.FocalSoftmax",
            "name": "focal_softmax",
            "gamma": 1,
        }
        made = make("loss", Loss, node)
        assert isinstance(made, Sum)
        assert made.losses["focal_softmax"] == FocalSoftmax(gamma=1.0)
        assert completed(node) == node
        # A YAML that has changed since is not asked.
        node["knobs"]["focal_softmax"]["gamma"] = 4.0
        assert make("loss", Loss, node).values()["knobs"]["focal_softmax"]["gamma"] == 4


@pytest.mark.parametrize(
    ("parts", "knobs", "words"),
    [
        (
            {"giou": 1, "cce": 1},
            None,
            "no kind of target suits all its parts .cce multiclass, binary, ide.*giou box",
        ),
        ({"mape": 1, "mse": 1}, None, "different units .mape the target's own; mse shifted and scaled"),
        ({"rate": 1, "mse": 1}, {"rate": own(Rate)}, "different outputs .mse one without a name; rate mean"),
        ({"maee": 1}, None, "loss.parts names maee, which is no loss .did you mean 'mae'"),
        ({"mae": -1}, None, "loss.parts.mae must be a number of at least 0, its weight; got -1"),
        ({"mae": float("inf")}, None, "loss.parts.mae must be a number"),
        ({"mae": True}, None, "loss.parts.mae must be a number"),
        ({"mae": 0, "mse": 0.0}, None, "every loss the weight 0, with which nothing trains"),
        (3, None, "loss.parts must name losses, as in 'loss.parts=.mse: 1, mae: 0.5.'; got 3"),
        ({"mae": 1}, {"mse": {}}, "loss.knobs names mse, which is no part"),
        ({"mae": 1}, {"mae": 1}, "loss.knobs.mae must hold knobs"),
        ({"huber": 1}, {"huber": {"delta": 0}}, "Of loss=sum its part huber: loss.delta must be above 0"),
        ({"huber": 1}, {"huber": {"dleta": 1}}, "part huber: loss.dleta is no knob of loss=huber"),
    ],
)
def test_what_cannot_be_a_sum_is_refused(parts: Any, knobs: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Sum(parts=parts, knobs=knobs)


def test_parts_that_want_different_outputs_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"of a binary target its parts want different outputs .bce 1, cce 2"
    ):
        Sum(parts={"bce": 1, "cce": 1}).chosen_target([Target("binary"), Target("identity", 2)])
    both = Sum(parts={"cce": 1, "triplet": 1})
    with pytest.raises(InputError, match="cce 5, triplet as many as an embedding has"):
        both.chosen_target([Target("identity", 5)])


def test_parts_that_mean_something_else_by_their_outputs_are_refused() -> None:
    pairs = Sum(parts={"triplet": 1.0, "contrastive": 1.0})
    kind = Target("identity", 5)
    assert pairs.chosen_target([kind]) == kind
    with pytest.raises(
        InputError, match="contrastive and triplet mean different embedding by the same outputs"
    ):
        pairs.check(kind)
    Sum(parts={"giou": 1, "mse": 1}).check(BOX)
    GIoU().check(BOX)  # as of any loss


def test_a_sum_asks_the_model_for_what_its_parts_ask() -> None:
    made = Sum(parts={"elbo": 1.0, "pixel_mean": 2.0}, knobs={"elbo": {"k": 3}, "pixel_mean": {"k": 3}})
    assert made.asks == {"draws": 3, "likelihood": "bernoulli", "deviation": 0.1}
    assert Sum(parts={"mse": 1.0, "mae": 2.0}).asks == {}
    with pytest.raises(InputError, match="iwae asks the model for draws 5, another part for 1"):
        _ = Sum(parts={"elbo": 1.0, "iwae": 2.0}).asks


def test_a_sum_of_nothing_is_refused_where_it_is_to_train() -> None:
    with pytest.raises(InputError, match="loss=sum has no parts: give each loss of it a weight, as in"):
        completed({**NODE, "parts": None})
