"""Thresholds are chosen on validation alone, and are what scikit-learn's metrics find best."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn import metrics as reference
from torch import Tensor

from lossbench.metrics.families import measures
from lossbench.metrics.judge import judge
from lossbench.metrics.names import DECISIONS, TUNED
from lossbench.metrics.thresholds import decided, order_of, thresholds_of
from lossbench.task import Prediction

Array = npt.NDArray[np.float64]
BINARY = measures(("classes",), ("binary",))


def drawn(
    members: int, examples: int, share: float, *, ties: bool, seed: int = 0
) -> tuple[Prediction, Tensor]:
    """Scores that know something of rare positives, at least two of them."""
    generator = torch.Generator().manual_seed(seed)
    labels = (torch.rand(members, examples, generator=generator) < share).long()
    labels[:, :2], labels[:, 2:4] = 1, 0
    scores = torch.randn(members, examples, 2, generator=generator)
    scores[..., 1] += 2 * labels - 3
    return Prediction(scores=scores.round() if ties else scores), labels


def weights(kind: str, labels: Tensor) -> Tensor | None:
    generator = torch.Generator().manual_seed(1)
    drawn = torch.rand(labels.shape, generator=generator)
    if kind == "zeros":
        drawn = drawn.masked_fill((drawn < 0.4) & (torch.arange(labels.shape[1]) > 3), 0)
    return None if kind == "none" else drawn


def judged(name: str, labels: Array, chosen: Array, weight: Array | None) -> float:
    """A metric of decisions, by scikit-learn."""
    if name == "f1_tuned":
        return float(reference.f1_score(labels, chosen, average="macro", sample_weight=weight))
    if name == "mcc_tuned":
        return float(reference.matthews_corrcoef(labels, chosen, sample_weight=weight))
    if name == "balanced_accuracy_tuned":
        return float(reference.balanced_accuracy_score(labels, chosen, sample_weight=weight))
    return float(reference.recall_score(labels, chosen, sample_weight=weight, zero_division=0))


def best(name: str, labels: Array, order: Array, weight: Array | None) -> float:
    """The highest of the best thresholds of scikit-learn's ROC curve, tried one after another."""
    false, true, limits = reference.roc_curve(labels, order, sample_weight=weight, drop_intermediate=False)
    if name == "recall_at_fpr_0.002":
        return float(limits[np.where(false <= 0.002 + 1e-12, true.round(12), -1).argmax()])
    values = np.array([judged(name, labels, order >= limit, weight) for limit in limits]).round(12)
    return float(limits[values.argmax()])


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true", "ignore:A single label was found")
@pytest.mark.parametrize("weighing", ["none", "some", "zeros"])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("examples", "share"), [(30, 0.5), (90, 0.1)])
def test_thresholds_and_metrics_are_those_of_scikit_learn(
    examples: int, share: float, ties: bool, weighing: str
) -> None:
    (val, val_labels), (test, labels) = (drawn(2, examples, share, ties=ties, seed=seed) for seed in (0, 1))
    val_weight, weight = (weights(weighing, of) for of in (val_labels, labels))
    extra = {} if val_weight is None else {"weight": val_weight}
    limits = thresholds_of(val, {"binary": val_labels, **extra})
    assert limits is not None
    truth = {"binary": labels, **({} if weight is None else {"weight": weight})}
    found = judge(decided(test, truth, limits), truth, BINARY)
    for member in range(2):
        order, other = (order_of(of, labels) for of in (val, test))
        assert order is not None
        assert other is not None
        own, w = (None if of is None else of[member].double().numpy() for of in (val_weight, weight))
        for place, name in enumerate(TUNED):
            # What weighs nothing offers no threshold.
            counts = slice(None) if own is None else own > 0
            part = (val_labels[member].numpy()[counts], order[member].numpy()[counts])
            limit = best(name, *part, None if own is None else own[counts])
            assert float(limits[member, place]) == limit, name
            expected = judged(name, labels[member].numpy(), other[member].numpy() >= limit, w)
            # Without weights f1 is made of shares in single precision.
            assert float(found[name][member]) == pytest.approx(expected, abs=1e-7), name


@pytest.mark.parametrize("weighing", ["none", "some"])
def test_two_false_positives_of_a_thousand_are_allowed(weighing: str) -> None:
    """And no more, where they bring more recall than none."""
    val, labels = drawn(3, 3000, 0.1, ties=False)
    weight = weights(weighing, labels)
    limits = thresholds_of(val, {"binary": labels, **({} if weight is None else {"weight": weight})})
    order = order_of(val, labels)
    assert limits is not None
    assert order is not None
    for member, limit in enumerate(limits[:, -1].tolist()):
        own = None if weight is None else weight[member].double().numpy()
        assert limit == best("recall_at_fpr_0.002", labels[member].numpy(), order[member].numpy(), own)
        wrong = (order[member] >= limit) & (labels[member] == 0)
        assert weighing != "none" or 0 < int(wrong.sum()) <= int((labels[member] == 0).sum() * 0.002)


