"""What people type by nature, in the words of other tools, and what it is called here."""

from __future__ import annotations

import re
from pathlib import Path

from lossbench.config.folders import choices

# What others call a knob -> its key here.
_KEYS = {
    **dict.fromkeys(("lr", "learning_rate", "rate"), "optimizer.lr"),
    **dict.fromkeys(("epochs", "epoch", "max_epochs", "num_epochs", "n_epochs"), "trainer.max_epochs"),
    **dict.fromkeys(("batch", "batch_size", "bs"), "trainer.batch_size"),
    **dict.fromkeys(("patience", "early_stopping"), "trainer.patience"),
    **dict.fromkeys(("device", "accelerator", "gpu", "gpus"), "trainer.accelerator"),
    **dict.fromkeys(("weight_decay", "wd", "l2"), "optimizer.weight_decay"),
    **dict.fromkeys(("opt", "optim"), "optimizer"),
    **dict.fromkeys(("losses", "criterion", "objective", "loss_fn"), "loss"),
    **dict.fromkeys(("dataset", "datasets", "dataset_name"), "data"),
    **dict.fromkeys(("models", "net", "network", "arch", "architecture"), "model"),
    **dict.fromkeys(("n_trials", "budget", "trial"), "trials"),
    **dict.fromkeys(("name", "experiment_name", "run_name"), "experiment.name"),
    **dict.fromkeys(("hidden", "hidden_size", "width"), "model.hidden"),
    **dict.fromkeys(("target", "label", "column"), "data.target"),
    **dict.fromkeys(("path", "file", "csv"), "data.path"),
    **dict.fromkeys(("n_jobs", "jobs", "num_workers", "workers"), "hydra.launcher.n_jobs"),
}
_SEEDS = ("seeds", "n_seeds", "num_seeds", "random_state", "random_seed")
# What others call a choice -> its name here.
_CHOICES = {
    "loss": {
        **dict.fromkeys(("l1", "mean_absolute_error"), "mae"),
        **dict.fromkeys(("l2", "mean_squared_error", "square", "squared"), "mse"),
        **dict.fromkeys(("smooth_l1", "smoothl1"), "huber"),
        **dict.fromkeys(("ce", "cross_entropy", "crossentropy", "softmax", "nll", "xent"), "cce"),
        **dict.fromkeys(("categorical_crossentropy", "categorical_cross_entropy"), "cce"),
        **dict.fromkeys(("binary_cross_entropy", "binary_crossentropy", "log", "bcewithlogits"), "bce"),
        **dict.fromkeys(("kl_div", "kld", "kldiv", "kullback_leibler"), "kl"),
        **dict.fromkeys(("quantile",), "pinball"),
        **dict.fromkeys(("triplet_margin", "facenet"), "triplet"),
        "svm": "hinge",
    },
    "model": {
        **dict.fromkeys(("lstm", "gru"), "rnn"),
        **dict.fromkeys(("convnet", "conv"), "cnn"),
        **dict.fromkeys(("nn", "dnn", "fc", "ffn"), "mlp"),
        **dict.fromkeys(("logistic", "svm", "regression"), "linear"),
    },
}
_CELLS = {"lstm": "model.cell=lstm", "gru": "model.cell=gru"}
_TORCHVISION = re.compile(
    r"(resnet|resnext|wide_resnet|vgg|densenet|efficientnet|mobilenet|convnext|vit|swin|regnet|alexnet)[\w.]*"
)
_FILE = re.compile(r".+\.(csv|tsv|parquet|pq)(\.gz|\.zip)?", re.IGNORECASE)


def key_here(key: str, value: str) -> str | None:
    """What to write instead of `key=value`, where another tool's word for a knob is known."""
    if key in _SEEDS:
        return f"'seed=range(0,{value})'" if value.isdecimal() and value != "0" else "'seed=range(0,10)'"
    if key in _KEYS:
        return f"{_KEYS[key]}={value or '...'}"
    return None


def choice_here(group: str, name: str) -> str | None:
    """What to write instead of `group=name`: another tool's word, a person's own file, or an architecture."""
    if group == "data":
        return _own_data(name)
    plain, known = name.lower().replace("-", "_"), _CHOICES.get(group, {})
    short = plain.removesuffix("loss").rstrip("_")
    here = (
        known.get(plain)
        or known.get(short)
        or (short if short != plain and short in choices(group) else None)
    )
    if here:
        more = f" {_CELLS[plain]}" if group == "model" and plain in _CELLS else ""
        return f"{group}={here}{more}"
    if group == "model" and _TORCHVISION.fullmatch(name):
        return f"model=backbone model.architecture={name}"
    return None


def _own_data(name: str) -> str | None:
    if _FILE.fullmatch(name):
        return f"data=table data.path={name} data.target=COLUMN"
    return f"data=images data.path={name}" if "/" in name and Path(name).is_dir() else None
