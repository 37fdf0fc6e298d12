"""Frames and arrays become a table that is the same whenever they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lossbench.errors import InputError
from lossbench.interactive.own_data import named_data


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_frame_is_kept_once_and_whole() -> None:
    frame = pd.DataFrame({"rooms": [1, 2, 3], "kind": ["a", None, "b"], 7: [0.5, 1.5, 2.5]})
    told = named_data(frame, "rooms")
    assert told["data"] == "table"
    assert told["data.target"] == "rooms"
    assert pd.read_parquet(told["data.path"]).equals(frame.rename(columns=str))
    assert named_data(frame.copy(), "rooms") == told
    assert named_data(frame.assign(rooms=[1, 2, 4]), "rooms")["data.path"] != told["data.path"]
    assert len(list(Path("lossbench-data").iterdir())) == 2


def test_arrays_are_columns_and_a_target() -> None:
    told = named_data((np.eye(3), np.array(["a", "b", "a"])), None)
    assert list(pd.read_parquet(told["data.path"]).columns) == ["x0", "x1", "x2", "target"]


def test_a_name_stays_a_name() -> None:
    assert named_data("outliers", None) == {"data": "outliers"}
    assert not Path("lossbench-data").exists()


@pytest.mark.parametrize(
    ("data", "target", "told"),
    [
        (pd.DataFrame({"a": [1]}), None, "column to predict"),
        (pd.DataFrame({"a": [1]}), "b", "no column 'b'; it has a"),
        ((np.ones((3, 2)), np.ones(4)), None, r"shapes \(3, 2\) and \(4,\)"),
        ([[1, 2]], "a", "data is a list"),
    ],
)
def test_what_is_no_table_is_refused(data: Any, target: str | None, told: str) -> None:
    with pytest.raises(InputError, match=told):
        named_data(data, target)
