"""The adapter for losses that others wrote."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hydra.utils import instantiate
from omegaconf import OmegaConf

from lossbench.config.folders import node_in
from lossbench.config.making import make
from lossbench.errors import InputError
from lossbench.losses.loss import Loss
from lossbench.losses.third_party import ThirdParty
from lossbench.task import Target

CONF = Path(__file__).parents[2] / "conf" / "loss"
ADAPTER = "lossbench.losses.third_party.ThirdParty"
MULTICLASS, BINARY, VALUE = Target("multiclass", 4), Target("binary"), Target("continuous")
IDENTITY = Target("identity", 4)


def pinball(output: torch.Tensor, target: torch.Tensor, share: float) -> torch.Tensor:
    """A user's own function: the loss of a quantile."""
    error = target - output
    return torch.maximum(share * error, (share - 1) * error)


def made(function: dict[str, Any], **words: Any) -> Loss:
    """As Hydra makes it from a YAML."""
    words = {"name": "theirs", "_recursive_": False, "_target_": ADAPTER, "function": function} | words
    loss = instantiate(OmegaConf.create(words))
    assert isinstance(loss, Loss)
    return loss


VALUE_WORDS = {"trains_on": ["continuous"], "encoding": "value", "output_size": "one", "meaning": "value"}
CLASS_WORDS = {
    "trains_on": ["multiclass"],
    "encoding": "index",
    "output_size": "classes",
    "meaning": "softmax",
}


