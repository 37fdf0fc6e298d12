"""Errors that are told in a sentence; mistakes of the program itself are not, and keep their traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hydra.errors import HydraException
from omegaconf import OmegaConf

from lossbench.cli.refusals import is_told, place, sentence
from lossbench.config.chosen import check_chosen
from lossbench.errors import InputError


def caught(action: object) -> Exception:
    with pytest.raises(Exception) as info:  # noqa: PT011 - any kind
        action()  # type: ignore[operator]
    return info.value


def told(error: Exception) -> str:
    assert is_told(error)
    return sentence(error, [])


def test_the_input_errors_of_the_project_are_told_as_they_are() -> None:
    assert told(InputError("loss.delta must be above 0; got 0.")) == "loss.delta must be above 0; got 0."
    assert told(InputError("two\nlines")) == "two lines"


def test_a_place_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = told(caught(lambda: (tmp_path / "file" / "run").mkdir()))
    assert said.startswith(
        f"{tmp_path}/file/run cannot be used (Not a directory); free or name another place"
    )
    assert "HYDRA_FULL_ERROR=1" in said


def test_missing_memory_is_told_whoever_misses_it() -> None:
    assert told(MemoryError()).startswith("The memory does not suffice (no more is free); make the data")
    said = told(caught(lambda: torch.empty(2**60)))
    assert said.startswith("The memory does not suffice (you tried to allocate 4611686018427387904 bytes);")


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ValueError("array is too big; `arr.size` is larger than"), "array is too big"),
        (
            RuntimeError("Storage size calculation overflowed with sizes=[9, 9]"),
            "Storage size calculation over",
        ),
    ],
)
def test_a_size_beyond_counting_is_too_much_memory(error: Exception, why: str) -> None:
    assert told(error).startswith(f"The memory does not suffice ({why}")


def test_files_at_fault_are_the_composers_and_not_those_that_training_reads(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xff")
    assert "is no text in UTF-8" in told(caught(lambda: OmegaConf.load(file)))
    assert not is_told(caught(file.read_text))
    assert not is_told(RecursionError("of a model that a user wrote"))


def test_an_error_in_the_code_of_hydra_is_about_what_it_was_given() -> None:
    error = caught(lambda: OmegaConf.create(5))  # type: ignore[call-overload]
    assert told(error).endswith("HYDRA_FULL_ERROR=1 shows where.")
    assert told(HydraException("")).startswith("HydraException; python -m lossbench --help")


@pytest.mark.parametrize("error", [ValueError("x"), AssertionError(), RuntimeError("y"), KeyError("z")])
def test_mistakes_of_the_program_are_not_told(error: Exception) -> None:
    assert not is_told(error)


def test_a_group_that_hydra_leaves_out_of_its_choices_was_given_a_list() -> None:
    config = OmegaConf.create({"loss": {"name": "mae"}, "seed": 0})
    check_chosen({"loss": "mae"}, config)
    check_chosen({}, OmegaConf.create({"seed": 0}))
    with pytest.raises(InputError, match="loss takes one name, not a list"):
        check_chosen({"model": "mlp"}, config)


def test_a_choice_is_called_by_its_file() -> None:
    config = OmegaConf.create({"loss": {"delta": 1.0}, "model": {"name": "mine"}})
    check_chosen({"loss": "own/mine", "model": "mine.yaml"}, config, ["loss.delta=2", "experiment.name=x"])
    assert config.loss.name == "mine"


def test_a_knob_is_placed_where_some_choice_has_it() -> None:
    assert place("lr") == "optimizer.lr"
    assert place("delta") == "loss.delta"
    assert place("batch_size") == "trainer.batch_size"
    assert place("beta") == "loss.beta"  # the nearest: loss.function.beta is another
    assert place("name") is place("nonsense") is None
