"""Inputs of a table are what scikit-learn makes of it, to the bit; those of a large one are kept as codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from omegaconf import DictConfig
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, RobustScaler, StandardScaler

from lossbench.data.cache import DataCache
from lossbench.data.contract import check_data
from lossbench.data.module import PackData
from lossbench.data.source import DataSet
from lossbench.data.table import Table
from lossbench.data.table_inputs import CODES, NUMBERS, Kept
from lossbench.errors import InputError
from lossbench.job import jobs_from
from lossbench.pack.fit import fit
from lossbench.trees import leaves, part

ROWS = 400


def everything(rows: int = ROWS) -> pd.DataFrame:
    """Numbers, some missing; categories, some rare or missing; texts that hardly repeat, and dates."""
    drawn = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": drawn.normal(50, 9, rows).round(2),
            "town": drawn.choice(["Ulm", "Bonn", "Köln"], rows),
            "price": drawn.lognormal(9, 2, rows),
            "street": drawn.choice([f"street {number}" for number in range(90)], rows),
            "remark": [f"seen by number {number}, twice" for number in range(rows)],
            "sold": pd.date_range("2020-01-01", periods=rows).strftime("%Y-%m-%d"),
            "kind": np.array(["flat", "house", "land"])[np.arange(rows) % 3],
        }
    )
    frame.loc[drawn.random(rows) < 0.1, "size"] = np.nan
    frame.loc[drawn.random(rows) < 0.1, "town"] = None
    frame.loc[frame.index[:3], "town"] = "Rom"  # too rare to be known
    return frame


TABLES: dict[str, tuple[Callable[[], pd.DataFrame], dict[str, Any]]] = {
    "everything": (everything, {}),
    "categories alone": (lambda: everything()[["town", "street", "kind"]], {}),
    "more categories than a byte has": (
        lambda: everything().assign(street=[f"street {row % 300}" for row in range(ROWS)]),
        {"max_categories": 400, "min_count": 1},
    ),
    "one category": (lambda: everything()[["size", "town", "kind"]], {"max_categories": 1}),
}


@pytest.fixture
def as_codes(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Whether tables of any size are kept as codes."""
    return lambda codes: monkeypatch.setattr("lossbench.data.table_inputs._SMALL", 0 if codes else 8_000_000)


def written(folder: Path, frame: pd.DataFrame, name: str = "t.csv", **knobs: Any) -> Table:
    frame.to_csv(folder / name, index=False)
    return Table(**{"name": "table", "path": str(folder / name), "target": "kind", **knobs})


def dense(source: Table, seed: int, frame: pd.DataFrame | None = None) -> NDArray[np.float32]:
    """Scikit-learn's inputs of all rows at once."""
    table = source.columns()
    numbers = make_pipeline(
        SimpleImputer(strategy="median"), RobustScaler(with_scaling=False), StandardScaler()
    )
    known = [list(names) for names in table.categories.values()]
    categories = OneHotEncoder(categories=known, handle_unknown="ignore", sparse_output=False)
    parts = [("numbers", numbers, list(table.numbers)), ("categories", categories, list(table.categories))]
    fitted = ColumnTransformer(parts, sparse_threshold=0)
    fitted.fit(table.frame.iloc[source.split(table, seed)["train"]])
    found: NDArray[np.float32] = fitted.transform(table.frame if frame is None else frame).astype(np.float32)
    return found


def same(found: torch.Tensor, wanted: NDArray[np.float32]) -> bool:
    """Equal to the bit: of a zero the sign, too."""
    shaped = found.dtype == torch.float32 and found.shape == wanted.shape
    return shaped and found.numpy().tobytes() == np.ascontiguousarray(wanted).tobytes()


@pytest.mark.parametrize("codes", [True, False])
@pytest.mark.parametrize("which", TABLES)
def test_batches_read_what_scikit_learn_makes_of_a_table(
    which: str, codes: bool, tmp_path: Path, as_codes: Callable[[bool], None]
) -> None:
    as_codes(codes)
    make, knobs = TABLES[which]
    source = written(tmp_path, make(), **knobs)
    for seed in (0, 1):
        data, wanted = source.load(seed, "vector"), dense(source, seed)
        assert isinstance(data.inputs, Kept) == codes
        assert data.description.inputs.shape == wanted.shape[1:]
        assert same(data.read(data.inputs), wanted)
        lanes = torch.stack([data.train.rows[:12].view(2, 6), data.test.rows[:12].view(2, 6)])
        for rows in (lanes, data.val.rows[:1], data.val.rows[:0]):
            assert same(data.read(part(data.inputs, rows)), wanted[rows.numpy()])


