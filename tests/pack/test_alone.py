"""A member of a pack equals the run alone, to the bit: stacked, in turns, for every loss and optimizer."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_up_streams import DRAWS as DRAWS_OF_READING
from made_up_streams import streamed
from torch import Tensor, nn

from lossbench.data.cache import DataCache
from lossbench.job import Job
from lossbench.losses.mse import MSE
from lossbench.models.model import Model
from lossbench.pack.checkpoint import Checkpoints
from lossbench.pack.engine import build_modules
from lossbench.pack.fit import fit
from lossbench.pack.plan import plan
from lossbench.task import Inputs, Target

Compose = Callable[..., list[Job]]

DIGITS = "data=mnist_5k model=linear data.train_size=200 data.val_size=50 data.test_size=100"
VALUES = [f"loss={loss}" for loss in ("mse", "mae", "huber", "log_cosh", "mape", "smape")]
QUANTILES = ["loss=quantiles", "loss=quantiles loss.levels=[0.05,0.5,0.95]"]
CLASSES = [f"{DIGITS} loss={loss}" for loss in ("mse", "mae", "huber", "bce", "cce", "z_loss", "hinge", "kl")]
EMBEDDINGS = [f"{DIGITS} loss={loss}" for loss in ("contrastive", "triplet")]


def results(jobs: list[Job], mode: str) -> list[tuple[dict[str, float], dict[str, list[tuple[int, float]]]]]:
    """Final metrics and curves of each member of one pack."""
    fitted = fit([job.member for job in jobs], mode, DataCache())
    assert [result.outcome for result in fitted] == ["finished"] * len(jobs)
    return [(result.metrics, result.history) for result in fitted]


def check_alone(together: list[Job], packed: list[Any], mode: str, every: int = 1) -> None:
    """The members of a pack, or every second or third of them, have their numbers alone too."""
    for job, member in list(zip(together, packed, strict=True))[::every]:
        random.seed(job.member.seed + 7)  # whatever the process has drawn before
        assert results([job], mode) == [member], job.name


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize(
    "pack",
    [VALUES, QUANTILES, CLASSES, EMBEDDINGS],
    ids=["values", "quantiles", "classes", "embeddings"],
)
def test_each_loss_in_a_pack_has_the_numbers_it_has_alone(jobs: Compose, pack: list[str], mode: str) -> None:
    overrides = [f"{loss} seed={number % 2} trainer.max_epochs=2" for number, loss in enumerate(pack)]
    together = jobs(*overrides, small="mnist" not in pack[0])
    packed = results(together, mode)
    check_alone(together, packed, mode)


@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_losses_of_pairs_have_alone_the_numbers_that_they_have_in_company(
    jobs: Compose, mode: str, tmp_path: Path
) -> None:
    """One encoder for both texts; one loss reads a layer on all pairs of a batch, and so trains apart."""
    draw = np.random.default_rng(0)
    words = draw.integers(0, 40, (70, 6))
    other = np.where(draw.random(words.shape) < 0.7, words, draw.permutation(words))
    texts = [[" ".join(f"w{word}" for word in row) for row in side] for side in (words, other)]
    lines = [",".join(pair) for pair in zip(*texts, strict=True)]
    (tmp_path / "pairs.csv").write_text("\n".join(["one,two", *lines]) + "\n")
    data = f"data=pairs data.path={tmp_path}/pairs.csv data.left=one data.right=two data.length=6"
    small = "model=siamese model.embedding_size=5 trainer.max_epochs=1 trainer.batch_size=12"
    losses = ("info_nce", "triplet", "bce")
    together = [
        job
        for number, loss in enumerate(losses)
        for job in jobs(f"{data} {small} loss={loss} seed={number % 2}", small=False)
    ]
    for apart in (together[:2], together[2:]):
        check_alone(apart, results(apart, mode), mode, every=2)


def test_hard_ones_leave_a_pack_the_numbers_that_its_members_have_alone(
    jobs: Compose, tmp_path: Path
) -> None:
    words = np.random.default_rng(0).integers(0, 40, (3, 60, 4))
    lines = [",".join(" ".join(f"w{word}" for word in text) for text in row) for row in words.swapaxes(0, 1)]
    (tmp_path / "triplets.csv").write_text("\n".join(["one,two,wrong", *lines]) + "\n")
    data = f"data=pairs data.path={tmp_path}/triplets.csv data.left=one data.right=two data.length=4"
    small = "model=siamese model.embedding_size=5 trainer.max_epochs=1 trainer.batch_size=12 loss=info_nce"
    given = [f"{data} {small} data.negative=wrong seed={seed}" for seed in (0, 1)]
    together = jobs(*given, small=False)
    packed = results(together, "vmap")
    check_alone(together, packed, "vmap", every=2)
    (plain,) = results(jobs(f"{data} {small} seed=0", small=False), "vmap")
    assert packed[0] != plain


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize(
    "optimizer",
    [
        "optimizer=sgd optimizer.clip=1.0",
        "optimizer=adam optimizer.schedule=cosine",
        "optimizer=adamw optimizer.weight_decay=0.1",
        "optimizer=adagrad optimizer.initial_accumulator=0.01",
    ],
)
def test_each_optimizer_and_rate_in_a_pack_has_the_numbers_it_has_alone(
    jobs: Compose, optimizer: str, mode: str
) -> None:
    knobs = [(lr, delta) for lr in (1e-3, 1e-2) for delta in (0.5, 2)]
    overrides = [f"{optimizer} loss=huber optimizer.lr={lr} loss.delta={delta}" for lr, delta in knobs]
    together = jobs(*overrides)
    packed = results(together, mode)
    check_alone(together, packed, mode, every=3)  # each rate, and each delta


def test_a_stack_that_is_computed_slice_by_slice_has_the_same_numbers(
    jobs: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of slices that hold a part of a group of losses, and parts of two."""
    overrides = [f"model.dropout=0.3 {loss} seed={seed}" for loss in VALUES[:3] for seed in (0, 1, 2)]
    pack = jobs(*overrides, f"{VALUES[0]} optimizer.lr=1e30 model.dropout=0.3")
    whole = fit([job.member for job in pack], "vmap")
    monkeypatch.setattr("lossbench.pack.stacked._AT_ONCE", 2 * 32 * 10 * 4)  # inputs of two members
    monkeypatch.setattr("lossbench.pack.judging.CHUNK", 100)
    assert fit([job.member for job in pack], "vmap") == whole
    assert [result.outcome for result in whole] == [*["finished"] * 9, "diverged"]


