"""A user's table predicts a number or a class, split as its owner says, from any of the usual files."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra import compose

from lossbench.data.contract import check_source
from lossbench.data.source import DataSet
from lossbench.data.table import Table
from lossbench.errors import InputError
from lossbench.job import jobs_from
from lossbench.task import Target

KNOBS: dict[str, Any] = {"name": "table", "target": "kind", "task": "auto", "separator": "auto"}


def flowers(rows: int = 120) -> pd.DataFrame:
    drawn = np.random.default_rng(0)
    kinds = np.array(["rose", "tulip", "aster"])[np.arange(rows) % 3]
    days = pd.date_range("2020-01-01", periods=rows)
    return pd.DataFrame(
        {"a": drawn.normal(size=rows), "b": drawn.normal(size=rows).round(3), "day": days, "kind": kinds}
    )


def table(path: Path, **knobs: Any) -> Table:
    return Table(**{**KNOBS, "path": str(path), **knobs})


def written(folder: Path, frame: pd.DataFrame, name: str = "t.csv") -> Path:
    frame.to_csv(folder / name, index=False, sep="\t" if ".tsv" in name else ",")
    return folder / name


def test_the_same_table_is_read_from_every_form_of_file(tmp_path: Path) -> None:
    frame = flowers()
    first = table(written(tmp_path, frame)).load(0, "vector")
    paths = [written(tmp_path, frame, name) for name in ("t.tsv", "t.tsv.gz", "t.csv.gz")]
    frame.to_parquet(tmp_path / "t.parquet")
    (tmp_path / "t.pq.gz").write_bytes(gzip.compress((tmp_path / "t.parquet").read_bytes()))
    for path in (*paths, tmp_path / "t.parquet", tmp_path / "t.pq.gz"):
        data = table(path).load(0, "vector")
        assert data.inputs.equal(first.inputs), path.name
        assert data.test.targets["multiclass"].equal(first.test.targets["multiclass"])


def test_rows_are_made_inputs_alike_however_many_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = flowers().assign(name=np.array(["x", "y"])[np.arange(120) % 2])
    frame.loc[5, "a"] = np.nan
    whole = table(written(tmp_path, frame)).load(0, "vector").inputs
    monkeypatch.setattr("lossbench.data.table_inputs._AT_ONCE", 50)
    assert table(written(tmp_path, frame, "again.csv")).load(0, "vector").inputs.equal(whole)


def test_parquet_keeps_missing_cells_indices_and_odd_columns_out(tmp_path: Path) -> None:
    frame = flowers().assign(whole=pd.array([None, *range(119)], dtype="Int64"), on=lambda f: f.a > 0)
    frame.loc[3, "a"] = np.nan
    frame["lists"] = [[1]] * len(frame)
    frame.index = [f"row {row}" for row in range(len(frame))]
    frame.to_parquet(tmp_path / "t.parquet")
    columns = table(tmp_path / "t.parquet", numbers=["whole"]).columns()
    assert columns.numbers == ("a", "b", "whole")
    assert set(columns.categories["on"]) == {"True", "False"}
    frame.rename_axis("x").to_parquet(tmp_path / "t.parquet")
    assert table(tmp_path / "t.parquet").columns().left_out["x"] == "no text occurs 5 times"
    assert columns.left_out == {
        "lists": "neither numbers nor texts",
        "day": "dates",
    }
    assert columns.frame["a"].isna().sum() == columns.frame["whole"].isna().sum() == 1
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    with pytest.raises(
        InputError, match=r"^bad\.parquet is no Parquet file \(.*\): save it again, or as CSV"
    ):
        table(tmp_path / "bad.parquet").columns()


@pytest.mark.parametrize(
    ("cells", "task", "names"),
    [
        (["no", "yes"], "auto", ("no", "yes")),
        (["no", "yes"], "by_type", ("no", "yes")),
        (["0", "1"], "auto", ("0", "1")),
        (["0", "1"], "by_type", ()),
        (["0.5", "1"], "auto", ("0.5", "1")),
        (["3", "4", "5", "10"], "auto", ("3", "4", "5", "10")),
        (["3", "4", "5.5"], "auto", ()),
        (["3", "4", "5.5"], "class", ("3", "4", "5.5")),
        ([str(age) for age in range(21)], "auto", ()),
        (["3", "4", "5"], "number", ()),
    ],
)
def test_what_is_predicted_follows_from_the_column_or_is_said(
    tmp_path: Path, cells: list[str], task: str, names: tuple[str, ...]
) -> None:
    frame = flowers(420).assign(kind=np.array(cells)[np.arange(420) % len(cells)])
    source = table(written(tmp_path, frame), task=task)
    targets = source.targets()
    assert targets[0].names == names
    assert source.select == ("accuracy" if names else "mae")
    kind = "continuous" if not names else "binary" if len(names) == 2 else "multiclass"
    assert source.load(0, "vector").train.targets.keys() == {kind, *(["identity"] if names else [])}
    assert {kind} <= {field for one in source.measures for field in one.fields}
    said = source.account()[0]
    numbers = all(cell.replace(".", "").isdigit() for cell in cells)
    assert ("data.task=" in said) == (task == "auto" and numbers)


def test_a_rare_number_leaves_a_number_to_predict(tmp_path: Path) -> None:
    frame = flowers().assign(kind=["9"] * 3 + ["4", "5", "6"] * 39)
    assert table(written(tmp_path, frame)).targets() == (Target("continuous"),)
    with pytest.raises(InputError, match="has the class '9' in 3 rows alone, at least 5 are needed"):
        table(written(tmp_path, frame), task="class").targets()


def test_the_first_line_says_what_is_predicted(tmp_path: Path) -> None:
    path = written(tmp_path, flowers())
    assert table(path).account()[:2] == [
        "t.csv: 120 rows; kind is one of 3 classes",
        "  target: kind, 3 classes: aster (40), rose (40), tulip (40)",
    ]
    two = flowers().replace("rose", "tulip")
    assert table(written(tmp_path, two)).account()[0].endswith("2 classes, tulip is the positive one")
    assert table(path, target="a").account()[0] == "t.csv: 120 rows; a is a number (data.task=class: a class)"
    assert table(path, target="a", task="by_type").account()[0] == "t.csv: 120 rows"


def test_each_part_has_the_classes_in_proportion(tmp_path: Path) -> None:
    data = table(written(tmp_path, flowers())).load(1, "vector")
    assert [np.bincount(part.targets["multiclass"]).tolist() for part in _parts(data)] == [
        [24, 24, 24],
        [8, 8, 8],
        [8, 8, 8],
    ]


def test_balanced_training_rows_weigh_alike_by_class_and_others_one(tmp_path: Path) -> None:
    frame = flowers().assign(kind=["a"] * 90 + ["b"] * 30)
    path = written(tmp_path, frame)
    train, val, test = _parts(table(path, balance=True).load(0, "vector"))
    weights = [train.targets["weight"][train.targets["binary"] == code].sum().item() for code in (0, 1)]
    assert weights == pytest.approx([36, 36])
    assert set(val.targets["weight"].tolist()) == set(test.targets["weight"].tolist()) == {1.0}
    assert "weight" not in table(path).load(0, "vector").train.targets
    assert table(path, balance=True).load(0, "vector").inputs is table(path).load(0, "vector").inputs
    with pytest.raises(InputError, match=r"data\.balance weighs classes, and a is predicted as a number"):
        table(path, target="a", balance=True).targets()


def test_time_decides_the_split_for_every_seed_and_is_no_feature(tmp_path: Path) -> None:
    frame = flowers().sample(frac=1, random_state=0)
    path = written(tmp_path, frame)
    days = frame["day"].to_numpy()
    for seed in (0, 1):
        train, val, test = (days[part.rows] for part in _parts(table(path, time="day").load(seed, "vector")))
        assert train.max() < val.min()
        assert val.max() < test.min()
        assert len(test) == 24
    assert table(path, time="day").columns().numbers == ("a", "b")
    assert "  time: day, from 2020-01-01 to 2020-04-29" in table(path, time="day").account()
    year = written(tmp_path, frame.assign(day=np.arange(120) // 3))
    assert table(year, time="day").columns().numbers == ("a", "b")
    assert table(year, time="day", numbers=["day"]).columns().numbers == ("a", "b", "day")
    with pytest.raises(InputError, match=r"leave out data\.group, or data\.time"):
        table(path, time="day", group="a")


def test_a_test_file_is_the_test(tmp_path: Path) -> None:
    frame = flowers()
    train, test = written(tmp_path, frame[:90], "a.csv"), written(tmp_path, frame[90:][frame.columns[::-1]])
    source = table(train, test_path=str(test))
    data = source.load(0, "vector")
    assert data.test.rows.tolist() == list(range(90, 120))
    assert (len(data.train), len(data.val)) == (72, 18)
    assert source.account()[0].startswith("a.csv and t.csv: 120 rows, the last 30 of them the test; kind is")
    assert source.training_size() == 72
    assert source.fingerprint(0) != table(train).fingerprint(0)
    for other, words in (
        (
            frame[90:].drop(columns="b"),
            r"t\.csv has no column b, which a\.csv has: data\.test_path needs the",
        ),
        (frame[90:].assign(c=1), r"a\.csv has no column c, which t\.csv has"),
        (frame[90:].assign(b="x"), r"column b of a\.csv \(90 rows\) with t\.csv below it has 'x' in row 91"),
        (frame[118:], "which gives 72 for training, 18 for validation and 2 for the test"),
    ):
        written(tmp_path, other)
        with pytest.raises(InputError, match=words):
            source.load(0, "vector")
    with pytest.raises(InputError, match=r"data\.test_path=none\.csv does not exist"):
        table(train, test_path="none.csv").targets()


def test_rows_and_groups_that_a_test_file_repeats_are_told(tmp_path: Path) -> None:
    frame = flowers().assign(who=np.arange(120) // 4)
    train = written(tmp_path, pd.concat([frame[:90], frame[:2]]), "a.csv")
    test = written(tmp_path, pd.concat([frame[90:], frame[88:90]]))
    notes = table(train, test_path=str(test), group="who").columns().notes
    assert notes == (
        "4 of 124 rows occur several times, so some may be in training and in the test: remove them",
        "1 of 23 groups of who is in data.test_path, too, so what is learned of it may help there: take it "
        "out of one of the two",
    )


def test_a_test_file_that_is_not_later_is_told(tmp_path: Path) -> None:
    frame = flowers().assign(day=[f"2020-01-{1 + row % 30:02}" for row in range(120)])
    train, test = written(tmp_path, frame[:90], "a.csv"), written(tmp_path, frame[90:])
    told = table(train, test_path=str(test), time="day").account()[-1]
    assert told.startswith("  ! 30 of 30 rows of data.test_path are by day not after all of data.path, so ")


def test_knobs_that_came_later_change_nothing_in_what_earlier_runs_are_known_by(tmp_path: Path) -> None:
    path = written(tmp_path, flowers())
    earlier = {"separator": ",", "convention": ("point", "none"), "target": "a", "group": None}
    names: dict[str, Any] = {"drop": (), "numbers": (), "categories": ()}
    read = tuple({**earlier, **names, "max_categories": 20, "min_count": 5, "fewest": 50}.values())
    digest = hashlib.sha256(path.read_bytes() + repr(read).encode()).hexdigest()
    source = Table(name="csv", path=str(path), target="a")
    assert source.fingerprint(0) == digest
    knobs = "categories decimal drop group max_categories min_count name numbers path separator"
    known = {*knobs.split(), "target", "test_share", "thousands", "val_share"}
    assert set(source.values()) == known
    assert source.places == ("path",)
    other = Table(name="csv", path=str(path), target="a", time="day")
    assert set(other.values()) == known | {"time"}
    assert other.fingerprint(0) != digest


@pytest.mark.usefixtures("composing")
def test_a_run_of_csv_is_known_by_the_same_words_as_before(tmp_path: Path) -> None:
    path = written(tmp_path, flowers())
    command = [f"data.path={path}", "data.target=a"]
    plain, said, other = jobs_from(
        [
            compose("config", ["data=csv", *command, *more])
            for more in ([], ["data.task=by_type"], ["data.task=auto"])
        ]
    )
    assert plain.key == said.key != other.key
    assert "task" not in plain.knobs["data"]
    assert other.knobs["data"]["task"] == "auto"


def _parts(data: DataSet) -> tuple[Any, Any, Any]:
    return data.train, data.val, data.test


def test_what_chooses_may_be_said(tmp_path: Path) -> None:
    path = written(tmp_path, flowers(300))
    plain, said = table(path), table(path, select_by="nll")
    assert (plain.selects, said.selects) == ("accuracy", "nll")
    assert said.selecting.name == "nll"
    assert "select_by" in plain.unsaid  # keys of runs before it stay
    check_source(said)
    with pytest.raises(InputError, match=r"^data\.select_by=acuracy is no metric of data=\w+ \(.*accuracy"):
        check_source(table(path, select_by="acuracy"))
