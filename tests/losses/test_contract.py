"""What the pack relies on, for every shipped loss on every kind of target that it trains on."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lossbench.config.folders import node_in
from lossbench.config.making import make
from lossbench.errors import InputError
from lossbench.losses.bce import BCE
from lossbench.losses.berhu import BerHu
from lossbench.losses.cce import CCE
from lossbench.losses.ciou import CIoU
from lossbench.losses.contrastive import Contrastive
from lossbench.losses.cosine_mse import CosineMSE
from lossbench.losses.cross import shipped
from lossbench.losses.diou import DIoU
from lossbench.losses.distillation import Distillation
from lossbench.losses.elbo import ELBO
from lossbench.losses.focal_softmax import FocalSoftmax
from lossbench.losses.giou import GIoU
from lossbench.losses.hinge import Hinge
from lossbench.losses.huber import Huber
from lossbench.losses.info_nce import InfoNCE
from lossbench.losses.iou import IoU
from lossbench.losses.iwae import IWAE
from lossbench.losses.jsd import JSD
from lossbench.losses.kl import KL
from lossbench.losses.log_cosh import LogCosh
from lossbench.losses.log_l1 import LogL1
from lossbench.losses.logit_mse import LogitMSE
from lossbench.losses.loss import Loss
from lossbench.losses.mae import MAE
from lossbench.losses.mape import MAPE
from lossbench.losses.mse import MSE
from lossbench.losses.pinball import Pinball
from lossbench.losses.pixel_mean import PixelMean
from lossbench.losses.policy_gradient import PolicyGradient
from lossbench.losses.reverse_kl import ReverseKL
from lossbench.losses.silog import SILog
from lossbench.losses.smape import SMAPE
from lossbench.losses.sum import Sum
from lossbench.losses.third_party import ThirdParty
from lossbench.losses.triplet import Triplet
from lossbench.losses.unlikelihood import Unlikelihood
from lossbench.losses.z_loss import ZLoss
from lossbench.task import Target

CONF = Path(__file__).parents[2] / "conf" / "loss"
KINDS = {
    "continuous": Target("continuous"),
    "box": Target("box", 4),
    "binary": Target("binary"),
    "multiclass": Target("multiclass", 4),
    "distribution": Target("distribution", 4, (-2.0, -1.0, 1.0, 2.0)),
    "identity": Target("identity", 4),
    "item": Target("item", 4),
    "pixels": Target("pixels", 4, support=(0.0, 1.0)),
    "preference": Target("preference"),
}
BY_NAME = ("item",)  # kinds of which outputs are read by name: test_relations, and losses of clicks
VARIANTS = [
    *(MSE(), MAE(), Huber(), MSE(softmax=True), MAE(softmax=True), BCE(), BCE(pos_weight=5.0)),
    *(MAPE(), SMAPE(), LogCosh(), Pinball(), Pinball(levels=(0.1, 0.5, 0.9)), ZLoss()),
    *(IoU(), GIoU(), DIoU(), CIoU()),
    *(BerHu(), LogL1()),
    *(FocalSoftmax(), FocalSoftmax(gamma=0.5)),
    *(loss(alpha=alpha) for loss in (Distillation, ReverseKL, JSD, LogitMSE) for alpha in (0.9, 1.0)),
    *(CCE(), CCE(label_smoothing=0.1), KL(), KL(label_smoothing=0.0)),
    *(Hinge(), Hinge(squared=True)),
    *(Contrastive(pairs=p, normalize=n) for p in ("mean", "balanced") for n in (False, True)),
    *(Triplet(mining=m, normalize=n) for m in ("hard", "all", "semi_hard") for n in (False, True)),
    *(InfoNCE(), InfoNCE(temperature=0.5), CosineMSE(), CosineMSE(pairs="mean")),
]
CASES = [
    pytest.param(loss, KINDS[kind], id=f"{loss.name}-{kind}-{number}")
    for number, loss in enumerate(VARIANTS)
    for kind in loss.trains_on
    if kind in KINDS and kind not in BY_NAME and loss.chosen_target([KINDS[kind]])
]
OFFERED = {
    "outliers": ("continuous",),
    "mnist": ("multiclass", "identity"),
    "sentiment": ("continuous", "binary", "distribution", "identity"),
    "faces": ("identity",),
    "boxes": ("box",),
    "movielens": ("item",),
    "mnist, task=pixels": ("pixels", "multiclass"),
    "preferences": ("preference",),
}
_MNIST = {"mnist": "multiclass", "mnist, task=pixels": "multiclass"}
VALUE = {"outliers": "continuous", "sentiment": "continuous", **_MNIST}
TABLE = {
    "mse": {**VALUE, "boxes": "box"},
    "mae": {**VALUE, "boxes": "box"},
    "huber": {**VALUE, "boxes": "box"},
    "log_cosh": {**VALUE, "boxes": "box"},
    "berhu": {"outliers": "continuous", "sentiment": "continuous"},
    "log_l1": {"outliers": "continuous", "sentiment": "continuous"},
    "silog": {},  # at places alone
    "mape": {"outliers": "continuous", "sentiment": "continuous"},
    "smape": {"outliers": "continuous", "sentiment": "continuous"},
    "pinball": {"outliers": "continuous", "sentiment": "continuous"},
    **{name: {"boxes": "box"} for name in ("iou", "giou", "diou", "ciou")},
    "bce": {**_MNIST, "sentiment": "binary", "faces": "identity", "movielens": "item"},
    "cce": {**_MNIST, "sentiment": "binary", "faces": "identity", "movielens": "item"},
    "focal_softmax": {**_MNIST, "sentiment": "binary", "faces": "identity"},
    **{
        name: {**_MNIST, "sentiment": "binary"} for name in ("distillation", "reverse_kl", "jsd", "logit_mse")
    },
    "unlikelihood": {},  # at places alone
    **{name: {"mnist, task=pixels": "pixels"} for name in ("elbo", "iwae", "pixel_mean")},
    **{name: {"preferences": "preference"} for name in ("policy_gradient", "dpo")},
    "sum": {},  # of no parts
    **{name: {"movielens": "item"} for name in ("bpr", "warp")},
    "z_loss": {**_MNIST, "sentiment": "binary", "faces": "identity"},
    "hinge": {**_MNIST, "sentiment": "binary", "faces": "identity", "movielens": "item"},
    "kl": {**_MNIST, "sentiment": "distribution", "faces": "identity"},
    **{
        name: {"mnist": "identity", "sentiment": "identity", "faces": "identity", "movielens": "item"}
        for name in ("contrastive", "triplet", "info_nce", "cosine_mse")
    },
}


def targets(kind: Target, *shape: int) -> torch.Tensor:
    if kind.kind == "continuous":
        return torch.randn(*shape)
    if kind.kind == "box":
        return torch.randn(*shape, 4)  # whichever way their sides stand
    if kind.kind == "distribution":
        return torch.randn(*shape, kind.size).softmax(-1)
    return torch.randint(0, 2 if kind.kind == "binary" else kind.size, shape)


def computed(loss: Loss, output: torch.Tensor, target: torch.Tensor, kind: Target) -> torch.Tensor:
    """Of data without weights, for a loss that reads these beside its target, and with a teacher."""
    teacher = torch.linspace(-2, 2, output.shape[-1]).expand_as(output)
    return loss(output, {kind.kind: target, "teacher": teacher} if loss.also else target, kind)


def gradient(loss: Loss, output: torch.Tensor, target: torch.Tensor, kind: Target) -> torch.Tensor:
    leaf = output.clone().requires_grad_()
    (result,) = torch.autograd.grad(computed(loss, leaf, target, kind).sum(), leaf)
    return result


def assert_finite(loss: Loss, output: torch.Tensor, target: torch.Tensor, kind: Target) -> None:
    values = computed(loss, output, target, kind)
    assert values.shape == output.shape[:1]
    assert values.isfinite().all()
    assert (values >= -1e-5).all()
    assert gradient(loss, output, target, kind).isfinite().all()


class TestDeclarations:
    def test_every_yaml_is_a_loss_with_its_defaults(self) -> None:
        found = {}
        for path in CONF.glob("*.yaml"):
            loss = make("loss", Loss, node_in(path))
            assert loss.name == path.stem
            if not isinstance(loss, ThirdParty):
                found[loss.name] = loss
        assert found.pop("mse_softmax") == MSE(name="mse_softmax", softmax=True)
        assert found.pop("label_smoothing") == CCE(name="label_smoothing", label_smoothing=0.1)
        assert found.pop("mae_softmax") == MAE(name="mae_softmax", softmax=True)
        assert found.pop("quantiles") == Pinball(name="quantiles", levels=(0.1, 0.5, 0.9))
        assert found.pop("silog_invariant") == SILog(name="silog_invariant", invariance=1.0)
        assert found.pop("l1_giou") == Sum(name="l1_giou", parts={"giou": 2, "mae": 10})
        assert found.pop("elbo_warm_up") == ELBO(name="elbo_warm_up", warm_up=0.3)
        assert found.pop("elbo_free_bits") == ELBO(name="elbo_free_bits", free_bits=0.25)
        assert found.pop("ppo") == PolicyGradient(name="ppo", reuse=4, clip=0.2)
        for way in ("k1", "k2", "k3", "exact", "none"):
            name = f"policy_gradient_{way}"
            assert found.pop(name) == PolicyGradient(name=name, kl=way)
        assert found == {loss.name: loss for loss in shipped()}
        assert sorted(found) == sorted(TABLE)

    @pytest.mark.parametrize("loss", [MSE(softmax=True), MAE(softmax=True), Huber(softmax=True)])
    @pytest.mark.parametrize("classes", [Target("multiclass", 3), Target("binary", 2)], ids=lambda t: t.kind)
    def test_a_softmax_is_for_classes(self, loss: Loss, classes: Target) -> None:
        assert loss.chosen_target([Target("continuous")]) is None
        assert loss.chosen_target([Target("continuous"), classes]) == classes

    @pytest.mark.parametrize("loss", shipped(), ids=lambda loss: loss.name)
    def test_trains_where_the_table_says_and_nowhere_else(self, loss: Loss) -> None:
        chosen = {}
        for data, offered in OFFERED.items():
            fits = [kind for kind in loss.trains_on if kind in offered and loss.chosen_target([KINDS[kind]])]
            if fits:
                chosen[data] = fits[0]
        assert chosen == TABLE[loss.name]

    def test_declaring_a_loss_imports_no_torch(self) -> None:
        """A refused config must answer at once."""
        modules = [path.stem for path in (CONF.parents[1] / "src/lossbench/losses").glob("*.py")]
        lines = [f"import lossbench.losses.{name}" for name in modules if name != "__init__"]
        program = "\n".join(["import sys", *lines, "assert 'torch' not in sys.modules"])
        subprocess.run([sys.executable, "-c", program], check=True)

    @pytest.mark.parametrize(
        ("loss", "knob", "value"),
        [
            *[(Huber, "delta", value) for value in (0, -1.0, float("nan"), float("inf"), "one", None)],
            *[(BCE, "pos_weight", value) for value in (0, -1.0, float("inf"))],
            (FocalSoftmax, "gamma", -0.1),
            *[(Pinball, "level", value) for value in (0, 1, -0.1)],
            *[(Pinball, "levels", value) for value in ([0.1, 1], [0.0], 0.5)],
            *[(LogCosh, "width", value) for value in (0, -1.0)],
            *[(BerHu, "share", value) for value in (0, 1.1)],
            *[(LogL1, "alpha", value) for value in (0, -1.0)],
            *[(SILog, "invariance", value) for value in (-0.1, 1.1)],
            (ZLoss, "coefficient", -0.1),
            (Unlikelihood, "alpha", -0.1),
            *[(loss, "alpha", value) for loss in (Distillation, LogitMSE) for value in (-0.1, 1.1)],
            *[(loss, "temperature", value) for loss in (Distillation, ReverseKL, JSD) for value in (0, -1)],
            *[(Hinge, "margin", value) for value in (0, -1)],
            (Hinge, "squared", 2),
            *[(ELBO, "beta", -0.1), (ELBO, "warm_up", 1.1), (ELBO, "free_bits", -0.1), (IWAE, "k", 0)],
            *[(ELBO, "likelihood", "poisson"), (PixelMean, "deviation", 0)],
            *[(CCE, "label_smoothing", value) for value in (1.5, -0.1, 1)],
            *[(KL, "label_smoothing", value) for value in (1.5, -0.1, 1)],
            *[(Contrastive, "margin", value) for value in (0, -1)],
            (Contrastive, "pairs", "some"),
            *[(Triplet, "margin", value) for value in (0, -1)],
            *[(InfoNCE, "temperature", value) for value in (0, -1)],
            (CosineMSE, "pairs", "some"),
            (Triplet, "mining", "soft"),
        ],
    )
    def test_a_knob_out_of_range_is_refused(self, loss: type[Loss], knob: str, value: object) -> None:
        with pytest.raises(InputError, match=f"loss.{knob}"):
            loss(**{knob: value})


@pytest.mark.parametrize(("loss", "kind"), CASES)
class TestEveryLoss:
    def test_stacked_members_equal_members_in_turn(self, loss: Loss, kind: Target) -> None:
        """Values and gradients, with a knob of its own for each member."""
        members, examples = 3, 12
        output = torch.randn(members, examples, loss.outputs(kind, 5), requires_grad=True)
        target = targets(kind, members, examples)
        knobs = {name: torch.tensor([0.2, 0.5, 0.9]) for name in loss.float_knobs()}

        def one(
            output: torch.Tensor, target: torch.Tensor, knobs: dict[str, torch.Tensor | float]
        ) -> torch.Tensor:
            return computed(dataclasses.replace(loss, **knobs), output, target, kind)

        stacked = torch.func.vmap(one)(output, target, knobs)
        in_turn = torch.stack(
            [one(output[i], target[i], {k: v[i].item() for k, v in knobs.items()}) for i in range(members)]
        )
        assert stacked.shape == (members, examples)
        torch.testing.assert_close(stacked, in_turn, rtol=1e-6, atol=1e-6)
        ours, theirs = (torch.autograd.grad(v.sum(), output)[0] for v in (stacked, in_turn))
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)

    def test_extreme_outputs_stay_finite(self, loss: Loss, kind: Target) -> None:
        size = loss.outputs(kind, 3)
        rows = torch.tensor(list(itertools.product((1e4, -1e4, 0.0), repeat=min(size, 4))))
        rows = rows[:81]
        assert_finite(loss, rows, targets(kind, len(rows)), kind)

    def test_exact_zeros_stay_finite(self, loss: Loss, kind: Target) -> None:
        """Zero distances, zero lengths, all classes level."""
        assert_finite(loss, torch.zeros(9, loss.outputs(kind, 3)), targets(kind, 9), kind)

    def test_equal_rows_stay_finite(self, loss: Loss, kind: Target) -> None:
        row = torch.randn(1, loss.outputs(kind, 3))
        assert_finite(loss, row.expand(9, -1), targets(kind, 9), kind)

    def test_one_class_in_the_batch_stays_finite(self, loss: Loss, kind: Target) -> None:
        target = targets(kind, 1).expand(9, *targets(kind, 1).shape[1:])
        assert_finite(loss, torch.randn(9, loss.outputs(kind, 3)), target, kind)

    def test_one_example_stays_finite(self, loss: Loss, kind: Target) -> None:
        assert_finite(loss, torch.randn(1, loss.outputs(kind, 3)), targets(kind, 1), kind)

    def test_a_tensor_of_no_dimension_serves_as_a_knob(self, loss: Loss, kind: Target) -> None:
        output, target = torch.randn(6, loss.outputs(kind, 3)), targets(kind, 6)
        knobs = {name: torch.tensor(value) for name, value in loss.float_knobs().items()}
        values = computed(dataclasses.replace(loss, **knobs), output, target, kind)
        torch.testing.assert_close(values, computed(loss, output, target, kind))

    def test_predictions_keep_leading_dimensions(self, loss: Loss, kind: Target) -> None:
        output = torch.randn(2, 3, 7, loss.outputs(kind, 5))
        prediction = loss.predict(output, kind)
        present = {k: v for k, v in prediction.items() if v is not None}
        assert present
        for name, tensor in present.items():
            assert tensor.shape[:3] == (2, 3, 7)
            single = name == "value" and kind.kind != "box"
            # The levels of quantiles and the edges of boxes stand last.
            assert tensor.ndim == (3 if single else 4)
        if "scores" in prediction:
            classes = 2 if kind.kind == "binary" else kind.size
            assert prediction["scores"].shape[-1] == classes
        if "probabilities" in prediction:
            torch.testing.assert_close(prediction["probabilities"].sum(-1), torch.ones(2, 3, 7))
            assert torch.equal(prediction["probabilities"].argmax(-1), prediction["scores"].argmax(-1))


@pytest.mark.parametrize("loss", [loss for loss in VARIANTS if "identity" in loss.trains_on], ids=repr)
def test_a_batch_without_two_of_one_identity_stays_finite(loss: Loss) -> None:
    kind = Target("identity", 9)
    assert_finite(loss, torch.randn(9, loss.outputs(kind, 3)), torch.arange(9), kind)


@pytest.mark.parametrize(
    ("loss", "kind", "word"),
    [
        (MSE(), "continuous", "mean"),
        (MSE(), "multiclass", "probabilities"),
        (MSE(), "box", "mean"),
        (MAE(), "box", "median"),
        (GIoU(), "box", ""),
        (MAE(), "continuous", "median"),
        (Pinball(), "continuous", "median"),
        (Pinball(level=0.9), "continuous", "quantile 0.9"),
        (Pinball(levels=(0.1, 0.5)), "continuous", "quantiles 0.1, 0.5"),
        (MAPE(), "continuous", "(-1)-median"),
        (LogCosh(), "continuous", "between mean and median"),
        (LogL1(), "continuous", "between median and mode"),
        (SILog(), "continuous", "geometric mean"),
        (SILog(invariance=1.0), "continuous", "geometric mean, up to a factor"),
        (CCE(label_smoothing=0.1), "multiclass", "smoothed probabilities"),
        (BCE(pos_weight=5.0), "binary", "weighted probabilities"),
        (Distillation(alpha=1.0), "multiclass", "the teacher's probabilities"),
        (KL(), "distribution", "mean of the distribution"),
        (Triplet(), "identity", ""),
    ],
)
def test_a_loss_says_what_it_elicits(loss: Loss, kind: str, word: str) -> None:
    assert loss.elicits(KINDS[kind]) == word


def test_every_loss_of_values_and_classes_says_what_it_elicits() -> None:
    places = Target("multiclass", 4, shape=(3,))
    for loss in shipped():
        target = loss.chosen_target([KINDS["continuous"]]) or loss.chosen_target([places])
        if target is not None and "embedding" not in loss.gives(target):
            assert loss.elicits(target), loss.name
