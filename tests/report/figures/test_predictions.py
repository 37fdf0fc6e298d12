"""Figures of stored predictions: errors, fits, confusion, reliability, pairs, maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from lossbench.palette import color
from lossbench.report.figures import classes, embeddings, values
from lossbench.report.figures.forecasts import forecasts, stretch
from lossbench.report.figures.stored import in_a_row

Runs = dict[str, list[dict[str, Any]]]


def value_run(shift: float, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(-3, 3, (200, 1))
    truth = np.sin(inputs[:, 0])
    return {"inputs": inputs, "target_continuous": truth, "value": truth + shift}


def test_errors_are_outlined_in_the_losses_colours_with_medians() -> None:
    fits: Runs = {"mse": [value_run(1.0)], "mae": [value_run(0.0), value_run(0.2, 1)]}
    (axes,) = values.residuals([("", fits)]).axes
    medians = {line.get_gid(): line for line in axes.lines if line.get_gid()}
    assert medians["median mse"].get_xdata()[0] == pytest.approx(1.0)
    assert medians["median mae"].get_xdata()[0] == pytest.approx(0.1)
    steps = {line.get_label(): line.get_color() for line in axes.lines if line.get_label() in fits}
    assert steps == {loss: color(loss) for loss in fits}


def test_errors_that_are_all_equal_are_drawn() -> None:
    assert values.residuals([("", {"mse": [value_run(0.0)]})]).axes


def test_fits_run_from_left_to_right_over_truth_and_points() -> None:
    points = {"b": (np.zeros(5), np.ones(5))}
    parts: list[tuple[str, Runs]] = [("a", {"mse": [value_run(0.5)]}), ("b", {"mse": [value_run(0.5)]})]
    first, second = values.fitted_curves(parts, points).axes
    fit = next(line for line in first.lines if line.get_label() == "mse")
    assert all(np.diff(fit.get_xdata()) >= 0)
    np.testing.assert_allclose(fit.get_ydata(), np.sin(fit.get_xdata()) + 0.5)
    assert "training" not in {line.get_gid() for line in first.lines}
    assert "training" in {line.get_gid() for line in second.lines}


def series_run(horizon: int, *, quantiles: bool = False, size: int = 400) -> dict[str, Any]:
    """Forecasts of a line that rises by one a step, 0.5 too high, of windows that begin at step 30."""
    first = np.arange(30, 30 + size)
    truth = (first[:, None] + np.arange(horizon)).astype(float).ravel()
    run = {"value": truth + 0.5, "target_continuous": truth, "target_naive_scale": np.ones(size)}
    more = {"quantiles": truth[:, None] + np.array([-2.0, 0.5, 3.0])} if quantiles else {}
    return {**run, **more, "example_id": first}


@pytest.mark.parametrize("horizon", [1, 9, 200])
def test_forecasts_stand_over_a_stretch_of_time_beside_what_came(horizon: int) -> None:
    fits: Runs = {"mse": [series_run(horizon)], "quantiles": [series_run(horizon, quantiles=True)]}
    (axes,) = forecasts([("", fits)]).axes
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    (truth,) = (line.get_ydata() for line in axes.lines if line.get_gid() == "truth")
    count = {1: 120, 9: 117, 200: 200}[horizon]
    np.testing.assert_array_equal(truth, 30 + 200 + np.arange(count))  # no step twice, and none left out
    np.testing.assert_array_equal(lines["mse"], truth + 0.5)
    (band,) = axes.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (truth[0] - 2, truth[-1] + 3)


def test_forecasts_end_where_windows_are_left_out() -> None:
    run = series_run(1)
    assert run["example_id"][stretch(run)].tolist() == list(range(230, 350))
    kept = {name: np.delete(values, 203, axis=0) for name, values in run.items()}
    assert kept["example_id"][stretch(kept)].tolist() == list(range(229, 233))


def test_places_stand_in_a_row_without_what_weighs_nothing() -> None:
    """Sequences of words, filled up: what stands at weight 0 is drawn nowhere."""
    labels = np.arange(12).reshape(3, 4) % 3
    weight = np.array([[1.0, 1, 1, 1], [1, 2, 0, 0], [1, 0, 0, 0]])
    run = {"scores": np.eye(3)[labels], "target_multiclass": labels, "embedding": np.zeros((3, 2))}
    plain = in_a_row({**run, "target_weight": weight})
    assert plain["target_multiclass"].tolist() == labels[weight > 0].tolist()
    assert plain["scores"].shape == (7, 3)
    assert plain["embedding"].shape == (3, 2)
    assert in_a_row(run)["scores"].shape == (12, 3)
    one = {"value": np.arange(3.0), "target_continuous": np.zeros(3), "target_weight": weight[:, 1]}
    assert in_a_row(one)["value"].tolist() == [0, 1]
    assert classes.calibration([{"probabilities": plain["scores"], **plain}])[1].tolist() == [1.0] * 7


def test_confusion_has_a_matrix_for_each_loss_with_its_accuracy(runs_of_classes: Runs) -> None:
    figure = classes.confusion(runs_of_classes)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    right = [
        100 * np.mean([run["scores"].argmax(-1) == run["target_multiclass"] for run in runs])
        for runs in runs_of_classes.values()
    ]
    assert titles == [f"cce: {right[0]:.1f}% right", f"kl: {right[1]:.1f}% right"]


def test_rows_of_a_confusion_are_percents_of_the_true_class(runs_of_classes: Runs) -> None:
    table = classes.shares(runs_of_classes["kl"][0])
    np.testing.assert_allclose(table.sum(axis=1), 100)
    assert table[0, 2] == 0  # mistakes go to the next class only


def test_bins_hold_the_confidence_and_the_share_that_is_right(runs_of_classes: Runs) -> None:
    (run,) = runs_of_classes["kl"]
    confidence, right = classes.calibration([run])
    share = np.mean(run["scores"].argmax(-1) == run["target_multiclass"])
    np.testing.assert_allclose(confidence, 0.9)
    assert right.mean() == pytest.approx(share)


def test_reliability_names_each_loss_with_the_error_of_the_tables(runs_of_classes: Runs) -> None:
    (axes,) = classes.reliability([("", runs_of_classes)], {"": {"cce": 0.1234}}).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["cce, ECE 0.123", "kl"]


def test_the_two_classes_of_a_binary_target_have_names() -> None:
    target = np.array([0, 1, 0, 1])
    run = {"scores": np.eye(2)[target], "embedding": np.eye(2)[target], "target_binary": target}
    (matrix,) = classes.confusion({"bce": [run]}).axes
    for ticks in (matrix.get_xticklabels(), matrix.get_yticklabels()):
        assert [tick.get_text() for tick in ticks] == ["negative", "positive"]
    figure = embeddings.embedding_map({"triplet": [run]})
    assert {line.get_marker() for line in figure.axes[0].lines} == {"$-$", "$+$"}
    assert "negative (-), positive (+)" in figure.get_suptitle()


def test_classes_have_their_own_names_where_runs_carry_them() -> None:
    names = np.array(["setosa", "a name that is long", "$5 to $9"])
    target = np.array([0, 1, 2] * 4)
    run = {"scores": np.eye(3)[target], "embedding": np.eye(3)[target], "target_multiclass": target}
    (matrix,) = classes.confusion({"cce": [{**run, "names_multiclass": names}]}).axes
    for ticks in (matrix.get_xticklabels(), matrix.get_yticklabels()):
        assert [tick.get_text() for tick in ticks] == ["setosa", "a name… long", r"\$5 to \$9"]
    figure = embeddings.embedding_map({"triplet": [{**run, "names_multiclass": names}]})
    assert figure.get_supxlabel() == r"0 setosa, 1 a name that is long, 2 \$5 to \$9"
    two = {"embedding": np.eye(2)[target % 2], "target_binary": target % 2}
    figure = embeddings.embedding_map({"triplet": [{**two, "names_binary": np.array(["ham", "spam"])}]})
    assert "ham (-), spam (+)" in figure.get_suptitle()


def test_all_panels_of_errors_show_their_tallest_bar_and_medians_above_it() -> None:
    narrow = [value_run(0.3 * shift) for shift in range(-3, 4)]
    low, high = values.residuals([("wide", {"mse": narrow}), ("tall", {"mse": [value_run(0.0)]})]).axes
    assert low.get_ylim() == high.get_ylim()
    tallest = max(max(line.get_ydata()) for line in high.lines if line.get_label() == "mse")
    assert high.get_ylim()[1] > tallest
    (median,) = [line for line in high.lines if line.get_gid() == "median mse"]
    assert 0 < median.get_ydata()[0] < 1  # in the panel, not on the labels of the ticks


def test_the_pair_curve_is_drawn_without_bands(runs_of_embeddings: Runs) -> None:
    (axes,) = embeddings.face_roc(runs_of_embeddings).axes
    assert len(axes.collections) == 0


def test_the_pair_curve_is_the_one_of_scikit_learn(runs_of_embeddings: Runs) -> None:
    run = runs_of_embeddings["triplet"][0]
    unit = run["embedding"] / np.linalg.norm(run["embedding"], axis=1, keepdims=True)
    first, second = np.triu_indices(len(unit), 1)
    same = run["target_identity"][first] == run["target_identity"][second]
    distance = np.linalg.norm(unit[first] - unit[second], axis=1)
    curve, area = embeddings.pair_curve(run)
    assert area == pytest.approx(roc_auc_score(same, -distance), abs=1e-9)
    assert curve[-1] == 1
    assert all(np.diff(curve) >= 0)


def test_the_better_embedding_is_named_first(runs_of_embeddings: Runs) -> None:
    reverse = dict(reversed(runs_of_embeddings.items()))
    (axes,) = embeddings.face_roc(reverse).axes
    names = [text.get_text().split(",")[0] for text in axes.get_legend().get_texts()]
    assert names == ["contrastive", "triplet", "chance"]


def test_the_map_has_a_panel_for_each_loss_and_a_sign_for_each_class(runs_of_embeddings: Runs) -> None:
    figure = embeddings.embedding_map(runs_of_embeddings)
    for axes in figure.axes:
        assert len({line.get_marker() for line in axes.lines}) == 6
        assert sum(len(line.get_xdata()) for line in axes.lines) == 48


def test_an_embedding_of_one_number_has_a_map() -> None:
    run = {"embedding": np.arange(6.0)[:, None], "target_identity": np.array([0, 0, 1, 1, 2, 2])}
    assert embeddings.flat(run).shape == (6, 2)
