"""Rows that a table has not had become the inputs that they would have been in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lossbench.data.table import Table
from lossbench.errors import InputError


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    drawn = np.random.default_rng(0)
    found = pd.DataFrame(
        {
            "size": drawn.normal(50, 9, 80).round(1),
            "price": [f"{number},5 €" for number in drawn.integers(10, 99, 80)],
            "kind": drawn.choice(["flat", "house"], 80),
            "rooms": drawn.integers(1, 4, 80),
            "y": drawn.normal(size=80).round(3),
        }
    )
    found.loc[3, "size"], found.loc[5, "kind"] = np.nan, None
    return found


@pytest.fixture(scope="module")
def source(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Table:
    path = tmp_path_factory.mktemp("rows") / "t.csv"
    frame.to_csv(path, index=False, decimal=",", sep=";")
    knobs = {"separator": "semicolon", "decimal": "comma", "categories": ("rooms",), "min_count": 1}
    return Table(name="table", path=str(path), target="y", **knobs)  # type: ignore[arg-type]


def test_its_own_rows_are_its_own_inputs(frame: pd.DataFrame, source: Table) -> None:
    known = source.load(1, "vector")
    inputs = known.inputs
    found = source.new_inputs(frame.drop(columns="y")[["rooms", "kind", "price", "size"]], 1)
    assert found.equal(inputs)  # type: ignore[arg-type]
    some = frame.sample(7, random_state=0)
    assert source.new_inputs(some, 1).equal(inputs[some.index.tolist()])  # type: ignore[index]


def test_missing_cells_are_missing_whatever_they_made_of_the_column(
    frame: pd.DataFrame, source: Table
) -> None:
    rows = frame.head(6).astype({"rooms": "float64"})
    rows.loc[0, "rooms"] = np.nan
    found = source.new_inputs(rows, 1)
    assert found[1:].equal(source.new_inputs(frame.iloc[1:6], 1))
    assert not found[0].equal(source.new_inputs(frame.head(1), 1)[0])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"size": "large"}, "'large' in the column size is no number, as t.csv has there"),
        ({}, "The rows lack kind, which t.csv has: add them"),
    ],
)
def test_rows_that_do_not_fit_are_refused(
    change: dict[str, object], told: str, frame: pd.DataFrame, source: Table
) -> None:
    rows = frame.assign(**change) if change else frame.drop(columns="kind")
    with pytest.raises(InputError, match=told):
        source.new_inputs(rows, 1)


def test_data_that_is_no_table_makes_none() -> None:
    from lossbench.data.outliers import Outliers

    with pytest.raises(InputError, match="data=outliers makes no inputs of a DataFrame"):
        Outliers(name="outliers").new_inputs(pd.DataFrame({"x": [1.0]}), 0)
