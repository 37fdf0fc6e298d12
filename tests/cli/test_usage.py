"""What --help says agrees with what trains."""

from __future__ import annotations

import functools
from pathlib import Path

from lossbench.cli.usage import usage
from lossbench.config.folders import GROUPS, conf_dir


@functools.cache
def shipped() -> str:
    """The text without a folder of a user's."""
    return usage()


def rows(title: str, folder: Path | None = None) -> dict[str, dict[str, str]]:
    """One table of the text, which may be broken into several: row -> column -> cell."""
    lines = (usage(folder) if folder else shipped()).splitlines()
    found: dict[str, dict[str, str]] = {}
    for start in [number for number, line in enumerate(lines) if line.split()[:1] == [title]]:
        columns = lines[start].split()[1:]
        for name, *cells in [line.split() for line in lines[start + 1 : lines.index("", start)]]:
            found.setdefault(name, {}).update(zip(columns, cells, strict=True))
    return found


def test_every_choice_is_named() -> None:
    text = shipped()
    for group in (*GROUPS, "experiment"):
        names = {path.stem for path in (conf_dir() / group).glob("*.yaml")} - {"default"}
        assert not {name for name in names if name not in text}


def test_losses_are_listed_with_what_they_train_on() -> None:
    table = rows("loss=")
    assert table["huber"]["faces"] == table["bce"]["outliers"] == table["focal"]["outliers"] == "-"
    assert table["huber"]["mnist_5k"] == table["focal"]["mnist"] == "multiclass"
    assert table["huber"]["outliers"] == "continuous"
    assert table["kl"]["sentiment"] == "distribution"
    assert table["triplet"]["faces"] == "identity"


def test_a_loss_that_fits_where_a_knob_is_set_says_which() -> None:
    table = rows("loss=")
    assert table["iwae"]["mnist"] == table["elbo"]["mnist_5k"] == "pixels*"
    assert table["iwae"]["faces"] == table["cce"]["outliers"] == "-"
    assert "  * pixels of mnist, mnist_5k with data.task=pixels\n" in shipped()


def test_models_are_listed_with_what_they_read() -> None:
    table = rows("model=")
    assert table["cnn"]["outliers"] == table["cnn"]["sentiment"] == table["text"]["faces"] == "-"
    assert table["cnn"]["faces"] == "image"
    assert table["text"]["sentiment"] == table["rnn"]["sentiment"] == "tokens"
    assert (table["rnn"]["series"], table["rnn"]["corpus"]) == ("series", "causal_tokens")
    assert table["linear"]["sentiment"] == "tfidf"


def test_choices_of_a_users_folder_are_listed_and_faulty_ones_told(tmp_path: Path) -> None:
    files = {
        "loss/own.yaml": "_target_: lossbench.losses.huber.Huber\nname: own\n",
        "loss/faulty.yaml": "_target_: no_such.Loss\nname: faulty\n",
        "model/deep.yaml": "_target_: lossbench.models.mlp.MLP\nname: deep\n",
        "data/few.yaml": "_target_: lossbench.data.outliers.Outliers\nname: few\n",
        "experiment/first.yaml": "# @package _global_\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    table = rows("loss=", tmp_path)
    assert table["own"]["few"] == table["mse"]["few"] == "continuous"
    assert rows("model=", tmp_path)["deep"]["few"] == "vector"
    text = usage(tmp_path)
    assert "  loss=faulty: loss._target_=no_such.Loss cannot be imported" in text
    assert "faulty" not in table
    assert "first" in text.partition("experiment=  ")[2]


def test_a_loss_that_needs_more_than_a_data_set_declares_says_what(
    tmp_path: Path,
) -> None:
    (tmp_path / "loss").mkdir()
    (tmp_path / "loss" / "both.yaml").write_text("_target_: contract_uses.Together\nname: both\n")
    table = rows("loss=", tmp_path)
    assert table["both"]["outliers"] == "importance?+teacher?"
    assert table["both"]["faces"] == "-"
    assert table["mse"]["outliers"] == "continuous"


def test_the_examples_name_their_experiments() -> None:
    sweeps = [line for line in shipped().splitlines() if " loss=" in line and "python -m lossbench " in line]
    assert len(sweeps) == 4
    assert all("experiment.name=" in line or "--cfg" in line for line in sweeps)


def test_it_tells_how_to_sweep_and_fits_a_terminal() -> None:
    text = shipped()
    assert "python -m lossbench -m " in text
    assert "--cfg job" in text
    assert max(map(len, text.splitlines())) <= 100


def test_it_says_what_each_loss_elicits() -> None:
    lines = [
        " ".join(part.split())
        for part in shipped().partition("What of a target a loss elicits")[2].split("\n\n")
    ]
    for told in ("mse: mean", "mae, pinball: median", "huber, log_cosh: between mean and median"):
        assert told in lines[0]
    assert "mape: (-1)-median" in lines[0]
    assert "quantiles: quantiles 0.1, 0.5, 0.9" in lines[0]
    assert "hinge" in lines[0].partition(" classes ")[2]
