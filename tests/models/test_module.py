"""The adapter for modules that others wrote."""

from __future__ import annotations

import copy
import itertools
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn

from lossbench._torchvision import mend
from lossbench.errors import InputError
from lossbench.models.module import Module
from lossbench.task import Inputs

mend()
from pytorch_lightning import LightningModule  # noqa: E402 - it imports torchvision

CONF = Path(__file__).parents[2] / "conf" / "model" / "module.yaml"
HERE = __name__
VECTOR, IMAGE = Inputs("vector", (10,)), Inputs("image", (3, 32, 32))
TOKENS = Inputs("tokens", (12,), vocabulary=50)
PAIR = Inputs("pair", parts={"user": Inputs("id", (), 5), "item": Inputs("vector", (4,))})


class Net(nn.Module):
    """As a user writes one."""

    def __init__(self, size: int, outputs: int, hidden: int = 8, bend: str = "features") -> None:
        super().__init__()
        self.bend = bend
        self.net = nn.Sequential(nn.Linear(size, hidden), nn.Tanh(), nn.Linear(hidden, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class Recurrent(nn.Module):
    """Without annotations, and with an LSTM."""

    def __init__(self, words, outputs, size=6):  # type: ignore[no-untyped-def]
        super().__init__()
        self.table = nn.Embedding(words, size)
        self.lstm = nn.LSTM(size, size, batch_first=True)
        self.last = nn.Linear(size, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        states, _ = self.lstm(self.table(tokens))
        return self.last(states.mean(1))


class Lit(LightningModule):
    """With weights that its forward does not use, and a training of its own."""

    def __init__(self, size: int, outputs: int) -> None:
        super().__init__()
        self.net, self.unused = nn.Linear(size, outputs), nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)

    def training_step(self, *args: Any) -> Tensor:
        raise AssertionError

    def configure_optimizers(self) -> Any:
        raise AssertionError


class Tower(nn.Module):
    """Reads two inputs by name, and returns two outputs."""

    def __init__(self, users: int, size: int) -> None:
        super().__init__()
        self.user, self.item = nn.Embedding(users, 3), nn.Linear(size, 3)

    def forward(self, user: Tensor, item: Tensor, scale: float = 1.0) -> tuple[Tensor, Tensor]:
        return self.user(user) * scale, self.item(item)


class OfDict(nn.Module):
    """Reads all inputs in one dict."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.last = nn.LazyLinear(outputs)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.last(batch["item"]) + batch["user"].unsqueeze(-1)


class Asks(nn.Module):
    """Reads what no data set here has."""

    def forward(self, user: Tensor, mask: Tensor) -> Tensor:
        return user * mask


def frozen(size: int, outputs: int) -> nn.Module:
    """A function that makes a module, of which a part is not trained."""
    net = nn.Sequential(nn.Linear(size, 4), nn.Linear(4, outputs))
    net[0].requires_grad_(False)
    return net


def made(module: dict[str, Any], **words: Any) -> Module:
    """As Hydra makes it from the shipped YAML."""
    node = OmegaConf.merge(OmegaConf.load(CONF), {"module": module, **words})
    model = instantiate(node, _convert_="all")
    assert isinstance(model, Module)
    return model


def built(model: Module, inputs: Inputs, outputs: int, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return model.build(inputs, outputs)


def net(**arguments: Any) -> dict[str, Any]:
    return {"_target_": f"{HERE}.Net", "size": "features", "outputs": "outputs"} | arguments


SEQUENTIAL = {
    "_target_": "torch.nn.Sequential",
    "_args_": [
        {"_target_": "torch.nn.Linear", "in_features": "shape.-1", "out_features": 8},
        {"_target_": "torch.nn.GELU"},
        {"_target_": "torch.nn.Linear", "_args_": [8, "outputs"]},
    ],
}
RESNET = {"_target_": "torchvision.models.resnet18", "num_classes": "outputs"}
RECURRENT = {"_target_": f"{HERE}.Recurrent", "words": "vocabulary", "outputs": "outputs"}
LIT = {"_target_": f"{HERE}.Lit", "size": "features", "outputs": "outputs"}
FROZEN = LIT | {"_target_": f"{HERE}.frozen"}
LAZY = {"_target_": "torch.nn.LazyLinear", "out_features": "outputs"}
CASES = [
    (net(), VECTOR, torch.randn(5, 10)),
    (SEQUENTIAL, VECTOR, torch.randn(5, 10)),
    (RESNET, IMAGE, torch.randn(5, 3, 32, 32)),
    (RECURRENT, TOKENS, torch.randint(0, 50, (5, 12))),
    (LIT, VECTOR, torch.randn(5, 10)),
    (LAZY, VECTOR, torch.randn(5, 10)),
    (
        {"_target_": f"{HERE}.OfDict", "outputs": "outputs"},
        PAIR,
        {"user": torch.arange(5), "item": torch.randn(5, 4)},
    ),
]


class TestModule:
    @pytest.mark.parametrize(("module", "inputs", "batch"), CASES)
    def test_any_module_gives_what_the_loss_asks_for(
        self, module: dict[str, Any], inputs: Inputs, batch: Any
    ) -> None:
        model = made(module)
        for outputs in (1, 7):
            result = built(model, inputs, outputs)(batch)
            assert result.shape == (5, outputs)
        first, again = (built(model, inputs, 3).state_dict() for _ in range(2))
        assert all(torch.equal(first[name], again[name]) for name in first)
        copied = copy.deepcopy(built(model, inputs, 3)).eval()
        torch.testing.assert_close(copied(batch), built(model, inputs, 3).eval()(batch))

    def test_its_weights_have_the_names_that_they_have_without_us(self) -> None:
        assert built(made(net()), VECTOR, 2).state_dict().keys() == Net(10, 2).state_dict().keys()

    def test_a_word_where_a_text_is_wanted_is_a_text(self) -> None:
        model = made(net(bend="outputs"))
        assert built(model, VECTOR, 2).bend == "outputs"
        assert built(made(net()), VECTOR, 2).bend == "features"  # its default

    def test_two_spellings_of_one_module_are_one_model(self) -> None:
        spellings = [
            net(),
            net(hidden=8.0, bend="features"),
            {"outputs": "outputs", "hidden": 8, "size": "features", "_target_": f"{HERE}.Net"},
            {"_target_": f"{HERE}.Net", "_args_": ["features", "outputs"]},
        ]
        first, *others = (made(module).values() for module in spellings)
        assert all(values == first for values in others)
        assert first["module"]["_target_"] == f"{HERE}.Net"
        assert made(net(hidden=9)).values() != first

    def test_layers_are_made_in_the_order_of_the_arguments_whatever_the_order_in_the_yaml(self) -> None:
        parts = {
            "encoder": {"_target_": "torch.nn.Linear", "in_features": "features", "out_features": 4},
            "head": {"_target_": "torch.nn.Linear", "in_features": 4, "out_features": "outputs"},
        }
        one, other = (
            {"_target_": f"{HERE}.Both"} | dict(items) for items in itertools.permutations(parts.items())
        )
        first, second = (built(made(module), VECTOR, 2).state_dict() for module in (one, other))
        assert all(torch.equal(first[name], second[name]) for name in first)

    def test_several_inputs_are_given_by_name_and_several_outputs_named(self) -> None:
        tower = {"_target_": f"{HERE}.Tower", "users": "user.vocabulary", "size": "item.features"}
        model = made(tower, gives=["user", "item"])
        module = pickle.loads(pickle.dumps(built(model, PAIR, 3)))
        batch = {"user": torch.arange(5), "item": torch.randn(5, 4)}
        result = module(batch)
        assert list(result) == ["user", "item"]
        torch.testing.assert_close(result["item"], module.item(batch["item"]))
        stacked = torch.vmap(lambda x: torch.func.functional_call(module, {}, (x,)))(
            {name: torch.stack([values] * 2) for name, values in batch.items()}
        )
        assert stacked["user"].shape == (2, 5, 3)

    def test_of_a_lightning_module_the_forward_is_used_and_that_is_said(self) -> None:
        model = made(LIT)
        told = model.remark(built(model, VECTOR, 1))
        assert told is not None
        assert "Lit the forward is used; its training_step and configure_optimizers are not" in told
        assert made(net()).remark(built(made(net()), VECTOR, 1)) is None

    @pytest.mark.parametrize(
        ("module", "sentence"),
        [
            ({}, "name one: set model.module._target_ to package.module.Class"),
            ({"_target_": f"{HERE}.Nat"}, "cannot be made from .*has no attribute 'Nat'"),
            ({"_target_": "no_such_package.Net"}, "no_such_package.*install the package"),
            (net(hiden=3), r"model\.module\.hiden is no argument of .*did you mean 'hidden'"),
            ({"_target_": f"{HERE}.Net"}, r"lacks model\.module\.size and model\.module\.outputs"),
            (net(size="feature"), r"model\.module\.size must be a whole number; got 'feature'"),
            (net(size="vocabulary"), "names vocabulary, which this data does not have; it has features"),
            (net(size="shape.1"), r"names shape\.1"),
            ({"_target_": "math.sqrt", "_args_": [4]}, "gives float, no torch.nn.Module"),
            (net(hidden=-1), "cannot be made from"),
        ],
    )
    def test_a_mistake_is_told_in_one_sentence(self, module: dict[str, Any], sentence: str) -> None:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - Hydra wraps it
            built(made(module), VECTOR, 1)
        error = caught.value if isinstance(caught.value, InputError) else caught.value.__cause__
        assert isinstance(error, InputError)
        assert re.search(sentence, str(error)), error
        assert "\n" not in str(error)

    def test_a_forward_that_asks_for_what_the_data_lacks_is_refused(self) -> None:
        with pytest.raises(
            InputError, match="the forward of Asks takes user, mask, the data gives user, item"
        ):
            built(made({"_target_": f"{HERE}.Asks"}), PAIR, 1)


class Both(nn.Module):
    """Two parts that the YAML makes."""

    def __init__(self, encoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(x))