class TestThirdParty:
    def test_an_object_that_reads_class_indices(self) -> None:
        loss = made({"_target_": "torch.nn.CrossEntropyLoss", "reduction": "none"}, **CLASS_WORDS)
        output, target = torch.randn(6, 4), torch.randint(0, 4, (6,))
        reference = F.cross_entropy(output, target, reduction="none")
        torch.testing.assert_close(loss(output, target, MULTICLASS), reference)
        assert loss.outputs(MULTICLASS, 64) == 4
        assert loss.outputs(BINARY, 64) == 2
        prediction = loss.predict(output, MULTICLASS)
        torch.testing.assert_close(prediction["probabilities"], output.softmax(-1))
        assert loss.trains_on == ("multiclass",)

    def test_a_scalar_stands_for_every_example(self) -> None:
        loss = made({"_target_": "torch.nn.CrossEntropyLoss"}, **CLASS_WORDS)
        output, target = torch.randn(6, 4, requires_grad=True), torch.randint(0, 4, (6,))
        values = loss(output, target, MULTICLASS)
        reference = F.cross_entropy(output, target)
        torch.testing.assert_close(values, reference.detach().expand(6))
        # so the mean that the pack takes has their gradient
        ours, theirs = (torch.autograd.grad(v, output)[0] for v in (values.mean(), reference))
        torch.testing.assert_close(ours, theirs)

    def test_an_object_that_reads_a_value(self) -> None:
        loss = made({"_target_": "torch.nn.SmoothL1Loss", "reduction": "none"}, **VALUE_WORDS)
        output, target = torch.randn(6, 1), torch.randn(6)
        reference = F.smooth_l1_loss(output[:, 0], target, reduction="none")
        torch.testing.assert_close(loss(output, target, VALUE), reference)
        assert loss.outputs(VALUE, 64) == 1
        assert loss.predict(output, VALUE)["value"].shape == (6,)

    def test_an_object_that_reads_a_float_of_two_classes(self) -> None:
        words = {"trains_on": ["binary"], "encoding": "float", "output_size": "one", "meaning": "sigmoid"}
        loss = made({"_target_": "torch.nn.BCEWithLogitsLoss", "reduction": "none"}, **words)
        output, target = torch.randn(6, 1), torch.randint(0, 2, (6,))
        reference = F.binary_cross_entropy_with_logits(output[:, 0], target.float(), reduction="none")
        torch.testing.assert_close(loss(output, target, BINARY), reference)
        prediction = loss.predict(output, BINARY)
        torch.testing.assert_close(prediction["probabilities"][:, 1], output[:, 0].sigmoid())

    def test_rows_of_more_numbers_are_averaged(self) -> None:
        words = {
            **CLASS_WORDS,
            "encoding": "one_hot",
            "meaning": "scores",
        }
        loss = made({"_target_": "torch.nn.MSELoss", "reduction": "none"}, **words)
        output, target = torch.randn(6, 4), torch.randint(0, 4, (6,))
        reference = (output - F.one_hot(target, 4)).square().mean(-1)
        torch.testing.assert_close(loss(output, target, MULTICLASS), reference)
        assert "probabilities" not in loss.predict(output, MULTICLASS)

    def test_the_users_own_function_stacks_where_they_say_so(self) -> None:
        function = partial(pinball, share=0.9)
        loss = ThirdParty(name="own", function=function, stackable=True, **VALUE_WORDS)
        output, target = torch.randn(3, 6, 1), torch.randn(3, 6)
        stacked = torch.func.vmap(lambda o, t: loss(o, t, VALUE))(output, target)
        torch.testing.assert_close(stacked, pinball(output[..., 0], target, share=0.9))
        assert loss.stackable
        assert not made({"_target_": "torch.nn.L1Loss"}, **VALUE_WORDS).stackable

    def test_a_distribution_predicts_its_mean(self) -> None:
        words = {**CLASS_WORDS, "trains_on": ["distribution"], "encoding": "value"}
        loss = made({"_target_": "torch.nn.CrossEntropyLoss"}, **words)
        kind = Target("distribution", 2, (-1.0, 3.0))
        assert loss.predict(torch.zeros(5, 2), kind)["value"].tolist() == [1.0] * 5
        assert loss(torch.zeros(5, 2), torch.full((5, 2), 0.5), kind).shape == (5,)

    @pytest.mark.parametrize(
        ("function", "words", "sentence"),
        [
            ({"_target_": "torch.nn.NoSuchLoss"}, {}, "torch.nn.NoSuchLoss"),
            ({"_target_": "no_such_package.Loss"}, {}, "no_such_package"),
            ({"_target_": "torch.nn.HuberLoss", "dleta": 1.0}, {}, "dleta"),
            ({"_target_": "torch.nn.Linear", "in_features": 1, "out_features": 1}, {}, "weights of its own"),
            ({"delta": 1.0}, {}, "callable"),
            ({"_target_": "torch.nn.HuberLoss", "delta": "abc"}, {}, "loss.function.delta must be a number"),
            ({"_target_": "torch.nn.HuberLoss", "delta": True}, {}, "delta must be a number; got True"),
            ({"_target_": "torch.nn.HuberLoss", "reduction": 1}, {}, "reduction must be a text; got 1"),
            ({"_target_": "torch.nn.L1Loss"}, {"meaning": "embedding"}, "embedding"),
            ({"_target_": "torch.nn.L1Loss"}, {"output_size": "classes"}, "output_size"),
            ({"_target_": "torch.nn.L1Loss"}, {"encoding": "text"}, "encoding"),
        ],
    )
    def test_a_mistake_is_told_in_one_sentence(
        self, function: dict[str, Any], words: dict[str, Any], sentence: str
    ) -> None:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - Hydra wraps it, as it wraps all of them
            made(function, **(VALUE_WORDS | words))
        error = caught.value if isinstance(caught.value, InputError) else caught.value.__cause__
        assert isinstance(error, InputError)
        assert sentence in str(error)
        assert "\n" not in str(error)

    def test_functions_with_other_arguments_have_another_recipe(self) -> None:
        """The text of torch's HuberLoss hides its delta; members with two deltas must not share one."""
        recipes = [
            made({"_target_": "torch.nn.HuberLoss", "delta": delta}, **VALUE_WORDS).recipe  # type: ignore[attr-defined]
            for delta in (1.0, 2.0, 1.0)
        ]
        assert recipes[0] == recipes[2] != recipes[1]

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"_target_": "torch.nn.HuberLoss", "delta": 1}, {"_target_": "torch.nn.HuberLoss"}),
            (
                {"_target_": f"{__name__}.pinball", "_partial_": True, "share": 1},
                {"_target_": f"{__name__}.pinball", "_partial_": True, "share": 1.0},
            ),
        ],
    )
    def test_two_spellings_of_one_function_are_one_loss(
        self, one: dict[str, Any], other: dict[str, Any]
    ) -> None:
        first, second = (made(function, **VALUE_WORDS) for function in (one, other))
        assert first.values() == second.values()

    def test_a_result_of_another_length_is_refused(self) -> None:
        loss = ThirdParty(name="short", function=lambda o, t: o[1:], **VALUE_WORDS)
        with pytest.raises(ValueError, match="6 examples"):
            loss(torch.zeros(6, 1), torch.zeros(6), VALUE)