def test_dropout_draws_for_each_member_on_its_own(jobs: Compose) -> None:
    together = jobs(*[f"model.dropout=0.3 loss=mse seed={seed}" for seed in (0, 1, 2)])
    packed = results(together, "vmap")
    check_alone(together, packed, "vmap")
    assert results(jobs("loss=mse seed=0"), "vmap")[0] != packed[0]  # it does drop


@pytest.mark.parametrize("loss", ["mse", "huber", "mae"])
def test_stacked_and_in_turns_agree_to_rounding(jobs: Compose, loss: str) -> None:
    """The two modes multiply in different orders, and training amplifies the rounding."""
    one = jobs(f"loss={loss} seed=3 optimizer=sgd optimizer.lr=0.001")
    (stacked, curves), (turns, other_curves) = results(one, "vmap")[0], results(one, "loop")[0]
    assert stacked == pytest.approx(turns, rel=1e-5)
    assert curves.keys() == other_curves.keys()


def test_a_pack_trains_the_same_twice(jobs: Compose) -> None:
    pack = jobs("loss=mse seed=0", "loss=mae seed=1")
    assert results(pack, "vmap") == results(pack, "vmap")


def test_a_fit_leaves_the_global_generator_as_it_was(jobs: Compose) -> None:
    before = torch.random.get_rng_state()
    results(jobs("loss=mse"), "loop")
    assert torch.equal(before, torch.random.get_rng_state())


DRAWS: dict[str, Callable[[Tensor], Tensor]] = {
    "torch": torch.randn_like,
    "dropout": lambda x: nn.functional.dropout(torch.ones_like(x), 0.5, training=True),
    "python": lambda x: torch.full_like(x, random.gauss(0, 1)),
    "numpy": lambda x: torch.full_like(x, np.random.normal()),  # noqa: NPY002 - as users' code does
}


class Noise(nn.Module):
    """Adds noise, in training, in evaluation or in both: an augmentation, or dropout kept on."""

    def __init__(self, source: str, when: str) -> None:
        super().__init__()
        self.draw, self.when = DRAWS[source], when

    def forward(self, x: Tensor) -> Tensor:
        drawing = self.when == "always" or self.training == (self.when == "training")
        return x + 0.1 * self.draw(x) if drawing else x


@dataclass(frozen=True, kw_only=True)
class Noisy(Model):
    """A user's model that draws random numbers in its forward."""

    reads = ("vector", "image")
    source: str = "torch"
    when: str = "always"

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        width = int(np.prod(inputs.shape))
        return nn.Sequential(nn.Flatten(), Noise(self.source, self.when), nn.Linear(width, outputs))


@dataclass(frozen=True, kw_only=True)
class NoisyMSE(MSE):
    """A loss that draws random numbers."""

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return super().__call__(output + 0.1 * torch.randn_like(output), target, kind)


