"""Rows that belong together stay together: a person's measurements are not in training and test at once."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir

from lossbench.config.folders import conf_dir
from lossbench.data.splits import whole_groups
from lossbench.data.table import Table
from lossbench.errors import InputError
from lossbench.job import jobs_from
from lossbench.pack.grouping import may_share
from lossbench.train import train_many


def patients(folder: Path, sizes: Sequence[int]) -> Path:
    generator = np.random.default_rng(0)
    who = np.repeat(np.arange(len(sizes)), sizes)
    frame = pd.DataFrame(
        {"patient": who, "a": generator.normal(size=len(who)), "y": generator.normal(size=len(who))}
    )
    path = folder / "t.csv"
    frame.sample(frac=1, random_state=0).to_csv(path, index=False)
    return path


def source(path: Path, **knobs: Any) -> Table:
    return Table(name="csv", **{"path": str(path), "target": "y", "group": "patient", **knobs})


def test_no_group_is_in_two_parts_and_the_group_is_no_feature(tmp_path: Path) -> None:
    path = patients(tmp_path, [1, 9, 3, 7, 5] * 8)
    table = source(path).columns()
    who = pd.read_csv(path)["patient"].to_numpy()
    assert table.numbers == ("a",)
    dealt = set()
    for seed in range(5):
        data = source(path).load(seed, "vector")
        parts = [data.train.rows.numpy(), data.val.rows.numpy(), data.test.rows.numpy()]
        assert sorted(np.concatenate(parts)) == list(range(200))
        of = [set(who[rows]) for rows in parts]
        assert len(of[0] | of[1] | of[2]) == sum(map(len, of)) == 40
        assert all(abs(len(rows) - 40) <= 5 for rows in parts[1:])
        assert data.description.sizes == dict(zip(("train", "val", "test"), map(len, parts), strict=True))
        dealt.add(tuple(sorted(of[2])))
    assert len(dealt) == 5
    assert source(path).fingerprint(0) != source(path, group=None, drop=["patient"]).fingerprint(0)


def test_a_row_tells_its_group_in_one_number_for_all_seeds(tmp_path: Path) -> None:
    path = patients(tmp_path, [1, 9, 3, 7, 5] * 8)
    who = pd.read_csv(path)["patient"].to_numpy()
    found: set[tuple[int, int]] = set()
    for seed in range(3):
        for part in ((data := source(path).load(seed, "vector")).train, data.val, data.test):
            assert part.groups is not None
            found |= set(zip(part.groups.tolist(), who[part.rows.numpy()].tolist(), strict=True))
    assert len(found) == len({number for number, _ in found}) == len({name for _, name in found}) == 40
    plain = source(path, group=None, drop=["patient"]).load(0, "vector")
    assert plain.test.groups is None


@pytest.mark.parametrize("sizes", [[50], [25, 25], [46, 2, 2]])
def test_parts_that_groups_leave_too_small_are_refused(tmp_path: Path, sizes: list[int]) -> None:
    path = patients(tmp_path, sizes)
    groups = "1 group" if len(sizes) == 1 else f"{len(sizes)} groups"
    with pytest.raises(
        InputError, match=rf"has 50 rows in {groups} of patient, which gives .*: (.*)\.$"
    ) as told:
        source(path).load(0, "vector")
    helps = "change data.val_share" not in str(told.value)
    assert helps == (len(sizes) < 3)
    assert ("take at least 3 groups, or none" in str(told.value)) == helps


def test_the_nearest_size_is_taken_and_each_part_gets_a_group() -> None:
    groups = np.repeat(np.arange(4), [40, 40, 40, 40])
    parts = whole_groups(groups, [50, 1], 0, "split")
    assert [len(part) for part in parts] == [40, 40, 80]
    assert [len(part) for part in whole_groups(groups[:40], [8, 8], 0, "split")] == [40, 0, 0]


def test_seeds_whose_parts_differ_in_size_train_in_packs_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(database, "mlflow.db")
    patients(tmp_path, [1, 9, 3, 7, 5] * 8)
    knobs = ["data=csv", "data.path=t.csv", "data.target=y", "data.group=patient", "trainer.max_epochs=1"]
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        configs = [
            compose("config", [*knobs, f"loss={loss}", f"seed={seed}"])
            for seed in range(3)
            for loss in ("mse", "mae")
        ]
    jobs = jobs_from(configs)
    sizes = {job.member.source.part_sizes(job.member.seed) for job in jobs}
    assert 1 < len(sizes) == len(may_share(jobs))
    assert [outcome.outcome for outcome in train_many(configs)] == ["finished"] * 6


def test_equal_rows_are_told_with_the_remedy_and_not_where_a_group_holds_them(tmp_path: Path) -> None:
    path = patients(tmp_path, [6] * 10)
    frame = pd.read_csv(path)
    twice = pd.concat([frame, frame.head(7)])
    twice.to_csv(path, index=False)
    assert source(path, group=None).columns().notes == (
        "14 of 67 rows occur several times, so some may be in training and in the test: remove them, or name "
        "what they share in data.group",
    )
    assert not source(path).columns().notes
    twice.iloc[-7:, 0] += 50
    twice.to_csv(path, index=False)
    assert "14 of 67 rows occur several times" in source(path).columns().notes[0]


def test_a_row_without_a_group_is_refused(tmp_path: Path) -> None:
    path = patients(tmp_path, [6] * 10)
    frame = pd.read_csv(path).astype({"patient": "object"})
    frame.loc[4, "patient"] = None
    frame.to_csv(path, index=False)
    with pytest.raises(InputError, match=r"The group patient of t.csv is missing in row 5 below the names"):
        source(path).columns()