class TestFocal:
    loss = make("loss", Loss, node_in(CONF / "focal.yaml"))

    def test_equals_the_formula_of_the_paper(self) -> None:
        output, target = torch.randn(6, 4), torch.randint(0, 4, (6,))
        hot = F.one_hot(target, 4).bool()
        right = torch.where(hot, output.sigmoid(), (-output).sigmoid())
        alpha = torch.where(hot, 0.25, 0.75)
        reference = (-alpha * (1 - right) ** 2 * right.log()).mean(-1)
        torch.testing.assert_close(self.loss(output, target, MULTICLASS), reference)

    @pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (0.9, 0.0), (0.5, 5.0)])
    def test_of_two_classes_alpha_weighs_class_1_as_in_the_paper(self, alpha: float, gamma: float) -> None:
        node = node_in(CONF / "focal.yaml")
        loss = make("loss", Loss, {**node, "function": {**node["function"], "alpha": alpha, "gamma": gamma}})
        assert isinstance(loss, Loss)
        output, target = torch.randn(30, loss.outputs(BINARY, 64)), torch.randint(0, 2, (30,))
        assert output.shape == (30, 1)
        p = output[:, 0].sigmoid()
        right, weight = torch.where(target == 1, p, 1 - p), torch.where(target == 1, alpha, 1 - alpha)
        torch.testing.assert_close(loss(output, target, BINARY), -weight * (1 - right) ** gamma * right.log())
        scores = loss.predict(output, BINARY)["scores"]
        assert torch.equal(scores.argmax(-1), (p > 0.5).long())

    def test_labels_at_places_are_two_classes_each(self) -> None:
        kind = Target("binary", shape=(5,))
        output, target = torch.randn(6, 5, 1), torch.randint(0, 2, (6, 5))
        flat = self.loss(output.flatten(0, 1), target.flatten(), BINARY)
        torch.testing.assert_close(self.loss(output, target, kind), flat.unflatten(0, (6, 5)))

    def test_stacks_as_it_says(self) -> None:
        output, target = torch.randn(3, 6, 4), torch.randint(0, 4, (3, 6))
        stacked = torch.func.vmap(lambda o, t: self.loss(o, t, MULTICLASS))(output, target)
        in_turn = torch.stack([self.loss(o, t, MULTICLASS) for o, t in zip(output, target, strict=True)])
        assert self.loss.stackable
        torch.testing.assert_close(stacked, in_turn)

    @pytest.mark.parametrize("kind", [MULTICLASS, BINARY, IDENTITY])
    def test_claims_no_probabilities(self, kind: Target) -> None:
        prediction = self.loss.predict(torch.zeros(6, self.loss.outputs(kind, 64)), kind)
        assert prediction["scores"].shape == (6, 2 if kind is BINARY else 4)
        assert "probabilities" not in prediction


class TestFocalOfTwoClasses:
    loss = make("loss", Loss, node_in(CONF / "focal_binary.yaml"))

    def test_equals_the_formula_of_the_paper_and_says_how_probable_a_class_is(self) -> None:
        output, target = torch.randn(6, 1), torch.randint(0, 2, (6,))
        right = torch.where(target == 1, output[:, 0].sigmoid(), (-output[:, 0]).sigmoid())
        torch.testing.assert_close(self.loss(output, target, BINARY), -((1 - right) ** 2) * right.log())
        assert self.loss.outputs(BINARY, 64) == 1
        probable = self.loss.predict(output, BINARY)["probabilities"]
        torch.testing.assert_close(probable.gather(-1, target.unsqueeze(-1))[:, 0], right)

    def test_stacks_as_it_says(self) -> None:
        output, target = torch.randn(3, 6, 1), torch.randint(0, 2, (3, 6))
        stacked = torch.func.vmap(lambda o, t: self.loss(o, t, BINARY))(output, target)
        in_turn = torch.stack([self.loss(o, t, BINARY) for o, t in zip(output, target, strict=True)])
        assert self.loss.stackable
        torch.testing.assert_close(stacked, in_turn)


class TestMultiSimilarity:
    loss = make("loss", Loss, node_in(CONF / "multi_similarity.yaml"))

    def test_equals_the_formula_of_the_paper(self) -> None:
        output, target = torch.randn(12, 5), torch.randint(0, 3, (12,))
        cosine = F.cosine_similarity(output[:, None], output[None], dim=-1)
        same = target[:, None] == target
        equal = same & ~torch.eye(12, dtype=torch.bool)
        pull = (1 + ((-2 * (cosine - 0.5)).exp() * equal).sum(-1)).log() / 2
        push = (1 + ((50 * (cosine - 0.5)).exp() * ~same).sum(-1)).log() / 50
        values = self.loss(output, target, IDENTITY)
        torch.testing.assert_close(values, (pull + push).mean().expand(12))

    def test_predicts_an_embedding(self) -> None:
        assert self.loss.outputs(IDENTITY, 5) == 5
        assert self.loss.predict(torch.zeros(2, 12, 5), IDENTITY)["embedding"].shape == (2, 12, 5)


def test_at_each_place_one_hot_rows_are_read_as_at_one() -> None:
    """Several labels of one text: the same as each label alone, a value for each."""
    node = node_in(CONF / "focal.yaml")
    loss = make("loss", Loss, node)
    assert isinstance(loss, Loss)
    output, target = torch.randn(5, 3, 2), torch.randint(0, 2, (5, 3))
    kind = Target("binary", 2, shape=(3,))
    values = loss(output, target, kind)
    alone = [loss(output[:, place], target[:, place], Target("binary", 2)) for place in range(3)]
    torch.testing.assert_close(values, torch.stack(alone, dim=1))
