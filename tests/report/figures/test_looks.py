"""The look of a loss is one and the same everywhere, and tells the losses apart without colour."""

from __future__ import annotations

from lossbench.palette import COLORS, color
from lossbench.report.figures.looks import look, looks, ordered


def test_losses_have_their_colours_and_differ_without_colour() -> None:
    found = [look(loss) for loss in COLORS]
    assert [one.color for one in found] == list(COLORS.values())
    assert len({one.marker for one in found}) == len(found)
    assert len({str(one.line) for one in found}) == len(found)


def test_losses_of_boxes_differ_without_colour() -> None:
    found = [look(loss) for loss in ("mse", "mae", "huber", "iou", "giou", "diou", "ciou", "l1_giou")]
    assert len({one.marker for one in found}) == len({str(one.line) for one in found}) == len(found)


def test_a_loss_of_the_user_has_a_look_that_stays() -> None:
    assert look("focal") == look("focal")
    assert look("focal").marker not in {look(loss).marker for loss in COLORS}


def test_one_loss_with_several_knobs_has_shades_that_differ_without_colour() -> None:
    names = [f"huber, delta {delta:g}" for delta in (0.03, 0.3, 1, 10)]
    found = looks(["mse", *names])
    assert found["mse"] == look("mse")
    assert found[names[0]].color == color("huber")
    assert len({found[name].color for name in names}) == 4
    assert len({found[name].marker for name in names}) == 4
    assert len({str(found[name].line) for name in names}) == 4


def test_contenders_keep_their_order_within_their_loss() -> None:
    names = ["huber, delta 2", "huber, delta 10", "mse", "huber, delta 2"]
    assert ordered(names) == ["mse", "huber, delta 2", "huber, delta 10"]


def test_no_marker_stands_for_two_losses_of_a_figure() -> None:
    names = ["bpr", "warp", "info_nce", "cce", "mse", "bce", "focal", "dpo", "silog", "ciou", "giou", "mine"]
    for shown in (names, [*names, "huber, delta 1", "huber, delta 2", "huber, delta 3"]):
        found = looks(shown)
        assert len({one.marker for one in found.values()}) == len(shown)
        assert len({str(one.line) for one in found.values()}) == len(shown)
        assert len({one.color for one in found.values()}) == len(shown)


def test_a_loss_looks_alike_in_all_figures_of_a_report() -> None:
    report = ["bpr", "warp", "info_nce", "cosine_mse", "log_l1", "elbo_free_bits"]
    whole = looks(report)
    for count in (1, 2, 4):
        part = report[-count:]
        assert looks(part, report) == {name: whole[name] for name in looks(part)}
