"""A reader tells losses apart by colour: on screen, printed in grey, and with any kind of colour vision."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lossbench import palette

LOSSES = ("mse", "mae", "huber", "bce", "cce", "hinge", "kl", "contrastive", "triplet")

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protan": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deutan": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritan": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def lab(color: str, vision: np.ndarray = VISION["normal"]) -> np.ndarray:
    """CIELAB (D65) of a hex colour as an eye of that kind sees it."""
    srgb = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    xyz = to_xyz @ np.clip(vision @ linear, 0, 1) / to_xyz.sum(axis=1)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), (903.3 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISION)
def test_any_two_losses_differ_for_every_kind_of_colour_vision(vision: str) -> None:
    for one, other in itertools.combinations(LOSSES, 2):
        seen = [lab(palette.color(name), VISION[vision]) for name in (one, other)]
        assert np.linalg.norm(seen[0] - seen[1]) > 20, (one, other)


def test_losses_differ_in_grey_and_show_on_white() -> None:
    lightness = sorted(lab(palette.color(name))[0] for name in LOSSES)
    assert np.diff(lightness).min() > 6
    assert lightness[-1] < 85


def test_losses_show_on_a_dark_page() -> None:
    assert min(lab(palette.color(name))[0] for name in LOSSES) > 29
    assert min(lab(palette.color(f"loss_{number}"))[0] for number in range(50)) > 29


def test_lines_on_a_dark_page_are_light_enough_and_still_differ() -> None:
    found = {name: palette.on_dark(palette.color(name)) for name in LOSSES}
    assert min(lab(color)[0] for color in found.values()) > 42
    assert found["mse"] == palette.color("mse")
    for one, other in itertools.combinations(LOSSES, 2):
        assert np.linalg.norm(lab(found[one]) - lab(found[other])) > 20, (one, other)


def test_colours_that_are_seen_together_differ() -> None:
    names = ["mse", "diou", "policy_gradient_k2", *(f"loss_{number}" for number in range(12))]
    found = palette.colors(names)
    assert found["mse"] == palette.color("mse")
    assert found["diou"] == palette.color("diou")
    assert np.linalg.norm(lab(palette.color("diou")) - lab(palette.color("policy_gradient_k2"))) < 10
    for one, other in itertools.combinations(found.values(), 2):
        assert np.linalg.norm(lab(one) - lab(other)) > 17, (one, other)


def test_a_loss_of_ones_own_gets_a_colour_that_stays() -> None:
    names = ["focal", "arcface", "my_loss", "my_loss_2"]
    colors = [palette.color(name) for name in names]
    assert colors == [palette.color(name) for name in names]
    assert len({*colors, *palette.COLORS.values()}) == len(names) + len(palette.COLORS)
    assert palette.color("arcface") == "#c436a7"  # a change would recolour everybody's recorded runs
    assert all(len(color) == 7 and int(color[1:], 16) >= 0 for color in colors)


@pytest.mark.parametrize("name", ["fails", "focal", "log_cosh", *(f"loss_{number}" for number in range(200))])
def test_a_loss_of_ones_own_is_not_taken_for_one_of_the_nine(name: str) -> None:
    own = lab(palette.color(name))
    assert min(np.linalg.norm(own - lab(color)) for color in palette.COLORS.values()) > 24


def test_conditions_of_a_loss_are_shades_of_its_colour() -> None:
    assert palette.shades(palette.color("huber"), 1) == [palette.color("huber")]
    for loss in LOSSES:
        seen = [lab(shade) for shade in palette.shades(palette.color(loss), 3)]
        assert palette.shades(palette.color(loss), 3)[0] == palette.color(loss)
        assert min(np.linalg.norm(one - other) for one, other in itertools.pairwise(seen)) > 5
        assert seen[-1][0] < 95  # shows on white
