"""What test examples contribute to a difference, from stored predictions."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lossbench.metrics.measure import Measure, Metric
from lossbench.metrics.names import METRICS
from lossbench.metrics.recorded import of_text
from lossbench.verdicts.examples import DELETIONS, Examples, influences
from lossbench.verdicts.statistics import paired_interval

SIZE = 120
ALL = of_text("")


def arrays(start: int = 0, **others: Any) -> dict[str, Any]:
    """Predictions on a test of 120 examples out of 400, in all that a run may have."""
    generator = np.random.default_rng(start)
    truth, scores = generator.normal(size=SIZE), generator.normal(size=(SIZE, 3)).astype(np.float32)
    return {
        "value": truth + generator.normal(size=SIZE),
        "scores": scores,
        "probabilities": np.exp(scores) / np.exp(scores).sum(-1, keepdims=True),
        "target_continuous": truth,
        "target_multiclass": generator.integers(0, 3, SIZE),
        "target_distribution": generator.dirichlet(np.ones(5), SIZE),
        "example_id": generator.permutation(400)[:SIZE],
        **others,
    }


def whole(own: dict[str, Any], metric: str) -> float:
    from lossbench.verdicts.examples import _judged

    return float(_judged({name: array[None] for name, array in own.items()}, ALL)[metric][0])


@pytest.mark.parametrize("metric", ["accuracy", "brier", "nll", "mae", "rmse"])
def test_values_of_examples_tell_what_leaving_them_out_would(metric: str) -> None:
    from lossbench.verdicts.examples import _of_deletions

    own = arrays(group_id=np.arange(SIZE) // 6)
    exact = influences(own, [metric], ALL)[metric]
    deleted = _of_deletions(own, ALL, own["group_id"], {metric: whole(own, metric)})[metric]
    assert len(exact.clusters) == 20
    near = {"atol": 1e-7} if metric != "rmse" else {"atol": 0.1 * np.abs(exact.moved).max()}
    np.testing.assert_allclose(deleted.moved, exact.moved, **near)


def test_every_metric_that_predictions_define_is_taken_apart() -> None:
    told = (
        "mae",
        "rmse",
        "median_ae",
        "r2",
        "mae_disputed",
        "accuracy",
        "f1",
        "auroc",
        "balanced_accuracy",
        "average_precision",
        "mcc",
        "nll",
        "brier",
        "ece",
    )
    found = influences(arrays(), (*told, "eer"), ALL)
    assert set(found) == set(told)
    for metric, one in found.items():
        assert len(one.clusters) == {"mae_disputed": 30}.get(
            metric, SIZE if metric in ("accuracy", "brier", "nll", "mae", "rmse") else 25
        )
        assert one.share.sum() == pytest.approx(1)
        assert one.moved.sum() == pytest.approx(0, abs=1e-9)
        assert np.abs(one.moved).max() > 0


def test_a_record_from_before_a_metric_was_there_is_taken_apart_as_before() -> None:
    """Its measure lists fewer metrics than the function gives today, and gave ranks beside decisions."""
    (today,) = (one for one in ALL if one.function.endswith(":of_predicted"))
    listed = tuple(METRICS[name] for name in ("accuracy", "f1", "auroc"))
    older = replace(today, metrics=listed, function=today.function.replace("of_predicted", "of_scores"))
    found = influences(arrays(), ("f1", "auroc", "mcc"), [older])
    assert found.keys() == {"f1", "auroc"}
    for name in ("f1", "auroc"):
        np.testing.assert_array_equal(found[name].moved, influences(arrays(), [name], ALL)[name].moved)


def test_metrics_that_no_measure_gives_leave_seeds_alone_to_speak() -> None:
    assert influences(arrays(), ["my_metric", "mae"], ALL).keys() == {"mae"}


def test_metrics_asked_together_are_what_each_is_alone() -> None:
    own = arrays()
    for metric, one in influences(own, ["f1", "auroc", "ece", "r2", "accuracy"], ALL).items():
        np.testing.assert_array_equal(influences(own, [metric], ALL)[metric].moved, one.moved)


def test_a_measure_of_ones_own_is_taken_apart_by_what_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mean over examples by a value of each, anything else, or with weights, by leaving some out."""
    made = ModuleType("my_metrics")
    made.bias = lambda value, target: {"bias": (value - target).mean(-1)}  # type: ignore[attr-defined]
    made.worst = lambda value, target: {"worst": (value - target).amax(-1)}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_metrics", made)
    own = [
        Measure((Metric(name, "mine", False, ""),), ("value",), ("continuous",), f"my_metrics:{name}")
        for name in ("bias", "worst", "gone")
    ]
    found = influences(arrays(), ("bias", "worst", "gone"), own)
    assert {name: len(one.clusters) for name, one in found.items()} == {"bias": SIZE, "worst": DELETIONS}
    weighed = influences(arrays(target_weight=np.ones(SIZE)), ("mae",), ALL)
    assert len(weighed["mae"].clusters) == DELETIONS


