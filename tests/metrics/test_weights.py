"""Weights count in every metric that reads them: as in scikit-learn, and 0 counts for nothing, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics as reference
from torch import Tensor

from lossbench.metrics.classes import of_probabilities, of_ranks, of_scores, of_sign, of_size
from lossbench.metrics.continuous import among_disputed, continuous, disputed
from lossbench.metrics.families import measures
from lossbench.metrics.judge import judge

SHAPES = [(1, 2), (5, 7), (5, 200)]
KINDS = ["plain", "whole", "zeros", "tiny"]


def drawn(members: int, examples: int, kind: str) -> Tensor:
    """Weights (R, N); those of "whole" are how often an example would be repeated."""
    generator = torch.Generator().manual_seed(examples)
    weight = torch.rand(members, examples, generator=generator) + 0.1
    if kind == "whole":
        return torch.randint(1, 4, (members, examples), generator=generator).double()
    if kind == "zeros":
        zero = torch.rand(weight.shape, generator=generator) < 0.4
        return weight.masked_fill(zero & (torch.arange(examples) > 1), 0)
    return weight * 1e-6 if kind == "tiny" else weight


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("members", "examples"), SHAPES)
@pytest.mark.parametrize("ties", [False, True])
def test_values_are_weighed_as_by_scikit_learn(members: int, examples: int, kind: str, ties: bool) -> None:
    generator = torch.Generator().manual_seed(examples)
    value, target = torch.randn(2, members, examples, generator=generator, dtype=torch.float64) * 3
    if ties:
        value, target = value.round(), target.round()
    weight = drawn(members, examples, kind)
    results = continuous(value, target, weight)
    references = {
        "mae": reference.mean_absolute_error,
        "rmse": reference.root_mean_squared_error,
        "median_ae": reference.median_absolute_error,
        "r2": reference.r2_score,
    }
    for name, result in results.items():
        expected = [
            references[name](t, v, sample_weight=w) for v, t, w in zip(value, target, weight, strict=True)
        ]
        np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("ties", [False, True])
def test_classes_are_weighed_as_by_scikit_learn(classes: int, kind: str, ties: bool) -> None:
    scores, labels = scored(5, 200, classes, ties=ties)
    weight = drawn(5, 200, kind)
    results = of_scores(scores, labels, weight) | of_ranks(scores, labels, weight)
    probabilities = scores.double().softmax(-1)
    results |= of_probabilities(probabilities, labels, weight)
    for number in range(5):
        own, truth, likely, w = (x[number].double().numpy() for x in (scores, labels, probabilities, weight))
        predicted = own.argmax(-1)
        expected = {
            "accuracy": reference.accuracy_score(truth, predicted, sample_weight=w),
            "f1": reference.f1_score(truth, predicted, average="macro", sample_weight=w),
            "balanced_accuracy": reference.balanced_accuracy_score(truth, predicted, sample_weight=w),
            "mcc": reference.matthews_corrcoef(truth, predicted, sample_weight=w),
            "average_precision": reference.average_precision_score(
                truth, own[:, 1] - own[:, 0] if classes == 2 else own, sample_weight=w
            ),
            "nll": reference.log_loss(truth, likely, labels=range(classes), sample_weight=w),
            "brier": reference.brier_score_loss(
                truth, likely[:, 1] if classes == 2 else likely, labels=range(classes), sample_weight=w
            ),
        }
        if classes == 2:
            expected["auroc"] = reference.roc_auc_score(truth, own[:, 1] - own[:, 0], sample_weight=w)
        else:
            areas = [reference.roc_auc_score(truth == c, own[:, c], sample_weight=w) for c in range(classes)]
            expected["auroc"] = np.mean(areas)
        for name, one in expected.items():
            assert float(results[name][number]) == pytest.approx(one, abs=1e-10), name


def scored(members: int, examples: int, classes: int, *, ties: bool = False) -> tuple[Tensor, Tensor]:
    """Scores that know something, and labels with every class among the first examples."""
    generator = torch.Generator().manual_seed(classes)
    labels = torch.randint(0, classes, (members, examples), generator=generator)
    labels[:, :classes] = torch.arange(classes)
    scores = torch.randn(members, examples, classes, generator=generator)
    scores += 1.5 * torch.nn.functional.one_hot(labels, classes)
    return (scores.round() if ties else scores), labels


def test_a_weight_is_how_often_an_example_stands_there() -> None:
    """Of the calibration error, and of the quarter that raters dispute, scikit-learn knows nothing."""
    scores, labels = scored(1, 60, 3)
    generator = torch.Generator().manual_seed(4)
    value, target = torch.randn(2, 1, 60, generator=generator, dtype=torch.float64)
    shares = torch.rand(1, 60, 5, generator=generator).softmax(-1)
    often = torch.ones(1, 60)
    often[0, disputed(shares)[0, :3]] = 2  # six of seventeen: the quarter ends behind an example, not within
    often[0, disputed(shares)[0, -1]] = 6
    rows = often[0].long()

    def repeated(values: Tensor) -> Tensor:
        return values.repeat_interleave(rows, 1)

    probabilities = scores.softmax(-1)
    weighed = of_probabilities(probabilities, labels, often)["ece"]
    torch.testing.assert_close(weighed, of_probabilities(repeated(probabilities), repeated(labels))["ece"])
    among = among_disputed(value, target, shares, often)["mae_disputed"]
    one_by_one = among_disputed(repeated(value), repeated(target), repeated(shares))["mae_disputed"]
    torch.testing.assert_close(among, one_by_one)


def everything(examples: int = 50) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Predictions and targets of three members that all weighed measures read."""
    scores, labels = scored(3, examples, 4)
    generator = torch.Generator().manual_seed(1)
    value, target = torch.randn(2, 3, examples, generator=generator, dtype=torch.float64)
    shares = torch.rand(3, examples, 5, generator=generator).softmax(-1)
    decisions = torch.randint(0, 2, (3, examples, 4), generator=generator).float()
    prediction = {"value": value, "scores": scores, "probabilities": scores.softmax(-1)}
    prediction["tuned_decisions"] = decisions
    targets = {"continuous": target, "multiclass": labels, "distribution": shares, "binary": labels % 2}
    return prediction, targets