def test_the_tables_have_what_their_names_say(tmp_path: Path, as_codes: Callable[[bool], None]) -> None:
    as_codes(True)
    kept = {
        name: written(tmp_path, make(), f"{number}.csv", **knobs)
        for number, (name, (make, knobs)) in enumerate(TABLES.items())
    }
    table = kept["everything"].columns()
    assert table.numbers == ("size", "price")
    assert "(missing)" in table.categories["town"]
    assert "Rom" not in table.categories["town"]
    assert table.left_out.keys() == {"remark", "sold"}
    assert kept["categories alone"].columns().numbers == ()
    codes = {name: source.load(0, "vector").inputs[CODES] for name, source in kept.items()}
    kinds = {name: own.dtype for name, own in codes.items() if own.dtype != torch.uint8}
    assert kinds == {"more categories than a byte has": torch.int16}
    known = [len(names) for names in table.categories.values()]
    assert (codes["everything"] == torch.tensor(known)).any(0).all()  # some that are not known, in each


@pytest.mark.parametrize("codes", [True, False])
def test_new_rows_with_values_that_nobody_has_seen_are_read_alike(
    codes: bool, tmp_path: Path, as_codes: Callable[[bool], None]
) -> None:
    as_codes(codes)
    frame = everything()
    source = written(tmp_path, frame)
    new = frame.head(5).assign(town=["Oslo", "Ulm", None, "Rom", "Bonn"], street="nowhere", size=np.nan)
    filled = new.assign(town=new["town"].fillna("(missing)"))
    assert same(source.new_inputs(new, 1), dense(source, 1, filled))


def test_a_table_without_categories_stays_as_it_is_read(
    tmp_path: Path, as_codes: Callable[[bool], None]
) -> None:
    as_codes(True)
    source = written(tmp_path, everything()[["size", "price", "kind"]])
    data = source.load(0, "vector")
    assert data.as_read is None
    assert same(data.inputs, dense(source, 0))


def test_seeds_of_a_large_table_hold_their_numbers_and_share_a_byte_for_each_category(
    tmp_path: Path, as_codes: Callable[[bool], None]
) -> None:
    as_codes(True)
    source = written(tmp_path, everything())
    loaded = [source.load(seed, "vector") for seed in range(3)]
    held = {leaf.data_ptr(): leaf.nbytes for data in loaded for leaf in leaves(data.inputs)}
    numbers, categories = len(source.columns().numbers), len(source.columns().categories)
    assert sum(held.values()) == ROWS * (3 * 4 * numbers + categories)
    assert loaded[0].inputs[CODES] is loaded[1].inputs[CODES]
    assert sum(held.values()) < 3 * dense(source, 0).nbytes / 4
    for seed in range(3):  # which nobody else holds at the next
        assert source.load(seed, "vector").inputs[NUMBERS].shape == (ROWS, numbers)
    weighed = Table(**{**source.values(), "path": source.path, "balance": True})
    assert weighed.load(2, "vector").inputs is loaded[2].inputs


def test_the_size_alone_decides_how_a_table_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = written(tmp_path, everything())
    assert isinstance(source.load(0, "vector").inputs, torch.Tensor)
    bytes_ = source.load(0, "vector").inputs.nbytes
    for most, kind in ((bytes_, torch.Tensor), (bytes_ - 1, Kept)):
        monkeypatch.setattr("lossbench.data.table_inputs._SMALL", most)
        assert isinstance(written(tmp_path, everything(), f"{most}.csv").load(0, "vector").inputs, kind)


def test_runs_have_the_numbers_of_inputs_that_are_not_kept_as_codes(
    tmp_path: Path, as_codes: Callable[[bool], None], composed: Callable[..., DictConfig]
) -> None:
    """Alone and with other seeds, and in evaluation, whose parts are as large."""
    found = []
    for number, codes in enumerate([True, False]):
        as_codes(codes)
        path = written(tmp_path, everything(), f"{number}.csv").path
        words = ["data=table", f"data.path={path}", "data.target=kind", "trainer.max_epochs=2"]
        asked = [(loss, seed) for loss in ("cce", "bce") for seed in (0, 1)]
        made = jobs_from([composed(*words, f"loss={loss}", f"seed={seed}") for loss, seed in asked])
        members = [job.member for job in made]
        loaded = [member.source.load(member.seed, "vector") for member in members[:2]]
        found.append(
            (
                [(one.metrics, one.history) for one in fit(members, "vmap", DataCache())],
                [(one.metrics, one.history) for one in fit(members[:1], "loop", DataCache())],
                PackData([data for data in loaded if isinstance(data, DataSet)], [0, 1], 32).chunk,
            )
        )
    assert found[0] == found[1]


def test_a_number_that_is_none_is_refused_wherever_it_stands(
    tmp_path: Path, as_codes: Callable[[bool], None]
) -> None:
    as_codes(True)
    source = written(tmp_path, everything())
    data = source.load(0, "vector")
    numbers = data.inputs[NUMBERS].clone()
    numbers[-1, 0] = float("inf")
    with pytest.raises(InputError, match=f"1 of {ROWS} inputs hold nan or an infinite number"):
        check_data(source, replace(data, inputs=Kept({**data.inputs, NUMBERS: numbers})))
