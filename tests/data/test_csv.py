"""A user's own table: what becomes of its columns, and that nothing is learned outside training."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from lossbench.data.table import Table

CONF = Path(__file__).parents[2] / "conf" / "data" / "csv.yaml"


def houses(rows: int = 200) -> pd.DataFrame:
    generator = np.random.default_rng(7)
    area = generator.normal(100, 30, rows)
    town = generator.choice(["Ulm", "Kiel", "Bonn"], rows)
    return pd.DataFrame(
        {
            "area": np.where(generator.random(rows) < 0.2, np.nan, area),
            "town": pd.Series(town).where(generator.random(rows) > 0.1),
            "postcode": generator.choice([10115, 20095, 80331], rows),
            "owner": [f"owner {row}" for row in range(rows)],
            "country": "DE",
            "price": 3 * area + 50 * (town == "Ulm"),
        }
    )


def source(folder: Path, frame: pd.DataFrame, **knobs: Any) -> Table:
    path = folder / "houses.csv"
    frame.to_csv(path, index=False)
    return Table(name="csv", path=str(path), target="price", **knobs)


def test_numbers_are_imputed_and_standardised_with_training_rows_alone(tmp_path: Path) -> None:
    frame = houses()
    data = source(tmp_path, frame).load(0, "vector")
    area = frame["area"].to_numpy()
    training = area[data.train.rows.numpy()]
    filled = np.where(np.isnan(area), np.nanmedian(training), area)
    learned = filled[data.train.rows.numpy()]
    expected = (filled - learned.mean()) / learned.std()
    np.testing.assert_allclose(data.inputs[:, 0].numpy(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seed", [0, 1])
def test_rows_outside_training_do_not_touch_how_training_rows_look(tmp_path: Path, seed: int) -> None:
    frame = houses()
    before = source(tmp_path, frame).load(seed, "vector")
    held_out = torch.cat([before.val.rows, before.test.rows]).numpy()
    frame.loc[held_out, "area"] = 1e6
    frame.loc[held_out, "price"] *= -7
    after = source(tmp_path, frame).load(seed, "vector")
    rows = before.train.rows
    assert torch.equal(after.train.rows, rows)
    assert torch.equal(after.inputs[rows], before.inputs[rows])
    assert after.units == before.units


def test_a_category_is_a_column_and_a_missing_one_is_a_category(tmp_path: Path) -> None:
    frame = houses()[["town", "price"]]
    data = source(tmp_path, frame).load(0, "vector")
    towns = frame["town"].fillna("(missing)")
    expected = np.stack([towns == name for name in ["(missing)", "Bonn", "Kiel", "Ulm"]], 1)
    found = data.inputs.numpy()
    assert sorted(map(tuple, found.T.tolist())) == sorted(map(tuple, expected.T.astype(float).tolist()))


def test_rare_categories_are_rows_of_zeros(tmp_path: Path) -> None:
    frame = houses()[["town", "price"]].fillna("Bonn")
    frame.loc[:3, "town"] = "Rome"
    data = source(tmp_path, frame, min_count=5).load(0, "vector")
    assert data.inputs.shape[1] == 3
    assert data.inputs[:4].sum() == 0
    assert torch.equal(data.inputs[4:].sum(1), torch.ones(len(frame) - 4))
    assert source(tmp_path, frame, max_categories=1).load(0, "vector").inputs.shape[1] == 1


def test_columns_of_numbers_can_be_declared_categories(tmp_path: Path) -> None:
    frame = houses()[["postcode", "price"]]
    assert source(tmp_path, frame).load(0, "vector").inputs.shape[1] == 1
    assert source(tmp_path, frame, categories=["postcode"]).load(0, "vector").inputs.shape[1] == 3


def test_the_width_does_not_depend_on_the_seed(tmp_path: Path) -> None:
    frame = houses(60)  # so small that some seeds see a category, or a number, in no training row
    frame["town"] = ["Rome"] + ["Ulm"] * 59
    frame["area"] = [1.0, 2.0] + [np.nan] * 58
    one = source(tmp_path, frame, min_count=1)
    loads = [one.load(seed, "vector") for seed in range(12)]
    assert len({data.inputs.shape for data in loads}) == 1
    assert any(0 not in data.train.rows for data in loads)
    assert all(data.inputs.isfinite().all() for data in loads)


def test_parts_share_no_row_and_seeds_deal_them_anew(tmp_path: Path) -> None:
    one = source(tmp_path, houses(), val_share=0.1, test_share=0.3)
    first, second = one.load(0, "vector"), one.load(1, "vector")
    rows = torch.cat([first.train.rows, first.val.rows, first.test.rows])
    assert sorted(rows.tolist()) == list(range(200))
    assert first.description.sizes == second.description.sizes == {"train": 120, "val": 20, "test": 60}
    assert not torch.equal(first.test.rows, second.test.rows)
    again = one.load(0, "vector")
    assert again.inputs is first.inputs
    assert torch.equal(again.test.rows, first.test.rows)


def test_targets_stay_in_their_units_and_are_scaled_robustly(tmp_path: Path) -> None:
    frame = houses()
    frame.loc[frame.index[:20], "price"] = 1e9
    data = source(tmp_path, frame).load(0, "vector")
    expected = torch.from_numpy(frame["price"].to_numpy()[data.test.rows.numpy()])
    assert torch.equal(data.test.targets["continuous"], expected)
    assert 0 < data.units["continuous"].scale < 1000


def test_a_target_of_mostly_zeros_still_has_a_scale(tmp_path: Path) -> None:
    frame = houses()
    frame["price"] = np.where(np.arange(200) % 10 == 0, 5000.0, 0.0)
    assert source(tmp_path, frame).load(0, "vector").units["continuous"].scale > 100


def test_what_is_left_out_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frame = houses()
    frame["flags"] = ""
    with caplog.at_level(logging.INFO):
        data = source(tmp_path, frame, drop=["area"]).load(0, "vector")
    said = data.description.source
    for words in (
        "owner (no text occurs 5 times)",
        "country (one value only)",
        "flags (empty)",
    ):
        assert words in said
        assert words in caplog.text
    assert data.inputs.shape[1] == 5  # four towns and the postcode


def test_an_index_that_pandas_wrote_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "houses.csv"
    houses()[["postcode", "price"]].to_csv(path)
    data = Table(name="csv", path=str(path), target="price").load(0, "vector")
    assert data.inputs.shape[1] == 1
    assert "column 1 (no name)" in data.description.source


def test_the_fingerprint_is_of_content_and_columns_not_of_the_place(tmp_path: Path) -> None:
    frame = houses()
    one = source(tmp_path, frame)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert source(elsewhere, frame).fingerprint(0) == one.fingerprint(3)
    assert source(tmp_path, frame, drop=["owner"]).fingerprint(0) != one.fingerprint(0)
    before = one.fingerprint(0)
    frame.loc[0, "area"] = 77.0
    assert source(tmp_path, frame).fingerprint(0) != before  # read again, for the file has changed


@pytest.mark.parametrize(("separator", "sign"), [("semicolon", ";"), ("tab", "\t")])
def test_other_separators_compression_and_byte_order_marks(tmp_path: Path, separator: str, sign: str) -> None:
    path = tmp_path / "houses.csv.gz"
    houses().to_csv(path, index=False, sep=sign, encoding="utf-8-sig")
    data = Table(name="csv", path=str(path), target="price", separator=separator).load(0, "vector")
    assert data.inputs.shape == (200, 6)


def test_the_yaml_names_every_knob_with_its_default() -> None:
    said = yaml.safe_load(CONF.read_text())
    assert said.pop("_target_") == f"{Table.__module__}.{Table.__qualname__}"
    made = Table(**said)
    assert made == Table(name="csv")
    assert {*said, "metrics"} == set(vars(made))  # which conf/config.yaml gives every data set


def test_names_that_yaml_takes_for_numbers_are_names(tmp_path: Path) -> None:
    frame = houses().rename(columns={"price": "2020", "postcode": "2019"})
    path = tmp_path / "houses.csv"
    frame.to_csv(path, index=False)
    year: Any = 2020
    data = Table(name="csv", path=str(path), target=year, drop=[year - 1, "area"]).load(0, "vector")  # type: ignore[arg-type]
    assert data.inputs.shape[1] == 4
    assert "target 2020" in data.description.source
