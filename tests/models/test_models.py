"""What every shipped model keeps: shapes, seeds, and that members of a stack are what they are alone."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch.func import functional_call

import lossbench.models
from lossbench.errors import InputError
from lossbench.models.cnn import CNN
from lossbench.models.linear import Linear
from lossbench.models.mlp import MLP
from lossbench.models.model import Model
from lossbench.models.nlinear import NLinear
from lossbench.models.rnn import RNN
from lossbench.models.text import Text
from lossbench.models.transformer import Transformer
from lossbench.models.unet import UNet
from lossbench.pack.recurrence import decomposed
from lossbench.task import Inputs, OwnPast

VECTOR = Inputs("vector", (10,))
DIGIT = Inputs("image", (1, 28, 28))
FACE = Inputs("image", (1, 56, 46))
COLOURS = Inputs("image", (3, 19, 50))
TOKENS = Inputs("tokens", (12,), vocabulary=50)
TFIDF = Inputs("tfidf", (9, 2), vocabulary=40)
SERIES = Inputs("series", (7, 3))
CHANGES = Inputs("series", (7, 3), past=OwnPast((2.0,), (0.5,)))
NEXT = Inputs("causal_tokens", (12,), vocabulary=50)
CONF = Path(__file__).parents[2] / "conf" / "model"

CASES = [
    pytest.param(model, inputs, id=f"{model.name}-{inputs.kind}{inputs.shape[-2:]}")
    for model, kinds in [
        (Linear(name="linear"), (VECTOR, DIGIT, TFIDF)),
        (MLP(name="mlp"), (VECTOR, DIGIT, TFIDF)),
        (MLP(name="mlp-dropout", hidden=(32,), dropout=0.3), (VECTOR, TFIDF)),
        (CNN(name="cnn"), (DIGIT, FACE, COLOURS)),
        (CNN(name="cnn-dropout", dropout=0.3), (DIGIT,)),
        (UNet(name="unet"), (DIGIT, COLOURS)),
        (UNet(name="unet-flat", channels=(5,)), (DIGIT,)),
        (Text(name="text"), (TOKENS,)),
        (Text(name="text-dropout", dropout=0.3), (TOKENS,)),
        (NLinear(name="nlinear"), (CHANGES,)),
        (Transformer(name="transformer", width=8), (NEXT,)),
        (Transformer(name="transformer-dropout", width=8, dropout=0.3), (NEXT,)),
        (RNN(name="rnn", hidden=9), (SERIES, TOKENS, NEXT)),
        (RNN(name="rnn-dropout", cell="rnn", layers=2, dropout=0.3), (SERIES, NEXT)),
    ]
    for inputs in kinds
]


def examples(inputs: Inputs, count: int, seed: int = 0) -> Tensor:
    """Random examples as `Inputs` describes them, the text ones with padding at the end."""
    generator = torch.Generator().manual_seed(seed)
    if inputs.kind in ("vector", "image", "series"):
        return torch.randn(count, *inputs.shape, generator=generator)
    length = inputs.shape[0]
    ids = torch.randint(1, inputs.vocabulary, (count, length), generator=generator)
    present = torch.arange(length) < torch.randint(1, length + 1, (count, 1), generator=generator)
    if inputs.kind.endswith("tokens"):
        return ids * present
    weights = torch.rand(count, length, generator=generator)
    return torch.stack([ids * present, weights * present], dim=-1)


def built(model: Model, inputs: Inputs, outputs: int, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return model.build(inputs, outputs)


@pytest.mark.parametrize(("model", "inputs"), CASES)
def test_a_model_gives_the_outputs_that_the_loss_asks_for(model: Model, inputs: Inputs) -> None:
    assert inputs.kind in model.reads
    for outputs in (1, 7):
        result = built(model, inputs, outputs, 0)(examples(inputs, 5))
        steps = inputs.shape[1:] if inputs.kind == "image" else inputs.shape
        places = steps if model.at_places(inputs.kind) else ()
        assert result.shape == (5, *places, outputs)
        assert result.dtype == torch.float32


@pytest.mark.parametrize(("model", "inputs"), CASES)
def test_two_builds_of_one_seed_differ_in_the_last_layer_alone(model: Model, inputs: Inputs) -> None:
    small = dict(built(model, inputs, 1, 3).named_parameters())
    large = dict(built(model, inputs, 6, 3).named_parameters())
    assert small.keys() == large.keys()
    differing = [name for name in small if small[name].shape != large[name].shape]
    assert len(differing) == 2  # the weight and bias of one layer
    for name in small.keys() - set(differing):
        assert torch.equal(small[name], large[name])


@pytest.mark.parametrize(("model", "inputs"), CASES)
def test_a_member_of_a_stack_is_the_member_alone(model: Model, inputs: Inputs) -> None:
    """Outputs and gradients to 1e-5, in training mode: masks of dropout are each member's own."""
    members = [built(model, inputs, 3, seed) for seed in range(3)]
    for number, member in enumerate(members):
        for name, buffer in member.named_buffers():
            if buffer.dtype == torch.int64:  # a key of dropout
                buffer.fill_(2**40 * number + len(name))
    batches = torch.stack([examples(inputs, 4, seed) for seed in range(3)])
    parameters, buffers = torch.func.stack_module_state(members)
    skeleton = copy.deepcopy(members[0]).to("meta").train()

    def one(weights: dict[str, Tensor], state: dict[str, Tensor], batch: Tensor) -> Tensor:
        return functional_call(skeleton, (weights, state), (batch,))

    with decomposed(skeleton):
        stacked = torch.vmap(one)(parameters, buffers, batches)
    gradients = torch.autograd.grad(stacked.square().sum(), list(parameters.values()))
    for number, member in enumerate(members):
        alone = member.train()(batches[number])
        torch.testing.assert_close(stacked[number], alone, rtol=1e-5, atol=1e-6)
        own = torch.autograd.grad(alone.square().sum(), list(member.parameters()))
        for together, mine in zip(gradients, own, strict=True):
            torch.testing.assert_close(together[number], mine, rtol=1e-5, atol=1e-5 * float(mine.abs().max()))


