"""An experiment's name is a folder and a word on the command line."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from lossbench.claims.declared import load_experiment
from lossbench.cli.arguments import arranged
from lossbench.config.naming import checked_name, is_file_name, spoken
from lossbench.errors import InputError


@pytest.mark.parametrize("value", [2024, "007", "true", "null", "run: 2", "try #2", "größe", ".x", "x" * 255])
def test_a_name_of_one_folder_is_taken_as_it_is(value: object) -> None:
    assert checked_name(value) == str(value)
    assert is_file_name(str(value))


@pytest.mark.parametrize(
    "value",
    [None, "", "  ", True, 1e3, [], "a/b", "a\\b", ".", "..", "/abs", "a\nb", "ä" * 128, "anatomy"],
)
def test_another_is_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"^experiment\.name"):
        checked_name(value)


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("experiment.name=true", "'experiment.name=\"true\"'"),
        ("experiment.name=null", "'experiment.name=\"null\"'"),
        ("experiment.name=1e3", "'experiment.name=\"1e3\"'"),
        ("experiment.name=1_000", "'experiment.name=\"1_000\"'"),
        ("experiment.name=x ", "'experiment.name=\"x \"'"),
        ("+experiment.name=a,1_000", "'+experiment.name=a,\"1_000\"'"),
    ],
)
def test_a_name_that_hydra_reads_as_another_is_refused_with_what_keeps_it(line: str, remedy: str) -> None:
    with pytest.raises(InputError, match=r"^experiment\.name must be a text") as refusal:
        arranged([line])
    assert str(refusal.value).endswith(f"as in {remedy}.")
    [typed] = shlex.split(remedy)
    assert arranged([typed]).line == [typed]


@pytest.mark.parametrize("name", ["first", "2024", "a,b", "'true'", '"x "', "007a", "${loss.name}"])
def test_a_name_that_hydra_reads_as_it_stands_is_taken(name: str) -> None:
    assert arranged([f"experiment.name={name}"]).line == [f"experiment.name={name}"]


@pytest.mark.parametrize("written", ["1e3", "true", "null", "007", "1_000", ""])
def test_a_name_in_a_yaml_that_is_read_as_another_is_refused_by_training_and_report_alike(
    written: str, tmp_path: Path
) -> None:
    file = tmp_path / "experiment" / "mine.yaml"
    file.parent.mkdir()
    told = set()
    for ask in (
        lambda: arranged(["--config-dir", str(tmp_path), "experiment=mine"]),
        lambda: load_experiment("mine", tmp_path),
    ):
        file.write_text(f"# @package _global_\nexperiment: {{name: {written}}}\n")
        with pytest.raises(InputError, match=r"^experiment\.name must be a text") as refusal:
            ask()
        told.add(str(refusal.value))
        remedy = str(refusal.value).partition("as in ")[2].rstrip(".")
        file.write_text(f"# @package _global_\nexperiment: {{{remedy}}}\n")
        ask()
    assert len(told) == 1
    assert load_experiment("mine", tmp_path).name == (written or "first_try")
    file.write_text("# @package _global_\nexperiment: {name: 2024}\n")
    assert load_experiment("mine", tmp_path).name == "2024"


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_of_dots_is_refused_for_what_it_means(name: str) -> None:
    with pytest.raises(InputError, match="means another folder; choose a name") as refusal:
        checked_name(name)
    assert "slashes" not in str(refusal.value)


def test_quotes_around_a_name_are_not_part_of_it() -> None:
    assert spoken("'try #2'") == spoken('"try #2"') == spoken("try #2") == "try #2"
    assert spoken("'") == "'"
    assert spoken("it's") == "it's"