def noisy(jobs: Compose, source: str, when: str, *overrides: str, small: bool = True) -> list[Job]:
    model = Noisy(name="noisy", source=source, when=when)
    return [replace(job, member=replace(job.member, model=model)) for job in jobs(*overrides, small=small)]


@pytest.mark.parametrize(
    ("source", "when"),
    [*((source, "always") for source in DRAWS), ("torch", "training"), ("torch", "evaluation")],
)
def test_a_model_that_draws_has_its_own_numbers_whatever_trains_beside_it(
    jobs: Compose, source: str, when: str
) -> None:
    # One member stops early, so that the others take more steps and evaluations than it would alone.
    knobs = "optimizer=sgd trainer.patience=1 trainer.max_epochs=4"
    overrides = [f"{knobs} loss=mse optimizer.lr=1e-9", f"{knobs} loss=mae", f"{knobs} loss=mae seed=1"]
    together = noisy(jobs, source, when, *overrides)
    for planned in plan(together, 1, 128).packs:
        assert planned.mode == "loop"
        assert "draws random numbers" in planned.because
    packed = results(together, "loop")
    check_alone(together, packed, "loop")


def test_a_model_that_draws_is_judged_alike_where_others_ask_for_class_means(jobs: Compose) -> None:
    """An embedding loss has the whole training split evaluated, for all members."""
    overrides = [f"{DIGITS} trainer.max_epochs=2 loss={loss}" for loss in ("cce", "triplet")]
    jobs_of_two = noisy(jobs, "torch", "always", *overrides, small=False)
    pack = [replace(job.member, model=replace(job.member.model, embedding_size=10)) for job in jobs_of_two]
    assert fit(pack, "loop") == [fit([member], "loop")[0] for member in pack]


def test_a_loss_that_draws_has_its_own_numbers_in_turns(jobs: Compose) -> None:
    members = [replace(job.member, loss=NoisyMSE()) for job in jobs("seed=0", "seed=1", "seed=0")]
    assert fit(members, "loop") == [fit([member], "loop")[0] for member in members]


def test_what_was_drawn_goes_on_after_an_interruption(jobs: Compose, tmp_path: Path) -> None:
    for source in DRAWS:
        pack = [job.member for job in noisy(jobs, source, "always", "trainer.max_epochs=4", "seed=1")]
        checkpoint = Checkpoints(tmp_path).of([source], "loop", gpu=False, every=1)
        whole = fit(pack, "loop")

        def interrupt(members: object) -> None:
            if checkpoint.path.exists():  # noqa: B023 - called in this very round
                raise InterruptedError

        with pytest.raises(InterruptedError):
            fit(pack, "loop", on_epoch=interrupt, checkpoint=checkpoint)
        random.seed(1)
        assert fit(pack, "loop", checkpoint=checkpoint) == whole


class Unused(nn.Module):
    """A user's module, with weights that its forward does not use."""

    def __init__(self, size: int, outputs: int) -> None:
        super().__init__()
        self.used, self.unused = nn.Linear(size, outputs), nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.used(x)


def partly_frozen(size: int, outputs: int) -> nn.Module:
    """A user's module, of which one layer is not trained."""
    net = nn.Sequential(nn.Linear(size, 4), nn.Linear(4, outputs))
    net[0].requires_grad_(False)
    return net


FOREIGN = {
    "unused": (f"model.module._target_={__name__}.Unused +model.module.size=features", "its members stack"),
    "frozen": (f"model.module._target_={__name__}.partly_frozen +model.module.size=features", "not trained"),
    "norm": (
        "model.module._target_=torch.nn.Sequential +model.module._args_="
        "[{_target_:torch.nn.LazyLinear,out_features:4},{_target_:torch.nn.BatchNorm1d,num_features:4},"
        "{_target_:torch.nn.Linear,in_features:4,out_features:outputs}]",
        "batch statistics of 1",
    ),
}


@pytest.mark.parametrize(("module", "because"), FOREIGN.values(), ids=FOREIGN)
def test_a_module_of_others_has_the_numbers_it_has_alone(jobs: Compose, module: str, because: str) -> None:
    outputs = "" if "_args_" in module else "+model.module.outputs=outputs"
    words = f"model=module {module} {outputs} loss="
    together = jobs(*[f"{words}{loss} seed={seed}" for loss in ("mse", "huber") for seed in (0, 1)])
    pack = plan(together, 1, 128).packs[0]
    assert because in pack.because
    packed = results(together, pack.mode)
    check_alone(together, packed, pack.mode)