@pytest.mark.parametrize(("model", "inputs"), CASES)
def test_every_operation_has_a_batching_rule(
    model: Model, inputs: Inputs, recwarn: pytest.WarningsRecorder
) -> None:
    """torch warns of a slow fallback, a loop over members, where one is missing."""
    members = [built(model, inputs, 2, seed) for seed in range(2)]
    parameters, buffers = torch.func.stack_module_state(members)
    batches = torch.stack([examples(inputs, 3, seed) for seed in range(2)])
    with decomposed(members[0]):
        stacked = torch.vmap(lambda p, b, x: functional_call(members[0], (p, b), (x,)))(
            parameters, buffers, batches
        )
    stacked.sum().backward()
    assert not [warning for warning in recwarn if "performance drop" in str(warning.message)]


# module.yaml names no module, so nothing can be made of it; see test_module.
@pytest.mark.parametrize(
    "path", [*sorted(CONF.glob("[!m]*.yaml")), CONF / "mlp.yaml"], ids=lambda path: path.stem
)
def test_a_yaml_names_every_knob_with_its_default(path: Path) -> None:
    config = OmegaConf.load(path)
    model = instantiate(config, _convert_="all")
    assert isinstance(model, Model)
    assert model.name == path.stem
    usual = type(model)(name="any")
    values = {field.name: getattr(usual, field.name) for field in dataclasses.fields(usual) if field.init}
    knobs = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    node = OmegaConf.to_container(config)
    written = {name: value for name, value in node.items() if name not in ("_target_", "_recursive_")}
    assert written == knobs | {"name": path.stem}


def test_the_four_models_are_shipped() -> None:
    assert {path.stem for path in CONF.glob("*.yaml")} >= {
        "linear",
        "mlp",
        "cnn",
        "text",
        "rnn",
        "nlinear",
        "transformer",
        "unet",
    }


@pytest.mark.parametrize(
    ("kind", "knobs"),
    [
        (MLP, {"dropout": 1.0}),
        (MLP, {"hidden": [64, 0]}),
        (MLP, {"hidden": 64}),
        (CNN, {"channels": [0]}),
        (UNet, {"channels": [8, 0]}),
        (Text, {"word_size": 0}),
        (RNN, {"cell": "transformer"}),
        (RNN, {"hidden": 0}),
        (RNN, {"layers": 0}),
        (Transformer, {"heads": 0}),
        (Transformer, {"width": 30, "heads": 4}),
        (Linear, {"embedding_size": 0}),
    ],
)
def test_a_knob_out_of_range_is_refused(kind: type[Model], knobs: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(knobs))):
        kind(name="x", **knobs)


def test_an_image_too_small_to_pool_is_refused_with_a_remedy() -> None:
    with pytest.raises(InputError, match=r"4x4 or more and got 3x8; shorten model\.channels"):
        CNN(name="cnn").build(Inputs("image", (1, 3, 8)), 2)
    with pytest.raises(InputError, match=r"at 3 sizes needs images of 4x4 or more and got 3x8; shorten"):
        UNet(name="unet").build(Inputs("image", (1, 3, 8)), 2)


def test_each_pixel_of_a_unet_sees_its_neighbours_and_knows_where_they_are() -> None:
    """A pixel changes what lies within its reach alone; an image that is moved moves what is said of it."""
    module = built(UNet(name="unet"), Inputs("image", (1, 64, 64)), 1, 0)
    image = examples(Inputs("image", (1, 64, 64)), 1)
    other = image.clone()
    other[0, 0, 20, 40] += 5
    with torch.no_grad():
        changed = (module(image) - module(other)).abs()[0, ..., 0] > 0
        moved = module(image.roll((4, 8), (-2, -1)))
    rows, columns = changed.nonzero().unbind(-1)
    assert changed[20, 40]
    assert (rows - 20).abs().max() <= 24
    assert (columns - 40).abs().max() <= 24
    middle = slice(28, 36)
    torch.testing.assert_close(moved[:, 32:40, 36:44], module(image)[:, middle, middle])


def test_models_are_declared_without_importing_torch() -> None:
    """A refused config answers in half a second; torch alone takes two."""
    import subprocess
    import sys

    modules = [p.stem for p in Path(lossbench.models.__path__[0]).glob("*.py")]
    names = (
        "linear",
        "mlp",
        "cnn",
        "text",
        "rnn",
        "nlinear",
        "transformer",
        "unet",
        "model",
        "module",
        "backbone",
    )
    light = [f"lossbench.models.{m}" for m in modules if m in names]
    code = f"import {', '.join(light)}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_cnn_says_how_large_images_take_fewer_weights() -> None:
    model = CNN(name="cnn")
    assert model.remark(model.build(FACE, 2)) is None
    said = model.remark(model.build(Inputs("image", (3, 160, 160)), 2))
    assert said is not None
    assert said.startswith("model=cnn: its hidden layer has 3.3 million weights")
    assert said.endswith("model.channels=[16,32,64,128]")