def test_people_are_left_out_one_by_one() -> None:
    who = np.repeat(np.arange(6), 5)
    embedding = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    found = influences(
        {
            "embedding": embedding,
            "target_identity": who,
            "example_id": np.arange(30),
            "group_id": 7 + who,
        },
        ["verification_auc"],
        ALL,
    )
    assert found["verification_auc"].clusters.tolist() == list(range(7, 13))


def test_clusters_are_dealt_alike_for_every_seed() -> None:
    one, other = arrays(0), arrays(1)
    _, here, there = np.intersect1d(one["example_id"], other["example_id"], return_indices=True)
    from lossbench.verdicts.examples import _dealt

    assert np.array_equal(_dealt(one["example_id"])[here], _dealt(other["example_id"])[there])
    assert np.bincount(_dealt(np.arange(5000)), minlength=DELETIONS).min() > 120


def differences(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> Any:
    return np.array(
        [
            np.mean(np.abs(b["value"] - b["target_continuous"]) - np.abs(a["value"] - a["target_continuous"]))
            for a, b in zip(left, right, strict=True)
        ]
    )


def test_an_interval_needs_the_predictions_of_every_run() -> None:
    left = [arrays(seed) for seed in range(8)]
    right = [{**own, "value": own["value"] * 0.5} for own in left]
    stored = {f"{side}{n}": own for side, runs in (("l", left), ("r", right)) for n, own in enumerate(runs)}
    runs = pd.DataFrame({"run_id": list(stored), "data.name": "csv"})
    seeds = [((-1.0, f"l{n}"), (1.0, f"r{n}")) for n in range(8)]
    found = differences(left, right)
    wide = Examples.of(runs, stored.get).asked("mae").interval(found, seeds, "mae")
    plain = paired_interval(found)
    assert wide is not None
    assert wide.low <= plain.low < plain.high <= wide.high
    assert Examples.of(runs, stored.get).asked("rmse").interval(found, seeds, "mae") is None
    del stored["r3"]
    assert Examples.of(runs, stored.get).asked("mae").interval(found, seeds, "mae") is None
    stored["r3"] = {name: array for name, array in right[3].items() if name != "example_id"}
    assert Examples.of(runs, stored.get).asked("mae").interval(found, seeds, "mae") is None


def test_one_number_in_two_data_sets_is_two_examples() -> None:
    shared = arrays(example_id=np.arange(SIZE))
    stored = {"a0": shared, "a1": shared, "b0": shared, "b1": shared}
    seeds = [((1.0, "a0"), (1.0, "b0")), ((1.0, "a1"), (1.0, "b1"))]
    widths = []
    for names in (["one", "one", "one", "one"], ["one", "one", "two", "two"]):
        runs = pd.DataFrame({"run_id": list(stored), "data.name": names})
        found = Examples.of(runs, stored.get).asked("mae").interval(np.array([2.0, 2.0]), seeds, "mae")
        assert found is not None
        widths.append(found.shared)
    # Twice the same value has four times its variance, two values of their own have twice.
    assert widths[1] == pytest.approx(widths[0] / 2, rel=0.02)


def test_seeds_that_draw_their_own_examples_speak_for_new_ones_already() -> None:
    runs = pd.DataFrame(
        {"run_id": ["a", "b"], "data.name": "outliers", "lossbench.fresh_examples": ["true", "true"]}
    )

    def read(run: str) -> None:
        raise AssertionError("nothing has to be read")

    found = np.array([0.1, 0.3])
    told = Examples.of(runs, read).asked("mae").interval(found, [((1.0, "a"),), ((1.0, "b"),)], "mae")
    assert told == paired_interval(found)
