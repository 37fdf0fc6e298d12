"""Figures as files: SVGs that turn dark where a page is, and need nothing from outside."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from lossbench.palette import color
from lossbench.report.figures import files, style
from lossbench.report.figures.looks import look


@pytest.fixture
def drawn() -> bytes:
    figure, (axes,) = style.panels(1, "A title")
    for loss in ("huber", "triplet"):
        axes.plot([0, 1], [0, 1 / 3], **look(loss).kwargs())
    style.shade_cells(axes, [[0.0, 0.5], [1.0, 0.0]])
    style.legend(figure, {"huber": look("huber")})
    return files.svg(figure)


def test_an_svg_needs_nothing_from_outside_and_holds_no_image(drawn: bytes) -> None:
    assert ElementTree.fromstring(drawn).tag == "{http://www.w3.org/2000/svg}svg"
    assert b"<image" not in drawn
    assert not re.search(rb"(href|src|url)[=(]\"?(?!#|\"#)", drawn.replace(b"xmlns:xlink", b""))


def test_dark_pages_get_another_ground_another_ink_and_the_colours_of_losses(drawn: bytes) -> None:
    rules = drawn.decode().partition("@media (prefers-color-scheme: dark)")[2]
    assert '[style*="fill: #ffffff"]{fill:#17191c!important}' in rules
    assert '[style*="fill: #222222"]{fill:#e4e4e4!important}' in rules
    assert color("triplet") not in rules  # which shows on both
    assert f'[style*="stroke: {color("huber")}"]' in rules  # which is too dark


def test_the_same_figure_gives_the_same_bytes_without_a_date(drawn: bytes) -> None:
    figure, (axes,) = style.panels(1, "A title")
    axes.plot([0, 1], [1, 0])
    assert files.svg(figure) == files.svg(figure)
    assert not re.search(rb"20\d\d-\d\d-\d\d", drawn)


def test_the_ending_of_a_name_says_what_a_file_is() -> None:
    figure, _ = style.panels(1, "A title")
    assert files.content(figure, "a.svg").startswith(b"<svg ")
    assert files.content(figure, "a.png").startswith(b"\x89PNG")
