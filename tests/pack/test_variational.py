"""Variational autoencoders in a pack: what each draws, and their numbers alone, in company and resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lossbench.data.cache import DataCache
from lossbench.errors import InputError
from lossbench.job import Job
from lossbench.pack.checkpoint import Checkpoints
from lossbench.pack.engine import build_modules
from lossbench.pack.fate import MemberResult
from lossbench.pack.fit import fit
from lossbench.pack.noise import drawn, in_evaluation
from lossbench.pack.plan import plan
from lossbench.task import Inputs

Compose = Callable[..., list[Job]]

PIXELS = (
    "data=mnist_5k data.task=pixels data.binarize={how} data.size=7 data.train_size=60 data.val_size=20 "
    "data.test_size=20 model=vae model.latent=3 model.hidden=[16] model.channels=[4] model.draws=12 "
    "trainer.max_epochs=3 trainer.batch_size=32"
)
STATIC, DYNAMIC, GREY = (PIXELS.format(how=how) for how in ("static", "dynamic", "none"))
MEASURED = {"nll_iw", "neg_elbo", "rate", "distortion", "active_units", "probe_accuracy"}


def fitted(jobs: list[Job], mode: str) -> list[MemberResult]:
    found = fit([job.member for job in jobs], mode, DataCache())
    assert [result.outcome for result in found] == ["finished"] * len(jobs)
    return found


def bits(result: MemberResult) -> tuple[object, ...]:
    arrays = {name: array.tobytes() for name, array in result.predictions.items()}
    return (result.outcome, result.history, result.metrics, arrays)


def module_of(job: Job) -> torch.nn.Module:
    (module,) = build_modules([job.member], Inputs("image", (1, 7, 7)))
    return module


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize("encoder", ["mlp", "cnn"])
def test_a_member_has_the_numbers_in_company_that_it_has_alone(
    jobs: Compose, encoder: str, mode: str
) -> None:
    losses = ("elbo", "elbo_free_bits seed=1", "elbo_warm_up", "pixel_mean seed=1")
    together = jobs(*[f"{DYNAMIC} model.encoder={encoder} loss={loss}" for loss in losses], small=False)
    (planned,) = plan(together, 1, 128).packs
    assert planned.mode == "vmap", planned.because
    packed = fitted(together, mode)
    for job, member in list(zip(together, packed, strict=True))[1:3]:
        assert bits(fitted([job], mode)[0]) == bits(member), job.name
    for member in packed:
        assert {f"test/{name}" for name in MEASURED} <= member.metrics.keys()
        assert member.metrics["test/rate"] >= 0
        assert member.metrics["test/nll_iw"] <= member.metrics["test/neg_elbo"] + 0.1


@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_an_interrupted_pack_goes_on_to_the_bit(jobs: Compose, tmp_path: Path, mode: str) -> None:
    """A rate that warms up knows where it was; a rerun has the same numbers."""
    members = [job.member for job in jobs(*[f"{DYNAMIC} loss=elbo_warm_up seed={s}" for s in (0, 1)])]
    whole = fit(members, mode)
    checkpoint = Checkpoints(tmp_path).of(["k"], mode, gpu=False, every=1)

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(members, mode, on_epoch=interrupt, checkpoint=checkpoint)
    resumed: list[object] = []
    again = fit(members, mode, on_epoch=resumed.append, checkpoint=checkpoint)
    assert len(resumed) == 2
    assert [bits(one) for one in again] == [bits(one) for one in whole]


def test_losses_that_ask_for_other_codes_train_apart_and_their_evaluations_agree(jobs: Compose) -> None:
    one, five = jobs(f"{STATIC} loss=elbo", f"{STATIC} loss=iwae", small=False)
    assert len(plan([one, five], 1, 128).packs) == 2
    inputs = Inputs("image", (1, 7, 7))
    wanted = [job.member.model.noise(inputs) for job in (one, five)]
    assert [noise["code"].shape for noise in wanted] == [(1, 3), (5, 3)]
    first, second = (drawn(in_evaluation(noise), [0], 4, "test", 0)["code"] for noise in wanted)
    assert first.shape == (1, 4, 12, 3)
    assert torch.equal(first, second)
    assert one.knobs["model"] == five.knobs["model"]  # as the config says


@pytest.mark.parametrize("likelihood", ["continuous_bernoulli", "gaussian"])
def test_grey_images_train_by_their_density(jobs: Compose, likelihood: str) -> None:
    found = fitted(jobs(f"{GREY} loss=iwae loss.likelihood={likelihood}", small=False), "vmap")
    curve = [value for _, value in found[0].history["val/nll_iw"]]
    assert curve[-1] < curve[0]


def test_the_bound_of_an_evaluation_is_that_of_its_parts(jobs: Compose) -> None:
    """Of one code the weight is the joint density over that of the guess, computed here by torch."""
    (job,) = jobs(f"{STATIC} loss=elbo", small=False)
    module, images = module_of(job), (torch.rand(5, 1, 7, 7) < 0.3).float()
    noise = {"code": torch.randn(5, 12, 3)}
    found, trained = module.eval()(images, noise), module.train()(images, noise)
    q = torch.distributions.Normal(
        trained["mean"].unsqueeze(1), (trained["log_variance"] / 2).exp().unsqueeze(1)
    )
    prior = torch.distributions.Normal(0.0, 1.0)
    likely = torch.distributions.Bernoulli(logits=trained["logits"]).log_prob(images.flatten(1).unsqueeze(1))
    joint = likely.sum(-1) + prior.log_prob(trained["code"]).sum(-1)
    torch.testing.assert_close(
        found["log_weights"], joint - q.log_prob(trained["code"]).sum(-1), rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(found["distortion"], -likely.sum(-1).mean(1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [7, 14, 28])
def test_convolutions_and_their_mirror_image_have_the_size_of_the_image(jobs: Compose, size: int) -> None:
    line = f"{STATIC} loss=elbo model.encoder=cnn model.channels=[4,8] data.size={size}"
    (job,) = jobs(line, small=False)
    (module,) = build_modules([job.member], Inputs("image", (1, size, size)))
    images = (torch.rand(3, 1, size, size) < 0.3).float()
    assert module(images, {"code": torch.randn(3, 2, 3)})["logits"].shape == (3, 2, size**2)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"{STATIC} loss=elbo", "model=mlp gives one tensor without a name; models that give them: vae"),
        ("data=mnist_5k loss=elbo", r"this one trains on pixels, with data\.task=pixels"),
        (f"{STATIC} loss=cce", "loss=cce gives no nll_iw"),
        ("data=mnist_5k model=vae loss=cce", "it trains with loss=elbo, iwae or pixel_mean"),
        (f"{GREY} loss=elbo", r"has likelihood=bernoulli, .* data\.binarize=static or dynamic"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_trains(jobs: Compose, line: str, words: str) -> None:
    if "model=vae loss=cce" not in line and "has likelihood" not in words:
        line = " ".join(word for word in line.split() if not word.startswith("model")) + " model=mlp"
    with pytest.raises(InputError, match=words):
        plan(jobs(line, small=False), 1, 128)