def test_on_validation_no_threshold_is_better_than_the_chosen_one() -> None:
    val, labels = drawn(2, 200, 0.1, ties=False)
    limits = thresholds_of(val, {"binary": labels})
    assert limits is not None
    whole = judge(decided(val, {"binary": labels}, limits), {"binary": labels}, BINARY)
    for name in TUNED[:3]:
        assert (whole[name] >= whole[name.removesuffix("_tuned")]).all(), name
    for limit in order_of(val, labels)[0]:  # type: ignore[index]
        other = decided(val, {"binary": labels}, torch.full_like(limits, limit))
        tried = judge(other, {"binary": labels}, BINARY)
        assert all((tried[name][0] <= whole[name][0] + 1e-12) for name in TUNED[:3])


def test_a_value_orders_two_classes_as_its_scores_would() -> None:
    val, labels = drawn(2, 80, 0.3, ties=False)
    value = Prediction(value=order_of(val, labels))
    truth = {"binary": labels}
    by_scores, by_value = (thresholds_of(of, truth) for of in (val, value))
    assert by_scores is not None
    assert by_value is not None
    assert torch.equal(by_scores, by_value)


def test_members_share_the_truth_of_their_lane_and_chunks_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    val, labels = drawn(4, 90, 0.2, ties=False)
    lane = torch.tensor([1, 0, 1, 1])
    own = thresholds_of(val, {"binary": labels[lane]})
    monkeypatch.setattr("lossbench.metrics.thresholds.CHUNK", 1)
    shared = thresholds_of(val, {"binary": labels}, lane)
    assert own is not None
    assert shared is not None
    assert torch.equal(own, shared)


def test_labels_at_places_are_so_many_examples() -> None:
    val, labels = drawn(2, 60, 0.3, ties=False)
    flat = thresholds_of(val, {"binary": labels})
    wide = Prediction(scores=val["scores"].unflatten(1, (20, 3)))
    truth = {"binary": labels.unflatten(1, (20, 3))}
    limits = thresholds_of(wide, truth)
    assert limits is not None
    assert flat is not None
    assert torch.equal(limits, flat)
    assert decided(wide, truth, limits)[DECISIONS].shape == (2, 20, 3, len(TUNED))


@pytest.mark.parametrize("where", ["validation", "test"])
def test_a_score_that_is_not_finite_spoils_its_member_alone(where: str) -> None:
    val, labels = drawn(3, 50, 0.3, ties=False)
    test = Prediction(scores=val["scores"].clone())
    (val if where == "validation" else test)["scores"][1, 7, 0] = torch.nan
    limits = thresholds_of(val, {"binary": labels})
    assert limits is not None
    found = judge(decided(test, {"binary": labels}, limits), {"binary": labels}, BINARY)
    for name in TUNED:
        assert found[name].isnan().tolist() == [False, True, False], name


@pytest.mark.parametrize("label", [0, 1])
def test_validation_of_one_class_chooses_all_the_same(label: int) -> None:
    val, labels = drawn(2, 50, 0.3, ties=False)
    limits = thresholds_of(val, {"binary": torch.full_like(labels, label)})
    assert limits is not None
    assert not limits.isnan().any()
    found = judge(decided(val, {"binary": labels}, limits), {"binary": labels}, BINARY)
    assert all(found[name].isfinite().all() for name in TUNED)


def test_a_test_without_class_1_has_no_recall() -> None:
    val, labels = drawn(1, 50, 0.3, ties=False)
    limits = thresholds_of(val, {"binary": labels})
    assert limits is not None
    truth = {"binary": torch.zeros_like(labels)}
    found = judge(decided(val, truth, limits), truth, BINARY)
    assert found["recall_at_fpr_0.002"].isnan().all()
    assert found["f1_tuned"].isfinite().all()


def test_what_lies_at_weight_zero_changes_no_threshold() -> None:
    val, labels = drawn(3, 60, 0.3, ties=False)
    weight = weights("zeros", labels)
    assert weight is not None
    before = thresholds_of(val, {"binary": labels, "weight": weight})
    for bad in (torch.nan, torch.inf, 1e30):
        spoilt = Prediction(scores=val["scores"].masked_fill((weight == 0).unsqueeze(-1), bad))
        other = labels.masked_fill(weight == 0, -100)
        after = thresholds_of(spoilt, {"binary": other, "weight": weight})
        assert before is not None
        assert after is not None
        assert torch.equal(before, after)


def test_scores_of_something_else_than_two_classes_decide_nothing() -> None:
    labels = torch.arange(10).remainder(2).unsqueeze(0)
    bins = Prediction(scores=torch.randn(1, 10, 9))
    assert thresholds_of(bins, {"binary": labels}) is None
    assert decided(bins, {"binary": labels}, torch.zeros(1, len(TUNED))) == bins