def test_a_layer_that_is_not_trained_stays_as_it_is(jobs: Compose) -> None:
    module = FOREIGN["frozen"][0]
    (job,) = jobs(f"model=module {module} +model.module.outputs=outputs loss=mse")
    data = DataCache().load(job.member.source, 0, "vector").description.inputs
    (before,) = build_modules([job.member], data)
    (result,) = fit([job.member], "loop", keep_models=True)
    assert result.model is not None
    after = torch.load(io.BytesIO(result.model), weights_only=True)
    assert torch.equal(after["0.weight"], before.state_dict()["0.weight"])
    assert not torch.equal(after["1.weight"], before.state_dict()["1.weight"])


@pytest.mark.parametrize("channels", ["[3,5]", "[1]", "[16]"])
def test_stacked_convolutions_have_the_numbers_they_have_alone(jobs: Compose, channels: str) -> None:
    small = "trainer.batch_size=12 trainer.max_epochs=1 trainer.accelerator=cpu"
    model = f"model=cnn model.channels={channels} model.hidden=8 {small}"
    overrides = [f"{DIGITS} {model} loss={loss} seed={seed}" for loss in ("cce", "mse") for seed in (0, 1)]
    together = jobs(*overrides, overrides[0].replace("seed=0", "seed=2"), small=False)
    assert {pack.mode for pack in plan(together, 1, 128).packs} == {"vmap"}
    check_alone(together, results(together, "vmap"), "vmap", every=2)


RECURRENT: dict[str, tuple[type[nn.RNNBase], dict[str, Any]]] = {
    "GRU": (nn.GRU, {}),
    "GRU, both ways": (nn.GRU, {"num_layers": 2, "bidirectional": True}),
    "LSTM": (nn.LSTM, {}),
    "LSTM, two layers": (nn.LSTM, {"num_layers": 2}),
    "RNN": (nn.RNN, {}),
    "RNN, relu": (nn.RNN, {"nonlinearity": "relu", "bidirectional": True}),
    "GRU with dropout": (nn.GRU, {"num_layers": 2, "dropout": 0.5}),
}


class Reader(nn.Module):
    """Reads a vector number by number."""

    def __init__(self, layer: str, outputs: int) -> None:
        super().__init__()
        kind, options = RECURRENT[layer]
        self.rnn = kind(1, 4, batch_first=True, **options)
        self.last = nn.LazyLinear(outputs)
        self(torch.zeros(1, 2))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.last(self.rnn(x.unsqueeze(-1))[0][:, -1])
        return found


@dataclass(frozen=True, kw_only=True)
class Recurrent(Model):
    """A user's model with a layer of torch that remembers."""

    reads = ("vector",)
    layer: str = "GRU"

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        return Reader(self.layer, outputs)


@pytest.mark.parametrize("layer", RECURRENT)
def test_recurrent_layers_have_the_numbers_they_have_alone(
    jobs: Compose, layer: str, recwarn: pytest.WarningsRecorder
) -> None:
    model = Recurrent(name="recurrent", layer=layer)
    overrides = [f"trainer.batch_size=40 {own}" for own in ("loss=mse", "loss=mae", "loss=mse seed=1")]
    together = [replace(job, member=replace(job.member, model=model)) for job in jobs(*overrides)]
    pack = plan(together, 1, 128).packs[0]
    draws = layer == "GRU with dropout"
    assert pack.mode == ("loop" if draws else "vmap")
    assert ("draws random numbers" in pack.because) == draws
    packed = results(together, pack.mode)
    check_alone(together, packed, pack.mode)
    assert not [warning for warning in recwarn if "performance drop" in str(warning.message)]


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize("draws", list(DRAWS_OF_READING))
def test_what_is_read_batch_by_batch_has_the_numbers_it_has_alone(
    jobs: Compose, draws: str, mode: str, tmp_path: Path
) -> None:
    """Also where reading draws random numbers, and after an interruption."""
    held = jobs(*[f"loss={loss} seed={seed}" for loss in ("mse", "mae") for seed in (0, 1)])
    together = [streamed(job, draws) for job in held]
    packed = results(together, mode)
    if draws != "nothing":
        assert packed[0] != results([streamed(held[0])], mode)[0]  # it does draw
    check_alone(together, packed, mode)
    checkpoint = Checkpoints(tmp_path).of(["streamed"], mode, gpu=False, every=1)

    def interrupt(members: object) -> None:
        if checkpoint.path.exists():
            raise InterruptedError

    pack = [job.member for job in together]
    with pytest.raises(InterruptedError):
        fit(pack, mode, on_epoch=interrupt, checkpoint=checkpoint)
    resumed = fit(pack, mode, checkpoint=checkpoint)
    assert [(result.metrics, result.history) for result in resumed] == packed
