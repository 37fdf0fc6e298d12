"""The judge measures what a prediction defines, no more, and each member by itself."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from lossbench.metrics import judge as module
from lossbench.metrics.families import FAMILIES, measures
from lossbench.metrics.judge import judge
from lossbench.metrics.names import LEVELS, METRICS, coverage_of
from lossbench.task import Prediction, TargetKind

R, N, C = 5, 40, 4
ALL = measures(FAMILIES)
CLASSES = measures(("classes",))
CONTINUOUS = {"mae", "rmse", "median_ae", "r2", "mae_disputed"}
RATIOS = {"abs_rel", "within_1.25"}
FORECAST = {"mase", "bias", "bias_size"}
QUANTILES = {"pinball_score", "coverage_error", "crossing", *map(coverage_of, LEVELS)}
SCORED = {"accuracy", "f1", "auroc", "balanced_accuracy", "average_precision", "mcc"}
PROBABLE = {"nll", "brier", "ece"}
TUNED = {"f1_tuned", "mcc_tuned", "balanced_accuracy_tuned", "recall_at_fpr_0.002"}
BOXES = {"mean_iou", "iou_at_0.5", "iou_at_0.75", "iou_at_0.9", "centre_error", "size_error"}
PEOPLE = {"verification_auc", "eer", "tar_at_far_0.01", "recall_at_1", "map_at_r"}


@pytest.fixture
def prediction() -> Prediction:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(R, N, C, generator=generator)
    return Prediction(
        value=torch.randn(R, N, generator=generator),
        scores=scores,
        probabilities=scores.softmax(-1),
        embedding=torch.randn(R, N, 6, generator=generator),
        quantiles=torch.randn(R, N, len(LEVELS), generator=generator),
        levels=torch.tensor(LEVELS).expand(R, N, -1),
        tuned_decisions=torch.randint(0, 2, (R, N, 4), generator=generator).float(),
    )


@pytest.fixture
def targets() -> dict[TargetKind, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "continuous": torch.randn(R, N, generator=generator).exp(),  # above 0, so that ratios are defined
        "multiclass": torch.randint(0, C, (R, N), generator=generator),
        "identity": torch.randint(0, 8, (R, N), generator=generator),
        "distribution": torch.rand(R, N, 9, generator=generator).square().softmax(-1),
        "naive_scale": torch.rand(R, N, generator=generator) + 0.5,
    }


@pytest.fixture
def all_targets(targets: dict[TargetKind, Tensor]) -> dict[TargetKind, Tensor]:
    """Two classes as well, and a teacher of the others; the ten come first, but decisions read these."""
    two = torch.arange(N).remainder(3).clamp(max=1).expand(R, -1)
    return {**targets, "binary": two, "teacher": torch.nn.functional.one_hot(targets["multiclass"], C)}


def boxed() -> tuple[Prediction, dict[TargetKind, Tensor]]:
    """Predicted boxes and true ones."""
    corners = 60 * torch.rand(2, R, N, 2, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    value, truth = corners.sort(dim=-2).values.flatten(-2)
    return Prediction(value=value), {"box": truth}


def deep() -> tuple[Prediction, dict[TargetKind, Tensor]]:
    """Predicted depths of the pixels of images, and true ones."""
    value, truth = torch.rand(2, R, N, 4, 3, generator=torch.Generator().manual_seed(3)) + 0.5
    return Prediction(value=value), {"continuous": truth}


def pictured(noise: float = 1.0) -> tuple[Prediction, dict[TargetKind, Tensor]]:
    """What autoencoders say of images of classes: with more noise less, and at a higher price."""
    generator = torch.Generator().manual_seed(5)
    classes = torch.arange(N).remainder(C).expand(R, -1)
    told = torch.nn.functional.one_hot(classes, C) + noise * torch.randn(R, N, C, generator=generator)
    beside = 0.3 / noise * torch.randn(R, N, 2, generator=generator)
    mean = torch.cat([told, beside], -1)
    said = Prediction(
        mean=mean,
        log_variance=torch.zeros_like(mean),
        distortion=10 * noise + torch.rand(R, N, generator=generator),
        log_weights=torch.randn(R, N, 7, generator=generator) - 10 * noise,
    )
    return said, {"multiclass": classes}


def members(prediction: Prediction, chosen: slice) -> Prediction:
    return Prediction(**{name: t[chosen] for name, t in prediction.items()})


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(
            first[name], second[name], rtol=1e-12, atol=1e-12, equal_nan=True, msg=name
        )


def test_everything_is_judged_where_everything_is_defined(
    prediction: Prediction, all_targets: dict[TargetKind, Tensor]
) -> None:
    results = judge(prediction, all_targets, ALL)
    values = CONTINUOUS | FORECAST | RATIOS
    assert results.keys() == values | QUANTILES | SCORED | PROBABLE | TUNED | PEOPLE | {"agreement"}
    results |= judge(*boxed(), ALL)  # whose value is no single number
    results |= judge(*deep(), ALL)  # nor this, of which an example has several
    results |= judge(*pictured(), ALL)
    assert results.keys() == METRICS.keys()
    for result in results.values():
        assert result.shape == (R,)
        assert result.dtype == torch.float64
        assert result.isfinite().all()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_gives_its_own_names(
    family: str, prediction: Prediction, all_targets: dict[TargetKind, Tensor]
) -> None:
    groups = {"classes": {"classes", "tuned thresholds"}, "forecast": {"forecast", "quantiles"}}.get(
        family, {family}
    )
    wanted = {name for name, metric in METRICS.items() if metric.group in groups}
    if family == "boxes":
        prediction, all_targets = boxed()
    if family == "depth":
        prediction, all_targets = deep()
    if family == "pixels":
        prediction, all_targets = pictured()
    assert judge(prediction, all_targets, measures((family,))).keys() == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"value"}, CONTINUOUS | FORECAST | RATIOS),
        ({"quantiles", "levels"}, QUANTILES),
        ({"scores"}, SCORED),
        ({"scores", "probabilities"}, SCORED | PROBABLE),
        ({"embedding"}, PEOPLE),
        (set(), set()),
    ],
)
def test_what_a_loss_does_not_define_is_absent(
    given: set[str], wanted: set[str], prediction: Prediction, targets: dict[TargetKind, Tensor]
) -> None:
    part = Prediction(**{name: tensor for name, tensor in prediction.items() if name in given})
    assert judge(part, targets, ALL).keys() == wanted


def test_what_the_data_does_not_offer_is_absent(prediction: Prediction) -> None:
    assert judge(prediction, {}, ALL) == {}


def test_the_sign_of_a_value_is_its_class() -> None:
    value = torch.tensor([[-2.0, 0.5, 0.0, 3.0]])
    targets: dict[TargetKind, Tensor] = {"binary": torch.tensor([[0, 1, 0, 0]])}
    results = judge(Prediction(value=value), targets, CLASSES)
    assert results.keys() == SCORED
    assert float(results["accuracy"]) == 3 / 4  # zero is class 0
    assert float(results["auroc"]) == pytest.approx(2 / 3)  # of the others -2 and 0 lie below 0.5, 3 does not


def test_the_bins_of_a_rating_do_not_judge_two_classes() -> None:
    """A distribution over nine ratings predicts through its mean."""
    probabilities = torch.rand(2, 10, 9).softmax(-1)
    value, labels = torch.randn(2, 10), torch.arange(10).expand(2, 10) % 2
    bins = Prediction(value=value, scores=probabilities, probabilities=probabilities)
    same(
        judge(bins, {"binary": labels}, CLASSES),
        judge(Prediction(value=value), {"binary": labels}, CLASSES),
    )


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_a_diverged_member_is_nan_and_leaves_the_others_as_they_are(
    bad: float, prediction: Prediction, targets: dict[TargetKind, Tensor]
) -> None:
    whole = judge(prediction, targets, ALL)
    for tensor in prediction.values():
        tensor[2].flatten()[3] = bad
    spoilt = judge(prediction, targets, ALL)
    for name, result in spoilt.items():
        assert result[2].isnan(), name
        others = [0, 1, 3, 4]
        assert torch.equal(result[others], whole[name][others]), name


def test_one_example_is_judged_without_a_crash(
    prediction: Prediction, all_targets: dict[TargetKind, Tensor]
) -> None:
    one = Prediction(**{name: tensor[:, :1] for name, tensor in prediction.items()})
    results = judge(one, {kind: target[:, :1] for kind, target in all_targets.items()}, ALL)
    boxes, truth = boxed()
    results |= judge(Prediction(value=boxes["value"][:, :1]), {"box": truth["box"][:, :1]}, ALL)
    depths, truth = deep()
    of_one = {"continuous": truth["continuous"][:, :1]}
    results |= judge(Prediction(value=depths["value"][:, :1]), of_one, ALL)
    codes, truth = pictured()
    image = Prediction(**{name: tensor[:, :1] for name, tensor in codes.items()})
    results |= judge(image, {"multiclass": truth["multiclass"][:, :1]}, ALL)
    assert results.keys() == METRICS.keys()
    undefined = {name for name, result in results.items() if result.isnan().any()}
    assert undefined == PEOPLE | {"auroc", "recall_at_fpr_0.002"}


def test_judging_changes_no_prediction(prediction: Prediction, targets: dict[TargetKind, Tensor]) -> None:
    before = {name: tensor.clone() for name, tensor in prediction.items()}
    judge(prediction, targets, ALL)
    assert all(torch.equal(tensor, before[name]) for name, tensor in prediction.items())


def test_a_member_is_judged_as_alone(prediction: Prediction, targets: dict[TargetKind, Tensor]) -> None:
    whole = judge(prediction, targets, ALL)
    for number in range(R):
        one = slice(number, number + 1)
        alone = judge(members(prediction, one), {k: t[one] for k, t in targets.items()}, ALL)
        same(alone, {name: result[one] for name, result in whole.items()})


@pytest.mark.parametrize("chunk", [1, 2 * N * N, 10**9])
def test_chunks_change_nothing(
    chunk: int,
    prediction: Prediction,
    targets: dict[TargetKind, Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = judge(prediction, targets, ALL)
    monkeypatch.setattr(module, "CHUNK", chunk)
    same(judge(prediction, targets, ALL), whole)


def test_outputs_that_require_gradients_are_judged(targets: dict[TargetKind, Tensor]) -> None:
    value = torch.randn(R, N, requires_grad=True)
    results = judge(Prediction(value=value), targets, ALL)
    assert not any(result.requires_grad for result in results.values())


def test_directions_are_those_of_better_predictions(all_targets: dict[TargetKind, Tensor]) -> None:
    """The table says which way is up: a prediction near the truth beats noise in every metric."""

    def predicted(noise: float) -> Prediction:
        generator = torch.Generator().manual_seed(3)
        scores = 4 * torch.nn.functional.one_hot(all_targets["multiclass"], C)
        scores = scores + noise * torch.randn(R, N, C, generator=generator)
        people = torch.nn.functional.one_hot(all_targets["identity"], 8)
        errors = torch.randn(R, N, 1, generator=generator) + torch.special.ndtri(torch.tensor(LEVELS))
        errors = errors + noise + noise / 10 * torch.randn(R, N, len(LEVELS), generator=generator)
        quantiles = all_targets["continuous"].unsqueeze(-1) + errors
        noisy = all_targets["binary"] + noise * torch.randn(R, N, generator=generator)
        return Prediction(
            value=all_targets["continuous"] + noise * torch.randn(R, N, generator=generator),
            scores=scores,
            probabilities=scores.softmax(-1),
            embedding=people + noise * torch.randn(R, N, 8, generator=generator),
            quantiles=quantiles,
            levels=torch.tensor(LEVELS).expand(R, N, -1),
            tuned_decisions=(noisy > 0.5).float().unsqueeze(-1).expand(-1, -1, 4),
        )

    def near(truth: Tensor, noise: float) -> Prediction:
        generator = torch.Generator().manual_seed(4)
        return Prediction(value=truth + noise * torch.randn(truth.shape, generator=generator))

    (_, boxes), (_, depths) = boxed(), deep()
    good, bad = (
        judge(predicted(noise), all_targets, ALL)
        | judge(near(boxes["box"], noise), boxes, ALL)
        | judge(near(depths["continuous"], noise), depths, ALL)
        | judge(*pictured(noise), ALL)
        for noise in (0.1, 5.0)
    )
    for name, metric in METRICS.items():
        if metric.aim is not None:  # noise leaves a bias where it is, and a coverage on either side
            continue
        ahead = good[name] > bad[name] if metric.higher_is_better else good[name] < bad[name]
        assert ahead.all(), name


def test_what_a_config_names_is_read_without_importing_torch() -> None:
    modules = ", ".join(f"lossbench.metrics.{name}" for name in ("families", "named", "recorded"))
    code = f"import {modules}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
