"""A question is understood from a file and a target, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from lossbench.ask.question import described, understood
from lossbench.errors import InputError


@pytest.fixture
def houses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [f"{number * 37 % 101},{number % 7},{number * 1.5 + 0.25}" for number in range(80)]
    place = tmp_path / "houses, old.csv"
    place.write_text("\n".join(["size,rooms,price (k)", *rows]) + "\n")
    return place


def test_a_number_is_compared_with_the_losses_of_numbers(houses: Path) -> None:
    question = understood([houses.name, "price (k)"])
    assert question.losses == ("mse", "mae", "huber")
    assert question.name == "ask_houses_old_price_k"
    assert question.seconds == 60


def test_a_box_is_compared_with_losses_of_edges_and_of_overlap(houses: Path) -> None:
    question = understood(["data=boxes_digits"])
    assert question.losses == ("mse", "mae", "giou")
    assert "model=cnn" in question.setting


def test_what_else_is_set_is_recorded_apart(houses: Path) -> None:
    names = {
        understood([houses.name, "price (k)", *more]).name
        for more in ([], ["model=linear"], ["model=linear", "data.drop=[rooms]"], ["loss=mse,mae"])
    }
    assert len(names) == 4
    plain = understood([houses.name, "price (k)"])
    assert plain.of_epochs(20).name == "ask_houses_old_price_k_20_epochs"


def test_what_was_made_of_the_file_is_told(houses: Path) -> None:
    assert "rooms" in "\n".join(described(understood([houses.name, "price (k)"])))


def test_its_configs_give_every_loss_as_many_trials_on_the_same_seeds(houses: Path) -> None:
    configs = understood([houses.name, "price (k)", "loss=mse,huber"]).configs(range(3))
    for loss in ("mse", "huber"):
        own = [config for config in configs if config.loss.name == loss]
        assert len(own) == 4 * 3
        assert {config.seed for config in own} == {0, 1, 2}
    rates = {loss: {c.optimizer.lr for c in configs if c.loss.name == loss} for loss in ("mse", "huber")}
    assert rates["mse"] == rates["huber"]
    assert len({config.loss.delta for config in configs if config.loss.name == "huber"}) == 4


def test_the_full_command_is_one_that_a_shell_and_hydra_read(houses: Path) -> None:
    question = understood([houses.name, "price (k)", "data.drop=[rooms]"])
    train, report = question.properly()
    assert "'data.path=\"houses, old.csv\"'" in train
    assert "'data.drop=[rooms]'" in train
    assert "trials=16 'seed=range(20)'" in train
    assert report == f"python -m lossbench.report experiment={question.name.removeprefix('ask_')}"
    assert train.endswith(f"experiment.name={question.name.removeprefix('ask_')}")


REFUSED = {
    (): "Ask with a file and the column to predict",
    ("a", "b", "c"): "Ask with a file and the column to predict",
    ("none.csv", "price"): "none.csv does not exist",
    ("houses, old.csv",): "Name the column to predict behind houses, old.csv",
    ("houses, old.csv", "price (k)", "seconds=soon"): "seconds must be a number above 0",
    ("houses, old.csv", "price (k)", "seconds=-1"): "seconds must be a number above 0",
    ("houses, old.csv", "price (k)", "--fast"): "--fast is no option of ask",
    (
        "houses, old.csv",
        "price (k)",
        "--config-dir",
        "none",
    ): "--config-dir none is no folder; name one that holds loss",
}


@pytest.mark.parametrize("line", REFUSED, ids=" ".join)
def test_what_cannot_be_asked_is_refused(houses: Path, line: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as refused:
        understood(line)
    assert REFUSED[line] in str(refused.value)


def test_a_class_is_compared_with_the_losses_of_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for count, losses in ((2, ("bce", "hinge", "mse_softmax")), (3, ("cce", "hinge", "mse_softmax"))):
        rows = [f"{number * 37 % 101},{'abc'[number % count]}" for number in range(90)]
        Path("kinds.csv").write_text("\n".join(["size,kind", *rows]) + "\n")
        assert understood(["kinds.csv", "kind"]).losses == losses