ALL = measures(("continuous", "classes"))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, 1e30])
def test_what_lies_at_weight_zero_changes_no_bit(bad: float) -> None:
    prediction, targets = everything()
    zero = torch.arange(50) % 3 == 1
    weight = drawn(3, 50, "plain").masked_fill(zero, 0)
    before = judge(prediction, {**targets, "weight": weight}, ALL)
    assert set(before) == {name for measure in ALL for name in measure.names}
    assert all(values.isfinite().all() for values in before.values())
    spoilt = {name: values.clone() for name, values in prediction.items()}
    for values in spoilt.values():
        values[:, zero] = bad
    targets = {kind: values.clone() for kind, values in targets.items()}
    targets["continuous"][:, zero] = -bad
    targets["multiclass"][:, zero] = -100
    after = judge(spoilt, {**targets, "weight": weight}, ALL)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_what_has_weight_zero_may_as_well_be_absent_to_the_bit() -> None:
    prediction, targets = everything()
    weight = drawn(3, 50, "plain")
    counts = torch.arange(50) % 3 != 1
    padded = judge(prediction, {**targets, "weight": weight.masked_fill(~counts, 0)}, ALL)
    cut = judge(
        {name: values[:, counts] for name, values in prediction.items()},
        {kind: values[:, counts] for kind, values in {**targets, "weight": weight}.items()},
        ALL,
    )
    assert all(torch.equal(padded[name], cut[name]) for name in cut)


def test_equal_weights_are_none() -> None:
    prediction, targets = everything()
    plain = judge(prediction, targets, ALL)
    even = judge(prediction, {**targets, "weight": torch.full((3, 50), 0.25)}, ALL)
    for name, values in plain.items():
        # A share of two whole numbers is in single precision, and f1 without weights is made of such.
        close = 1e-7 if name in ("f1", "f1_tuned") else 1e-12
        torch.testing.assert_close(even[name], values, rtol=close, atol=0, msg=name)


def test_nothing_that_weighs_anything_has_no_result() -> None:
    prediction, targets = everything()
    weight = torch.ones(3, 50)
    weight[1] = 0
    for name, values in judge(prediction, {**targets, "weight": weight}, ALL).items():
        assert values.isnan().tolist() == [False, True, False], name


def test_a_padded_token_counts_for_nothing() -> None:
    """Places of an example: sequences of unequal length, filled up."""
    scores, labels = scored(2, 12 * 5, 3)
    scores, labels = scores.view(2, 12, 5, 3), labels.view(2, 12, 5)
    weight = (torch.arange(5) < torch.arange(12).remainder(5).unsqueeze(-1) + 1).float().expand(2, -1, -1)
    found = judge({"scores": scores}, {"multiclass": labels, "weight": weight}, measures(("classes",)))
    kept = weight[0].flatten().bool()
    plain = judge(
        {"scores": scores.flatten(1, 2)[:, kept]},
        {"multiclass": labels.flatten(1)[:, kept]},
        measures(("classes",)),
    )
    for name, values in plain.items():
        close = 1e-7 if name == "f1" else 1e-12
        torch.testing.assert_close(found[name], values, rtol=close, atol=0, msg=name)


@pytest.mark.parametrize("weighted", [False, True])
def test_places_are_so_many_examples(weighted: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    value, target = torch.randn(2, 2, 6, 4, 3, generator=generator)
    weight = torch.rand(2, 6, generator=generator) if weighted else None
    flat = None if weight is None else weight.repeat_interleave(12, 1)
    wide, long = continuous(value, target, weight), continuous(value.flatten(1), target.flatten(1), flat)
    assert all(torch.equal(wide[name], long[name]) for name in long)
    labels = (target > 0).long()
    for of_values in (of_sign, of_size):
        wide, long = of_values(value, labels, weight), of_values(value.flatten(1), labels.flatten(1), flat)
        assert all(torch.equal(wide[name], long[name]) for name in long)
