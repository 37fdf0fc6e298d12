"""Networks of torchvision: their last layer, their weights, and what is computed once of a frozen one."""

from __future__ import annotations

import logging
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from lossbench.data.cache import DataCache
from lossbench.data.images import Images
from lossbench.data.source import DataSet
from lossbench.errors import InputError
from lossbench.job import jobs_from
from lossbench.models.backbone import Backbone
from lossbench.pack.fit import fit
from lossbench.task import Inputs

COLOUR = Inputs("image", (3, 32, 48))
GRAY = Inputs("image", (1, 32, 32))
SMALL = "shufflenet_v2_x0_5"  # 1.4 million weights


def torchvisions(name: str = SMALL) -> Any:
    """A network as torchvision makes it, with random weights."""
    from torchvision import models  # once lossbench has mended it

    return models.get_model(name, weights=None)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bright and a dark class, 40 images each."""
    folder, generator = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for name, low in (("bright", 120), ("dark", 0)):
        (folder / name).mkdir()
        for number in range(40):
            pixels = generator.integers(low, low + 130, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as torchvision's own are."""
    torch.manual_seed(7)
    place = tmp_path_factory.mktemp("weights") / "weights.pt"
    torch.save(torchvisions().state_dict(), place)
    return place


def backbone(**knobs: Any) -> Backbone:
    return Backbone(name="backbone", **({"architecture": SMALL} | knobs))


