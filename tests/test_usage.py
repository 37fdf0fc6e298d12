"""What --help says agrees with what trains."""

from __future__ import annotations

from lossbench.config import GROUPS, conf_dir
from lossbench.usage import usage


def rows(title: str) -> dict[str, dict[str, str]]:
    """One table of the text: row -> column -> cell."""
    lines = usage().splitlines()
    start = next(number for number, line in enumerate(lines) if line.split()[:1] == [title])
    columns = lines[start].split()[1:]
    body = [line.split() for line in lines[start + 1 : lines.index("", start)]]
    return {name: dict(zip(columns, cells, strict=True)) for name, *cells in body}


def test_every_choice_is_named() -> None:
    text = usage()
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


def test_models_are_listed_with_what_they_read() -> None:
    table = rows("model=")
    assert table["cnn"]["outliers"] == table["cnn"]["sentiment"] == table["text"]["faces"] == "-"
    assert table["cnn"]["faces"] == "image"
    assert table["text"]["sentiment"] == "tokens"
    assert table["linear"]["sentiment"] == "tfidf"


def test_it_tells_how_to_sweep_and_fits_a_terminal() -> None:
    text = usage()
    assert "python -m lossbench -m " in text
    assert "--cfg job" in text
    assert max(map(len, text.splitlines())) <= 100
