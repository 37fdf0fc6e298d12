"""Values of Python say on a command line what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from lossbench.errors import InputError
from lossbench.interactive.line import overrides

ONE = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(min_size=1)


def parsed(key: str, value: Any) -> Any:
    (line,) = overrides({key: value})
    return OverridesParser.create().parse_override(line)


@given(ONE | st.lists(ONE).map(tuple))
def test_what_hydra_reads_is_the_value(value: Any) -> None:
    found = parsed("data.knob", value).value()
    plain = [getattr(one, "text", one) for one in found] if isinstance(found, list) else found
    assert getattr(plain, "text", plain) == (list(value) if isinstance(value, tuple) else value)


@given(st.lists(st.integers() | st.sampled_from(["mse", "a b", "x,y", "null"]), min_size=2))
def test_a_list_is_swept_in_order(values: list[Any]) -> None:
    read = parsed("loss", values)
    assert read.is_sweep_override()
    found = [getattr(one, "text", one) for one in read.sweep_iterator()]
    assert [type(value)(own) for value, own in zip(values, found, strict=True)] == values


def test_ranges_paths_and_numbers_of_numpy_are_understood() -> None:
    given = {"seed": range(2, 8, 3), "data.path": Path("my data.csv"), "optimizer.lr": np.float64(0.5)}
    assert overrides(given) == ["seed=range(2,8,3)", 'data.path="my data.csv"', "optimizer.lr=0.5"]
    assert overrides({"model.hidden": [(8, 8), (64,)]}) == ["model.hidden=[8,8],[64]"]


@pytest.mark.parametrize("value", [[], range(0), object(), {"a": 1}])
def test_what_cannot_be_said_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="loss"):
        overrides({"loss": value})