def built(model: Backbone, inputs: Inputs, outputs: int, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return model.build(inputs, outputs)


@pytest.mark.parametrize("architecture", [SMALL, "resnet18", "squeezenet1_1", "mobilenet_v3_small"])
def test_the_last_layer_has_the_outputs_of_the_loss_and_is_drawn_last(architecture: str) -> None:
    model = backbone(architecture=architecture)
    two, seven = (built(model, COLOUR, outputs) for outputs in (2, 7))
    assert two.eval()(torch.randn(3, *COLOUR.shape)).shape == (3, 2)
    pairs = list(zip(two.named_parameters(), seven.parameters(), strict=True))
    differing = [name for (name, one), other in pairs if one.shape != other.shape]
    assert len(differing) == 2  # weight and bias of the last layer
    for (name, one), other in pairs:
        assert name in differing or torch.equal(one, other), name


def test_the_last_layer_is_found_in_every_family() -> None:
    from lossbench.models.backbone import _last_layer

    for name in (
        "alexnet",
        "densenet121",
        "efficientnet_b0",
        "convnext_tiny",
        "swin_t",
        "vit_b_16",
        "maxvit_t",
    ):
        with torch.device("meta"):
            network = torchvisions(name)
        place, layer = _last_layer(network)
        assert layer is [part for part in network.modules() if isinstance(part, nn.Linear)][-1], name
        assert network.get_submodule(place) is layer


def test_a_gray_image_is_read_as_the_same_image_in_colour() -> None:
    model = backbone()
    gray, colour = (built(model, Inputs("image", (channels, 32, 32)), 3).eval() for channels in (1, 3))
    pixels = torch.rand(2, 1, 32, 32)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    wide = (pixels - mean.view(-1, 1, 1)) / deviation.view(-1, 1, 1)
    torch.testing.assert_close(gray((pixels - 0.449) / 0.226), colour(wide), rtol=1e-4, atol=1e-5)


def test_weights_of_a_file_are_those_of_torchvision(weights: Path) -> None:
    own = built(backbone(weights=str(weights)), COLOUR, 3)
    state = torch.load(weights, weights_only=True)
    for name, value in own.get_submodule("net").state_dict().items():
        assert name.startswith("fc.") or torch.equal(value, state[name]), name
    kept = weights.with_name("kept.pt")
    torch.save(own.state_dict(), kept)  # as tracking.models does
    again = built(backbone(weights=str(kept)), COLOUR, 5)
    assert torch.equal(again.get_submodule("net.conv1.0").weight, state["conv1.0.weight"])


def test_a_batch_of_one_trains_without_batch_statistics() -> None:
    module = built(backbone(architecture="resnet18"), GRAY, 2).train()
    before = module.get_buffer("net.bn1.running_mean").clone()
    module(torch.randn(1, *GRAY.shape)).sum().backward()
    assert torch.equal(module.get_buffer("net.bn1.running_mean"), before)
    assert module.get_submodule("net.bn1").training
    module(torch.randn(2, *GRAY.shape))
    assert not torch.equal(module.get_buffer("net.bn1.running_mean"), before)


REFUSED = [
    (
        {"architecture": "resnet19"},
        COLOUR,
        "resnet19 is unknown (did you mean 'resnet18'?",
    ),
    ({"architecture": "vit_b_16"}, Inputs("image", (3, 30, 30)), "cannot read images of 30 x 30 pixels"),
    ({}, Inputs("image", (4, 32, 32)), "reads images of 1 or 3 channels and got 4"),
    ({"weights": "IMAGENET"}, COLOUR, "model.weights=IMAGENET is no name of weights of shufflenet_v2_x0_5"),
    ({"weights": "nowhere.pt"}, COLOUR, "model.weights=nowhere.pt cannot be read"),
]


@pytest.mark.parametrize(("knobs", "inputs", "words"), REFUSED)
def test_what_cannot_be_made_is_told(knobs: dict[str, Any], inputs: Inputs, words: str) -> None:
    with pytest.raises(InputError) as caught:
        backbone(**knobs).build(inputs, 2)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_frozen_weights_are_named() -> None:
    with pytest.raises(InputError, match=r"model\.weights=null draws them"):
        backbone(frozen=True)


def test_weights_of_another_architecture_are_told(weights: Path) -> None:
    with pytest.raises(InputError, match=r"holds no weights of resnet18: it lacks conv1\.weight, "):
        backbone(architecture="resnet18", weights=str(weights)).build(COLOUR, 2)


def test_a_download_that_fails_is_told_with_what_to_put_where(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    with pytest.raises(InputError, match=r"could not be downloaded \(.*no network.*\): put https.*\.pth in"):
        backbone(weights="DEFAULT").build(COLOUR, 2)


def test_frozen_features_are_those_of_evaluation_and_computed_once(
    photos: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Images(name="images", path=str(photos))
    model, cache = backbone(weights=str(weights), frozen=True), DataCache()
    one, other = (cache.load(source, seed, "image", model.preparing) for seed in (0, 1))
    assert isinstance(one, DataSet)
    assert isinstance(other, DataSet)
    assert one.inputs is other.inputs
    assert one.description.inputs == Inputs("vector", (1024,))
    plain = source.load(0, "image")
    assert isinstance(plain, DataSet)
    network = torchvisions()
    network.load_state_dict(torch.load(weights, weights_only=True))
    network.fc = nn.Identity()
    with torch.no_grad():
        wanted = network.eval()(plain.read(plain.inputs[70:]))
    torch.testing.assert_close(one.inputs[70:], wanted, rtol=1e-4, atol=1e-5)
    assert torch.equal(one.train.rows, plain.train.rows)

    def none(*_: Any) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("lossbench.models.backbone._features", none)
    from lossbench.data.features import _vectors

    _vectors.cache_clear()  # as in a new process
    again = DataCache().load(source, 0, "image", model.preparing)
    assert isinstance(again, DataSet)
    assert torch.equal(again.inputs, one.inputs)
    _vectors.cache_clear()
    with pytest.raises(AssertionError, match="computed again"):
        DataCache().load(Images(name="images", path=str(photos), size=24), 0, "image", model.preparing)
    head = model.build(one.description.inputs, 3)
    assert [tuple(weight.shape) for weight in head.parameters()] == [(3, 1024), (3,)]


def test_frozen_reads_what_is_streamed_from_a_file(photos: Path, weights: Path) -> None:
    model = backbone(weights=str(weights), frozen=True)
    held, streamed = (
        DataCache().load(Images(name="images", path=str(photos), stream=stream), 0, "image", model.preparing)
        for stream in (False, True)
    )
    assert isinstance(held, DataSet)
    assert isinstance(streamed, DataSet)
    assert torch.equal(held.inputs, streamed.inputs)


def test_frozen_refuses_images_that_change(photos: Path, weights: Path) -> None:
    model = backbone(weights=str(weights), frozen=True)
    source = Images(name="images", path=str(photos), flip=True)
    with pytest.raises(InputError, match=r"turn that off \(data\.flip=false"):
        DataCache().load(source, 0, "image", model.preparing)


Composed = Callable[..., Any]
SHORT = ["loss=bce", "trainer.max_epochs=2", "trainer.batch_size=16", "trainer.accelerator=cpu"]


def results(composed: Composed, *overrides: str, mode: str, seeds: tuple[int, ...] = (0,)) -> list[Any]:
    jobs = jobs_from([composed(*SHORT, *overrides, f"seed={seed}") for seed in seeds])
    return fit([job.member for job in jobs], mode)


def test_batch_norm_in_turns_is_what_it_is_alone(composed: Composed, photos: Path) -> None:
    what = ("data=images", f"data.path={photos}", "model=backbone", f"model.architecture={SMALL}")
    both = results(composed, *what, mode="loop", seeds=(0, 1))
    for seed, together in enumerate(both):
        (alone,) = results(composed, *what, mode="loop", seeds=(seed,))
        assert together.outcome == alone.outcome == "finished"
        assert together.metrics == alone.metrics


def test_batch_norm_is_trained_in_turns_and_a_frozen_head_in_a_stack(
    composed: Composed, photos: Path, weights: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from lossbench.pack.plan import plan

    caplog.set_level(logging.INFO)
    what = ("data=images", f"data.path={photos}", "model=backbone", f"model.architecture={SMALL}")
    frozen = (f"model.weights={weights}", "model.frozen=true")
    whole, stacked = (
        plan(jobs_from([composed(*SHORT, *what, *more)]), 1, max_members=8).packs[0] for more in ((), frozen)
    )
    assert whole.mode == "loop"
    assert "the batch statistics of net.conv1.1 (BatchNorm2d) do not stack" in whole.because
    assert stacked.mode == "vmap"
    (found,) = results(composed, *what, *frozen, "optimizer.lr=0.01", mode="vmap")
    assert found.outcome == "finished"


def test_the_content_of_weights_is_part_of_a_run(composed: Composed, photos: Path, weights: Path) -> None:
    def key(place: Path) -> str:
        what = ("data=images", f"data.path={photos}", "model=backbone", f"model.architecture={SMALL}")
        return jobs_from([composed(*SHORT, *what, f"model.weights={place}")])[0].key

    moved = weights.with_name("moved.pt")
    moved.write_bytes(weights.read_bytes())
    assert key(moved) == key(weights)
    state: dict[str, Tensor] = torch.load(weights, weights_only=True)
    torch.save({**state, "conv1.0.weight": state["conv1.0.weight"] + 1}, moved)
    assert key(moved) != key(weights)
