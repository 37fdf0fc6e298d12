"""Losses of variational autoencoders against closed forms, against each other, and what they refuse."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence

from lossbench.errors import InputError
from lossbench.losses.elbo import ELBO, rate
from lossbench.losses.iwae import IWAE
from lossbench.losses.pixel_mean import PixelMean
from lossbench.losses.variational import VariationalLoss
from lossbench.task import PROGRESS, Target

IMAGES, LATENT, PIXELS = 40, 3, 6
KIND = Target("pixels", PIXELS, support=(0.0, 1.0))
GREY = Target("pixels", PIXELS)


def told(k: int, *, listening: float = 1.0) -> tuple[dict[str, Tensor], Tensor]:
    """Outputs of a decoder that listens to its code so much, and pixels."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    mean, log_variance = normal(IMAGES, LATENT), normal(IMAGES, LATENT) / 2
    code = mean.unsqueeze(1) + (log_variance / 2).exp().unsqueeze(1) * normal(IMAGES, k, LATENT)
    logits = normal(PIXELS) + listening * code @ normal(LATENT, PIXELS)
    pixels = 255 * (normal(IMAGES, PIXELS) > 0).to(torch.uint8)
    return {"mean": mean, "log_variance": log_variance, "code": code, "logits": logits}, pixels


def value(loss: VariationalLoss, output: dict[str, Tensor], pixels: Tensor, progress: float = 0) -> Tensor:
    beside = {"pixels": pixels, PROGRESS: torch.tensor(progress)}
    return loss(output, beside if loss.also else pixels, KIND)


def test_elbo_is_distortion_and_beta_times_the_rate() -> None:
    output, pixels = told(4)
    expected = (
        -Bernoulli(logits=output["logits"]).log_prob(pixels.double().unsqueeze(1) / 255).sum(-1).mean(-1)
    )
    q = Normal(output["mean"], (output["log_variance"] / 2).exp())
    nats = kl_divergence(q, Normal(0.0, 1.0)).sum(-1)
    for beta in (0.0, 1.0, 2.5):
        torch.testing.assert_close(value(ELBO(beta=beta, k=4), output, pixels), expected + beta * nats)
    torch.testing.assert_close(PIXELS * value(PixelMean(k=4), output, pixels), expected + PIXELS * nats)


def test_the_rate_warms_up_with_the_share_of_training() -> None:
    output, pixels = told(1)
    bare, whole = (value(ELBO(beta=beta), output, pixels) for beta in (0.0, 2.0))
    warming = ELBO(beta=2.0, warm_up=0.4)
    for progress, share in ((0.0, 0.0), (0.1, 0.25), (0.4, 1.0), (0.9, 1.0)):
        found = value(warming, output, pixels, progress)
        torch.testing.assert_close(found, bare + share * (whole - bare), rtol=1e-6, atol=1e-6)


def test_free_bits_count_and_pull_nothing_where_a_number_tells_less() -> None:
    mean = torch.tensor([[0.1, 2.0], [-0.1, -2.0]], requires_grad=True)
    log_variance = torch.zeros(2, 2)
    paid = rate(mean, log_variance, 0.5)
    torch.testing.assert_close(paid, torch.tensor([2.5, 2.5]))  # 0.5, and 2^2/2
    (gradient,) = torch.autograd.grad(paid.sum(), mean)
    torch.testing.assert_close(gradient, torch.tensor([[0.0, 2.0], [0.0, -2.0]]))
    torch.testing.assert_close(rate(mean, log_variance, 0.0), mean.square().sum(-1) / 2)


def test_iwae_is_exact_where_the_code_tells_nothing_of_the_image() -> None:
    """p(x | z) = p(x): with q the prior every weight is p(x); with another q the bound comes near it."""
    output, pixels = told(2000, listening=0.0)
    exact = -Bernoulli(logits=output["logits"][:, 0]).log_prob(pixels.double() / 255).sum(-1)
    nothing = torch.zeros(IMAGES, LATENT, dtype=torch.float64)
    prior = {**output, "mean": nothing, "log_variance": nothing}
    torch.testing.assert_close(value(IWAE(k=2000), prior, pixels), exact)
    bound = value(IWAE(k=2000), output, pixels)
    loose = value(ELBO(k=2000), output, pixels)
    assert (loose - exact).mean() > 1
    assert (bound - exact).abs().mean() < 0.2


def test_more_codes_make_a_tighter_bound_and_one_is_that_of_elbo() -> None:
    output, pixels = told(1000)

    def bound(k: int) -> float:
        parts = output["code"].split(k, dim=1), output["logits"].split(k, dim=1)
        each = [
            value(IWAE(k=k), {**output, "code": code, "logits": logits}, pixels)
            for code, logits in zip(*parts, strict=True)
        ]
        return float(torch.stack(each).mean())

    bounds = [bound(k) for k in (1, 5, 50)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] - bounds[2] > 0.5
    assert bounds[0] == pytest.approx(float(value(ELBO(k=1000), output, pixels).mean()), abs=0.1)


@pytest.mark.parametrize("loss", [ELBO(free_bits=0.3, warm_up=0.5), IWAE(k=2), PixelMean()])
def test_members_with_knobs_of_their_own_are_computed_together(loss: VariationalLoss) -> None:
    output, pixels = told(loss.k)
    knobs = {name: torch.tensor([own, own / 2]) for name, own in loss.float_knobs().items()}

    def one(own: dict[str, Tensor]) -> Tensor:
        return value(loss.with_floats(own), output, pixels, 0.2)  # type: ignore[arg-type]

    stacked = torch.vmap(one)(knobs)
    for place in range(2):
        alone = one({name: of[place] for name, of in knobs.items()})
        torch.testing.assert_close(stacked[place], alone)


def test_a_likelihood_of_other_pixels_is_refused_with_the_remedy() -> None:
    with pytest.raises(InputError, match=r"data\.binarize=static or dynamic"):
        ELBO().check(GREY)
    with pytest.raises(InputError, match=r"set loss\.likelihood=bernoulli"):
        IWAE(likelihood="gaussian").check(KIND)
    for fitting, kind in ((ELBO(), KIND), (PixelMean(likelihood="continuous_bernoulli"), GREY)):
        fitting.check(kind)


def test_what_a_loss_asks_of_the_model_is_the_number_of_codes_and_the_likelihood() -> None:
    assert IWAE(k=7).asks == {"draws": 7, "likelihood": "bernoulli", "deviation": 0.1}
    assert ELBO(beta=3).asks == ELBO().asks == {**IWAE().asks, "draws": 1}
