"""Any combination of valid choices trains to numbers or is refused with a sentence: no run fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hydra import compose
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from lossbench.config.folders import conf_dir
from lossbench.errors import InputError
from lossbench.outcome import Outcome
from lossbench.train import train_many

pytestmark = pytest.mark.usefixtures("composing")

TINY = {
    "outliers": "data.train_size=12 data.val_size=4 data.test_size=4",
    "mnist_5k": "data.train_size=20 data.val_size=10 data.test_size=10",
    "distilled": "data.knobs={train_size:20,val_size:10,test_size:10} data.teacher.model.hidden=[3] "
    "data.teacher.trainer.max_epochs=1",
    "sentiment": "data.train_size=20 data.val_share=0.01 data.test_share=0.01",
    "faces": "data.train_people=2 data.val_people=2 data.test_people=2 data.shifts=0",
    "csv": "data.path=table.csv data.target=y data.min_count=1",
    "text": "data.path=texts.csv data.text=said data.target=mood",
    "spam": "data.imbalance=1 data.val_share=0.45 data.test_share=0.5",
    "topics": "data.val_share=0.9",
    "table": "data.path=kinds.csv data.target=kind data.min_count=1",
    "price": "data.val_share=0.49 data.test_share=0.5",
    "images": "data.path=photos",
    "crowns": "data.size=8",
    "boxes": "data.size=8",
    "boxes_digits": "data.size=8 data.train_size=20 data.val_size=10 data.test_size=10",
    "depth": "data.size=[8,32] data.patch=4 data.step=2 data.test_columns=4 data.val_columns=4 data.gap=4",
    "preferences": "data.symbols=3 data.length=3 data.train_size=20",
    "series": "data.path=days.csv data.time=day data.target=y data.past=3 data.horizon=2",
    "corpus": "data.path=said.txt data.context=5",
    "ratings": "data.path=clicks.csv data.user=user data.item=item data.min_item=1",
    "pairs": "data.path=twins.csv data.left=one data.right=other data.min_count=1 data.length=4",
    **dict.fromkeys(("electricity", "appliances", "bikes"), "data.val_share=0.49 data.test_share=0.5"),
    "demand": "data.val_share=0.49 data.test_share=0.5 data.past=9",
}
SERIES = ("series", "electricity", "appliances", "bikes", "demand")
SPIKES: dict[str, list[object]] = {
    "data.contamination": [0.0, 0.3, 0.99],
    "data.outlier": ["one_sided", "symmetric"],
    "data.outlier_scale": [1e-3, 5.0, 1e6],
}
UNREAD = {"movielens", "shakespeare", "verses"}  # which are long
MODELS = {
    **dict.fromkeys(("outliers", "csv", "table", "price"), ("mlp", "linear")),
    **dict.fromkeys(SERIES, ("mlp", "linear", "rnn", "nlinear")),
    "corpus": ("rnn", "transformer"),
    "depth": ("unet", "linear", "mlp", "cnn"),
    "ratings": ("towers",),
    "preferences": ("policy",),
    "pairs": ("siamese",),
    **dict.fromkeys(("sentiment", "text", "spam", "topics"), ("text", "mlp", "rnn")),
}
SHARES = [0.0, 0.3, 1.0]
OF_POLICIES = (
    *("policy_gradient", "policy_gradient_none", "policy_gradient_exact", "dpo", "ppo"),
    *("policy_gradient_k1", "policy_gradient_k2", "policy_gradient_k3"),
)
# What further knobs may be: of a data set or a loss, then those of every run.
KNOBS: dict[str, dict[str, list[object]]] = {
    "outliers": {
        "data.contamination": SHARES,
        "data.noise": [0.0, 1.0],
        "data.curve": ["friedman1", "sine"],
        "data.outlier": ["one_sided", "symmetric", "heavy_tailed"],
        "data.outlier_scale": [1e-3, 5.0, 1e6],
    },
    "mnist_5k": {"data.label_noise": SHARES},
    "distilled": {"data.without": ["null", 3], "data.teacher.jitter": [0, 2]},
    "preferences": {"data.beta": [0.0, 0.3, 1e6], "model.hidden": [1, 7]},
    "sentiment": {"data.neutral_band": [0.0, 0.5], "data.length": [1, 8], "data.min_count": [1, 3]},
    "faces": {"data.mirror": [True, False]},
    "csv": {"data.categories": ["[]", "[b]"], "data.drop": ["[]", "[a]"], "data.max_categories": [1, 20]},
    "text": {
        "data.repeats": ["anywhere", "together", "once"],
        "data.balance": [False, True],
        "data.length": [1, 8],
    },
    "corpus": {"data.tokens": ["characters", "words"], "data.min_count": [1, 3]},
    "ratings": {"data.negatives": [1, 3], "data.mask": [False, True], "data.held_out": [1, 2]},
    "pairs": {"data.target": ["null", "score"], "data.repeats": ["anywhere", "together"]},
    "spam": {"data.balance": [False, True], "data.length": [1, 8]},
    "topics": {"data.balance": [False, True], "data.label_noise": SHARES, "data.length": [1, 8]},
    "table": {"data.balance": [False, True], "data.drop": ["[]", "[a]"]},
    "price": {"data.log_target": [False, True]},
    "images": {"data.flip": [False, True], "data.shift": [0, 2], "data.stream": [False, True]},
    "crowns": {"data.balance": [False, True], "data.crop": [0.0, 0.5]},
    "depth": {"data.log_target": [False, True], "data.stereo": [False, True]},
    "boxes": {"data.flip": [False, True], "data.corner_noise": SHARES},
    "boxes_digits": {"data.clutter": [0, 3], "data.corner_noise": SHARES},
    **{name: {"data.calendar": [False, True], "data.horizon": [1, 2], **SPIKES} for name in SERIES},
    "mse": {"loss.softmax": [False, False, True]},
    "mae": {"loss.softmax": [False, False, True]},
    "huber": {"loss.delta": [1e-6, 1.0, 1e9], "loss.softmax": [False, False, True]},
    "cce": {"loss.label_smoothing": [0.0, 0.99]},
    "kl": {"loss.label_smoothing": [0.0, 0.99]},
    "label_smoothing": {"loss.label_smoothing": [0.0, 0.99]},
    **{
        name: {"loss.alpha": SHARES, "loss.temperature": [1e-3, 4.0, 1e6]}
        for name in ("distillation", "reverse_kl", "jsd")
    },
    "logit_mse": {"loss.alpha": SHARES},
    "hinge": {"loss.margin": [1e-3, 1e6], "loss.squared": [False, True]},
    "contrastive": {
        "loss.margin": [1e-3, 2.0, 1e6],
        "loss.pairs": ["mean", "balanced"],
        "loss.normalize": [False, True],
    },
    "triplet": {
        "loss.margin": [1e-3, 1e6],
        "loss.mining": ["all", "hard", "semi_hard"],
        "loss.normalize": [False, True],
    },
    "info_nce": {"loss.temperature": [1e-3, 1e6]},
    "cosine_mse": {"loss.pairs": ["mean", "balanced"]},
    "focal": {"loss.function.gamma": [0.0, 5.0]},
    "focal_binary": {"loss.function.gamma": [0.0, 5.0]},
    "pinball": {"loss.level": [0.5, 0.5, 0.01], "loss.levels": ["[]", "[]", "[0.5]"]},
    "quantiles": {"loss.levels": ["[0.1,0.5,0.9]", "[0.01]"]},
    "log_cosh": {"loss.width": [1e-6, 1.0, 1e9], "loss.softmax": [False, False, True]},
    "berhu": {"loss.share": [1e-6, 0.2, 1.0]},
    "log_l1": {"loss.alpha": [1e-6, 0.5, 1e6]},
    "silog": {"loss.invariance": [0.0, 0.5, 1.0]},
    "silog_invariant": {},
    **{name: {} for name in ("iou", "giou", "diou", "ciou")},
    "l1_giou": {"loss.parts.mae": [0.0, 10.0, 1e6]},
    "sum": {
        "loss.parts": ["{mse: 1, mae: 0.5}", "{cce: 1, mse: 1e3}", "{giou: 1, huber: 0}"],
    },
    "z_loss": {"loss.coefficient": [0.0, 1e-4, 10.0]},
    "bpr": {},
    **{name: {} for name in OF_POLICIES},
    "warp": {"loss.margin": [1e-3, 1e6]},
    "focal_softmax": {"loss.gamma": [0.0, 0.3, 5.0]},
    "bce": {"loss.pos_weight": [1e-3, 1.0, 1e3]},
    "elbo": {"loss.beta": [0.0, 1.0, 1e6], "loss.warm_up": SHARES, "loss.free_bits": [0.0, 0.5, 1e6]},
    **{name: {"loss.beta": [0.0, 4.0]} for name in ("elbo_warm_up", "elbo_free_bits")},
    "iwae": {"loss.k": [1, 3]},
    "pixel_mean": {"loss.k": [1, 3]},
    **{
        name: {}
        for name in ("mse_softmax", "mae_softmax", "mape", "smape", "multi_similarity", "unlikelihood")
    },
}
EVERY: dict[str, list[object]] = {
    "seed": [0, 1, 2**31 - 1],
    "optimizer": ["adagrad", "adam", "adamw", "sgd"],
    "optimizer.weight_decay": [0.0, 0.1, 1e30],
    "optimizer.schedule": ["constant", "linear", "cosine"],
    "optimizer.warmup": [0.0, 0.3, 0.99],
    "optimizer.clip": ["null", 1e-6, 1.0],
    "trainer.max_epochs": [1, 2],
    "trainer.batch_size": [1, 2, 7, 1000],
    "trainer.patience": ["null", 1],
    "trainer.accelerator": ["cpu", "auto", "cpu", "auto", "cpu", "auto", "cpu", "gpu"],
    "model.embedding_size": [1, 2, 5],
    "pack.mode": ["auto", "vmap", "loop"],
    "pack.checkpoint_every": [0, 1],
    "tracking.predictions": [False, True],
    "tracking.models": [False, True],
}
LOSSES = [name for name in KNOBS if name not in TINY]
OF_BOXES = ("iou", "giou", "diou", "ciou", "l1_giou")
OF_CLICKS = ("bpr", "warp")
OF_PIXELS = ("elbo", "elbo_warm_up", "elbo_free_bits", "iwae", "pixel_mean")
OF_TEACHERS = ("distillation", "reverse_kl", "jsd", "logit_mse")
AS_PIXELS = (
    "data.task=pixels data.size=7 data.binarize=static",
    "data.task=pixels data.size=14 data.binarize=dynamic",
    "data.task=pixels data.size=7 loss.likelihood=gaussian loss.deviation=0.3",
    "data.task=pixels data.size=7 loss.likelihood=continuous_bernoulli",
)
OF_OTHERS = (
    "unlikelihood",
    "mape",
    "smape",
    "pinball",
    "quantiles",
    "berhu",
    "log_l1",
    "silog",
    "silog_invariant",
    "focal_binary",
    *OF_BOXES,
    *OF_CLICKS,
    *OF_PIXELS,
    *OF_POLICIES,
    *OF_TEACHERS,
)  # losses of numbers, of two classes alone, of boxes, of clicks, of pixels, of policies and of teachers
OF_EMBEDDINGS = ("contrastive", "triplet", "info_nce", "cosine_mse")
OF_TWO = ("bce", "cce", "hinge", "focal", "focal_binary", "focal_softmax", "z_loss", *OF_EMBEDDINGS)
FITTING = {
    "corpus": ("cce", "kl", "focal_softmax", "z_loss"),  # which give the nll that chooses
    "preferences": OF_POLICIES,
    "ratings": ("bce", "cce", "hinge", *OF_EMBEDDINGS, *OF_CLICKS),
    "pairs": ("bce", "mse", *OF_EMBEDDINGS),
    **dict.fromkeys(
        ("outliers", "csv", "price", *SERIES),
        ("mse", "mae", "huber", "log_cosh", "mape", "smape", "pinball", "quantiles", "berhu", "log_l1"),
    ),
    "depth": (
        *("mse", "mae", "huber", "log_cosh", "mape", "smape", "pinball", "quantiles"),
        *("berhu", "log_l1", "silog", "silog_invariant"),
    ),
    **dict.fromkeys(("boxes", "boxes_digits"), ("mse", "mae", "huber", "sum", *OF_BOXES)),
    "mnist_5k": [*(name for name in LOSSES if name not in OF_OTHERS), *OF_PIXELS],
    "distilled": [*(name for name in LOSSES if name not in OF_OTHERS), *OF_TEACHERS],
    "topics": [
        name for name in LOSSES if name not in (*OF_OTHERS, "multi_similarity")
    ],  # which reads no weights
    **dict.fromkeys(("text", "spam", "table", "images", "crowns"), OF_TWO),
    "sentiment": [
        name
        for name in LOSSES
        if name
        not in ("mse_softmax", "mae_softmax", "unlikelihood", "silog", *OF_BOXES, *OF_CLICKS, *OF_PIXELS)
        and name not in (*OF_POLICIES, *OF_TEACHERS)
    ],
    "faces": [
        "bce",
        "cce",
        "hinge",
        "kl",
        "focal",
        "focal_softmax",
        "z_loss",
        *OF_EMBEDDINGS,
        "multi_similarity",
    ],
}
RATES = st.floats(1e-12, 1e12) | st.sampled_from([1e-3, 1.0, 1e30, 5e-324])


@pytest.fixture
def folder(stored: Path) -> Path:
    """The current folder, with an empty database and a table."""
    write_table(stored)
    return stored


@st.composite
def commands(draw: st.DrawFn) -> list[str]:
    """A run of any data set, model and loss, most of whose knobs are drawn too."""
    data = draw(st.sampled_from(sorted(TINY)))
    # Most of them fit: a refusal costs little, and tells little.
    loss = draw(st.sampled_from(LOSSES if draw(st.integers(0, 9)) == 0 else FITTING[data]))
    model = draw(st.sampled_from(MODELS.get(data, ("mlp", "linear", "cnn"))))
    as_pixels = data == "mnist_5k" and loss in OF_PIXELS
    pixels = draw(st.sampled_from(AS_PIXELS)).split() if as_pixels else []
    model = "vae" if pixels else model
    knobs = {**EVERY, **({} if pixels else KNOBS[data]), **KNOBS[loss]}
    if pixels:
        knobs |= {"model.encoder": ["mlp", "cnn"], "model.latent": [1, 3], "model.draws": [1, 12]}
    if model == "mlp":
        knobs["model.hidden"] = ["[64,64]", "[]", "[3]", "[3,2]"]
    if model == "transformer":
        knobs |= {"model.width": [2, 6], "model.heads": [1, 2], "model.layers": [1, 3]}
    if model == "rnn":
        knobs |= {"model.cell": ["gru", "lstm", "rnn"], "model.hidden": [1, 6], "model.layers": [1, 2]}
    if model == "towers":
        knobs |= {"model.hidden": ["[]", "[3]"], "model.bias": [False, True]}
    if model == "siamese":
        knobs |= {"model.encoder": ["text", "linear"]}
    if model not in ("linear", "nlinear", "unet", "towers", "vae", "policy", "siamese"):
        knobs["model.dropout"] = [0.0, 0.9]
    chosen = [f"{knob}={draw(st.sampled_from(values))}" for knob, values in knobs.items()]
    first = [f"data={data}", f"model={model}", f"loss={loss}", f"optimizer.lr={draw(RATES)}"]
    return [*first, *TINY[data].split(), *pixels, *chosen]


def test_the_fuzz_draws_every_data_set_and_every_loss_that_fits_one() -> None:
    shipped = {
        group: {path.stem for path in (conf_dir() / group).glob("*.yaml")} for group in ("data", "loss")
    }
    assert shipped["data"] - {"mnist", "lfw"} - UNREAD == set(TINY)  # the first two have to be downloaded
    assert shipped["loss"] == set(LOSSES)


def write_table(folder: Path) -> None:
    """A table with a gap, an outlier, a rare word and a column of numbers that are names; and texts."""
    rows = [f"{row % 7}.5,{row % 3},{'red' if row % 4 else 'blue'},{row * row}" for row in range(60)]
    lines = ["a,b,c,y", *rows, ",1,green,1e6"]
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    moods = [
        f"{'fine' if row % 3 else 'poor'} word w{row % 60} of it,{'good' if row % 3 else 'bad'}"
        for row in range(80)
    ]
    (folder / "texts.csv").write_text("\n".join(["said,mood", *moods]) + "\n")
    (folder / "said.txt").write_text("".join(f"{row % 7} of {row % 5}, " for row in range(60)))
    kinds = [f"{row % 7}.5,{'red' if row % 4 else 'blue'},{'ab'[row % 2]}" for row in range(60)]
    (folder / "kinds.csv").write_text("\n".join(["a,b,kind", *kinds]) + "\n")
    days = [f"2024-{1 + row // 28:02}-{1 + row % 28:02},{row % 7}.5" for row in range(28 * 5)]
    (folder / "days.csv").write_text("\n".join(["day,y", *days]) + "\n")
    clicks = [f"{row % 12},{(row // 12 + row % 12 * step) % 11}" for row in range(96) for step in (1, 2)]
    (folder / "clicks.csv").write_text("\n".join(["user,item", *dict.fromkeys(clicks)]) + "\n")
    twins = [f"he said w{row} once,once w{row} said she,{row % 5}" for row in range(60)]
    (folder / "twins.csv").write_text("\n".join(["one,other,score", *twins]) + "\n")
    for row in range(60):
        place = folder / "photos" / "ab"[row % 2] / f"{row}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 4 * row, np.uint8)).save(place)


# A refusal that a combination of valid choices may meet.
REFUSALS = (
    "cannot train on data=",
    "asks for a GPU",
    "reads teacher beside",
    "trains nothing in batches of",
    "is one quantile and",
    "gives no nll, by",
    "name parts that agree in loss.parts",
)


@pytest.mark.slow
@settings(
    max_examples=60,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink takes many minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(lines=st.lists(commands(), min_size=1, max_size=2))
def test_whatever_fits_trains_to_numbers_or_diverges(lines: list[list[str]], folder: Path) -> None:
    """No run fails: what no loss or model can do is refused, and what explodes is told apart."""
    refused = None
    outcomes: list[Outcome] = []
    try:
        address = f"tracking.uri=sqlite:///{folder}/mlflow.db"  # in full: MLflow keeps a connection for each
        outcomes = train_many([compose("config", [*line, address]) for line in lines], n_jobs=1)
    except InputError as error:
        refused = str(error)
    assert refused is None or any(words in refused for words in REFUSALS), refused
    for outcome in outcomes:
        assert outcome.outcome in ("finished", "diverged"), (outcome.reason, outcome.job.config)
        if outcome.outcome == "finished":
            tests = {name: value for name, value in outcome.metrics.items() if name.startswith("test/")}
            assert tests
            assert np.isfinite(outcome.metrics[f"val_best/{outcome.select}"])
