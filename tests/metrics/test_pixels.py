"""Metrics of autoencoders against torch.distributions, scikit-learn, and what they count by hand."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.linear_model import Ridge
from torch.distributions import Normal, kl_divergence

from lossbench.metrics.pixels import of_codes, of_probe, of_weights

MEMBERS, IMAGES, LATENT = 3, 60, 4


def codes() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(MEMBERS, IMAGES, LATENT, generator=generator)
    mean[0, :, 1] *= 1e-3  # of the first member one number tells nothing
    log_variance = torch.randn(MEMBERS, IMAGES, LATENT, generator=generator) / 3
    return mean, log_variance, torch.rand(MEMBERS, IMAGES, generator=generator) * 50


def test_the_bound_is_the_logarithm_of_the_mean_weight() -> None:
    weights = torch.tensor([[[0.0, math.log(3.0)], [-1000.0, -1000.0]]])
    expected = (-math.log(2.0) + 1000) / 2
    assert float(of_weights(weights)["nll_iw"]) == pytest.approx(expected)
    first = torch.tensor([[1.0, 0.0]])
    assert float(of_weights(weights, first)["nll_iw"]) == pytest.approx(-math.log(2.0))


def test_rate_and_distortion_are_sums_over_numbers_and_means_over_images() -> None:
    mean, log_variance, distortion = codes()
    found = of_codes(mean, log_variance, distortion)
    q = Normal(mean.double(), (log_variance.double() / 2).exp())
    torch.testing.assert_close(found["rate"], kl_divergence(q, Normal(0.0, 1.0)).sum(-1).mean(-1))
    torch.testing.assert_close(found["distortion"], distortion.double().mean(-1))
    torch.testing.assert_close(found["neg_elbo"], found["rate"] + found["distortion"])
    assert found["active_units"].tolist() == [LATENT - 1, LATENT, LATENT]


def test_weights_count_images() -> None:
    mean, log_variance, distortion = codes()
    weight = (torch.arange(IMAGES) < 20).float().expand(MEMBERS, -1)
    some = of_codes(mean[:, :20], log_variance[:, :20], distortion[:, :20])
    for name, values in of_codes(mean, log_variance, distortion, weight).items():
        torch.testing.assert_close(values, some[name])


def test_the_probe_is_ridge_regression_on_one_hot_labels() -> None:
    mean, _, _ = codes()
    labels = torch.arange(IMAGES) % 3  # every second image of it has one parity, not one class
    mean[1, :, 0] += 3 * labels
    found = of_probe(mean, labels.expand(MEMBERS, -1))["probe_accuracy"]
    by_class = labels.argsort(stable=True)
    for member in range(MEMBERS):
        scaled = (mean[member].double() - mean[member].double().mean(0)) / mean[member].double().std(
            0, correction=0
        )
        rows = torch.cat([scaled, torch.ones(IMAGES, 1)], dim=1).numpy()
        wanted = torch.nn.functional.one_hot(labels, 3).numpy()
        right = 0
        for fitted, judged in ((by_class[::2], by_class[1::2]), (by_class[1::2], by_class[::2])):
            ridge = Ridge(alpha=1e-3 * len(fitted), fit_intercept=False).fit(rows[fitted], wanted[fitted])
            right += int((ridge.predict(rows[judged]).argmax(-1) == labels[judged].numpy()).sum())
        assert float(found[member]) == pytest.approx(right / IMAGES)
    assert found[1] > 0.6 > 0.5 > found[2]


def test_a_code_that_tells_nothing_is_as_good_as_chance() -> None:
    mean = torch.zeros(1, 100, LATENT)
    labels = (torch.arange(100) % 10).unsqueeze(0)
    assert float(of_probe(mean, labels)["probe_accuracy"]) == pytest.approx(0.1)
