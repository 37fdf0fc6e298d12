"""Preferences: what is the same for every seed and what is not, exactly known, and the proxy that is kept."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lossbench.data import preferences, proxy_reward
from lossbench.data.best_of import chances
from lossbench.data.preferences import Preferences
from lossbench.data.sequences import Sequences
from lossbench.errors import InputError
from lossbench.pack.baselines import measured

SMALL = Preferences(name="preferences", symbols=3, length=4, train_size=200)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Of this test alone."""
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path))
    preferences._learned.cache_clear()
    yield tmp_path
    preferences._learned.cache_clear()


def test_sequences_are_listed_in_the_order_of_a_dictionary() -> None:
    found = Sequences(3, 2).all().tolist()
    assert found == sorted(found) == [[a, b] for a in range(3) for b in range(3)]


def test_the_reference_is_a_distribution_that_seldom_says_a_symbol_twice_in_turn() -> None:
    sequences = Sequences(4, 3)
    chance = sequences.reference().exp()
    assert chance.sum().item() == pytest.approx(1)
    (first, second, third), steps = sequences.all()[37].tolist(), sequences.steps().exp()
    product = steps[0, first] * steps[first + 1, second] * steps[second + 1, third]
    assert chance[37].item() == pytest.approx(float(product))
    assert (steps[1:].diagonal() < 0.06).all()


def test_the_gold_reward_of_the_reference_has_mean_0_and_deviation_1() -> None:
    sequences = Sequences(5, 4)
    chance, gold = sequences.reference().exp(), sequences.gold()
    assert float(chance @ gold) == pytest.approx(0, abs=1e-12)
    assert float(chance @ gold.square()) == pytest.approx(1)
    said = sequences.all()
    assert gold[(said == 4).all(1)] < gold[(said == torch.tensor([4, 3, 4, 3])).all(1)]  # it stutters


def test_pairs_are_preferred_as_often_as_bradley_and_terry_say() -> None:
    sequences = Sequences(3, 3)
    pairs = proxy_reward.drawn_pairs(sequences, 20_000, 0)
    gold = sequences.gold()
    expected = (gold[pairs.first] - gold[pairs.second]).sigmoid()
    assert pairs.preferred.double().mean().item() == pytest.approx(expected.mean().item(), abs=0.015)
    clear = expected > 0.8
    assert pairs.preferred[clear].double().mean().item() == pytest.approx(
        expected[clear].mean().item(), abs=0.02
    )


def test_seeds_differ_in_pairs_and_proxy_alone() -> None:
    one, other = SMALL.load(0, "preference"), SMALL.load(1, "preference")
    for name in ("gold", "reference", "beta"):
        assert torch.equal(one.shared[name], other.shared[name])
    assert not torch.equal(one.shared["proxy"], other.shared["proxy"])
    assert not torch.equal(one.inputs["first"], other.inputs["first"])
    assert torch.equal(one.shared["proxy"], SMALL.load(0, "preference").shared["proxy"])
    assert SMALL.fingerprint(0) != SMALL.fingerprint(1)


def test_beta_changes_what_is_asked_for_and_nothing_else() -> None:
    dear = replace(SMALL, beta=2.0)
    one, other = SMALL.load(0, "preference"), dear.load(0, "preference")
    assert one.inputs is other.inputs
    assert torch.equal(one.shared["proxy"], other.shared["proxy"])
    assert (float(one.shared["beta"]), float(other.shared["beta"])) == (pytest.approx(0.3), 2.0)
    assert SMALL.fingerprint(0) != dear.fingerprint(0)


def test_the_proxy_agrees_with_the_gold_reward_where_the_reference_speaks() -> None:
    data = replace(SMALL, train_size=2000).load(0, "preference")
    chance, gold, proxy = (data.shared[name].double() for name in ("reference", "gold", "proxy"))
    chance = chance.exp()
    assert float(chance @ proxy) == pytest.approx(0, abs=1e-6)
    together = float(chance @ (gold * proxy)) / float((chance @ proxy.square()).sqrt())
    assert 0.6 < together < 0.999


def test_the_proxy_is_fitted_once_and_kept(cache: Path) -> None:
    first = SMALL.load(0, "preference").shared["proxy"]
    (kept,) = (cache / "proxy_rewards").iterdir()
    np.save(kept, first.numpy() + 1)
    preferences._learned.cache_clear()
    assert torch.equal(SMALL.load(0, "preference").shared["proxy"], first + 1)


def test_the_best_of_several_is_what_draws_find() -> None:
    data, count = SMALL.load(0, "preference"), 5
    reference, proxy = data.shared["reference"], data.shared["proxy"]
    drawn = torch.multinomial(
        reference.exp(), 20_000 * count, True, generator=torch.Generator().manual_seed(0)
    ).view(-1, count)
    best = drawn.gather(1, proxy[drawn].argmax(1, keepdim=True)).flatten()
    share = best.bincount(minlength=len(proxy)).double() / len(best)
    expected = chances(reference, proxy, count)
    assert expected.sum().item() == pytest.approx(1)
    assert ((share - expected).abs() < 4.5 * (expected / len(best)).sqrt() + 1e-4).all()


def test_the_best_of_one_is_the_reference_and_the_best_of_very_many_the_best_there_is() -> None:
    data = SMALL.load(0, "preference")
    reference, proxy = data.shared["reference"], data.shared["proxy"]
    torch.testing.assert_close(chances(reference, proxy, 1), reference.double().exp(), rtol=1e-4, atol=1e-9)
    assert chances(reference, proxy, 10**6)[proxy.argmax()].item() == pytest.approx(1, abs=1e-6)


def test_the_best_of_several_goes_as_far_as_its_bound_and_gets_more_of_the_proxy() -> None:
    data = Preferences(name="preferences", symbols=4, length=5, train_size=100).load(0, "preference")
    found = [measured(SMALL, data, name) for name in ("reference", "best of 4", "best of 32")]
    assert found[0]["test/kl"] == pytest.approx(0, abs=1e-6)
    for one, count in zip(found[1:], (4, 32), strict=True):
        bound = math.log(count) - (count - 1) / count
        assert 0.8 * bound < one["test/kl"] <= bound
    assert found[0]["test/proxy"] < found[1]["test/proxy"] < found[2]["test/proxy"]


def test_more_sequences_than_can_be_listed_are_refused() -> None:
    with pytest.raises(InputError, match=r"make more sequences than can be listed .* 131,072 at most"):
        replace(SMALL, symbols=8, length=8)
