"""Runs on different data are never paired, whatever file they name; it is said what is compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import pytest

from lossbench.claims.claim import Experiment
from lossbench.errors import InputError
from lossbench.report.request import parse
from lossbench.review.summaries import compare
from lossbench.verdicts.build import build
from lossbench.verdicts.conditions import axes_of, tidy
from lossbench.verdicts.same_data import on_same_data, selected, sets_of

Make = Callable[..., pd.DataFrame]
PLACES = '["data.path"]'


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


OLD = sha("old")[:8]


@pytest.fixture
def sweep(make: Make) -> Callable[..., pd.DataFrame]:
    """Runs on one version of a file: chosen losses and seeds, recorded so many days after the first."""

    def made(version: str, losses: str, seeds: int = 6, day: int = 0, **constants: Any) -> pd.DataFrame:
        given = {"data.path": "t.csv", "lossbench.places": PLACES, "lossbench.fingerprint": sha(version)}
        runs = make(seeds, **{**given, **constants})
        runs = runs[runs["loss.name"].isin(losses.split()) & (runs["data.contamination"] == 0.0)]
        return runs.assign(
            started=runs["started"] + pd.Timedelta(days=day), run_id=f"{version} {day} " + runs["run_id"]
        )

    return made


def joined(*parts: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True)


def test_losses_that_saw_different_data_are_not_compared_and_it_is_said_first(sweep: Make) -> None:
    report = build(Experiment("x"), joined(sweep("old", "mae"), sweep("new", "mse", day=1)))
    assert set(report.chosen["loss.name"]) == {"mse"}
    assert report.verdicts == ()
    assert report.remarks[0] == (
        "Not all runs of outliers saw the same data, and runs on different data are not compared: these are "
        f"24 runs of mse (t.csv, fingerprint {sha('new')[:8]}); left out are 24 runs of mae (t.csv, "
        f"fingerprint {OLD}). data.fingerprint={OLD} reports on those; the same sweep again trains what is "
        "missing on the data as it is now."
    )


@pytest.mark.parametrize(
    ("parts", "kept"),
    [
        ([("old", "mse mae", 6, 0), ("new", "mse mae", 6, 1)], "new"),  # both whole: the newest
        ([("old", "mse mae", 6, 0), ("new", "mse", 6, 1)], "old"),  # the change is trained in part
        ([("old", "mse mae", 6, 0), ("new", "mse mae", 3, 1)], "old"),
        ([("old", "mse", 6, 0), ("new", "mse mae", 6, 1)], "new"),
        ([("a", "mse", 6, 0), ("b", "mse", 6, 1), ("a", "mae", 6, 2)], "a"),  # and back again
    ],
)
def test_the_newest_of_the_most_complete_sets_is_compared(
    parts: list[tuple[Any, ...]], kept: str, sweep: Make
) -> None:
    runs, remarks = on_same_data(joined(*[sweep(*part) for part in parts]))
    assert set(runs["lossbench.fingerprint"]) == {sha(kept)}
    assert len(remarks) == 1


def test_one_file_by_several_names_is_one_condition(sweep: Make) -> None:
    paths = ["t.csv", "./t.csv", "../here/t.csv"]
    runs = joined(
        *[sweep("same", "mse mae", day=day, **{"data.path": path}) for day, path in enumerate(paths)]
    )
    kept, remarks = on_same_data(runs)
    assert remarks == []
    assert axes_of(tidy(kept)) == []
    assert len(tidy(kept)) == len(runs) / 3


def test_no_place_of_files_is_an_axis_whatever_it_is_called(sweep: Make) -> None:
    names = {"lossbench.places": '["data.folder"]'}
    parts = [sweep("same", loss, **names, **{"data.folder": loss}) for loss in ("mse", "mae")]
    assert axes_of(tidy(joined(*parts))) == []


def test_a_fingerprint_of_each_seed_and_level_is_one_data_set_until_one_of_them_changes(make: Make) -> None:
    """As of a generated data set; of the second half of the seeds only the first version was trained."""

    def printed(version: str, runs: pd.DataFrame) -> pd.DataFrame:
        texts = version + runs["seed"].astype(str) + runs["data.contamination"].astype(str)
        return runs.assign(**{"lossbench.fingerprint": texts.map(sha)})

    old = printed("old", make(6))
    assert len(sets_of(old)) == 1
    new = printed("new", make(3)).assign(started=lambda runs: runs["started"] + pd.Timedelta(days=1))
    first, second = sets_of(joined(old, new))
    assert (len(first.runs), len(second.runs)) == (len(old), len(new))
    assert first.prints == set(old["lossbench.fingerprint"])


def test_seeds_that_draw_one_of_a_few_splits_see_one_data_set(make: Make) -> None:
    runs = make(8)
    of_split = runs["seed"].map(lambda seed: sha(f"split {seed % 3}"))
    sweep = (runs["seed"] > 5).map({False: "first", True: "more seeds"})
    runs = runs.assign(**{"lossbench.fingerprint": of_split, "lossbench.process": sweep})
    kept, remarks = on_same_data(runs)
    assert len(kept) == len(runs)
    assert remarks == []
    days = {"started": runs["started"] + pd.Timedelta(days=1), "lossbench.process": "second"}
    changed = runs.assign(**days, **{"lossbench.fingerprint": of_split + "x"})
    kept, remarks = on_same_data(joined(runs, changed))
    assert set(kept["lossbench.process"]) == {"second"}
    assert len(kept) == len(runs)
    assert len(remarks) == 1


def test_a_changed_file_is_other_data_though_each_of_its_sweeps_has_seeds_of_its_own(make: Make) -> None:
    runs = make(8)
    late = runs["seed"] > 3
    version = late.map({False: sha("old"), True: sha("new")})
    told = {"lossbench.fingerprint": version, "lossbench.process": version + " sweep"}
    kept, remarks = on_same_data(runs.assign(**told))
    assert len(kept) == int(late.sum())
    assert len(remarks) == 1


def test_runs_without_a_result_are_no_other_data_to_tell_of(sweep: Make) -> None:
    failed = sweep("old", "mse").assign(outcome="failed")
    runs, remarks = on_same_data(joined(failed, sweep("new", "mse", day=1)))
    assert set(runs["lossbench.fingerprint"]) == {sha("new")}
    assert remarks == []


def test_the_runs_that_were_left_out_are_reported_by_their_fingerprint(sweep: Make) -> None:
    runs = joined(sweep("old", "mae"), sweep("new", "mse", day=1))
    asked = parse(["experiment=x", f"data.fingerprint={sha('old')[:8]}"]).selection["data.fingerprint"]
    assert set(selected(runs, "data.fingerprint", asked)["loss.name"]) == {"mae"}
    assert parse(["experiment=x", "data.fingerprint=00123456"]).selection == {"data.fingerprint": "00123456"}
    with pytest.raises(InputError, match=f"No run has data.fingerprint=zz .*{sha('new')[:8]}"):
        selected(runs, "data.fingerprint", "zz")


def test_summary_rows_do_not_merge_what_saw_different_data(sweep: Make) -> None:
    runs = joined(sweep("old", "mse mae"), sweep("new", "mse mae", day=1))
    nothing = pd.DataFrame(columns=["run_id", "step", "value"])
    first, second = compare(runs, lambda _: ("rmse", "mae"), lambda *_: nothing)
    assert [one.name for one in first.summaries] == ["mse", "mae"]
    assert [one.name for one in second.summaries] == [f"mse, data {OLD}", f"mae, data {OLD}"]
    members = [set(one.members) for part in (first, second) for one in part.summaries]
    assert sum(map(len, members)) == len(set.union(*members)) == len(runs)
    assert len({one.key for part in (first, second) for one in part.summaries}) == 4


def test_of_several_data_sets_only_the_changed_one_loses_runs(sweep: Make) -> None:
    other = partial(sweep, "other", "mse mae", **{"data.name": "second"})
    runs, (remark,) = on_same_data(joined(sweep("old", "mae"), other(), sweep("new", "mse", day=1)))
    assert len(runs[runs["data.name"] == "second"]) == len(other())
    assert remark.startswith("Not all runs of outliers saw")


def by_code(sweep: Make, *parts: tuple[str, str, int, int]) -> pd.DataFrame:
    """Runs on one file: loss, digest of its file `mine.py` (none: it ships), seeds, day."""
    made = []
    for loss, digest, seeds, day in parts:
        tag = {"lossbench.code": json.dumps({"mine.py": digest})} if digest else {}
        own = sweep("same", loss, seeds, day, **tag)
        made.append(own.assign(run_id=f"{loss} {digest} " + own["run_id"]))
    return joined(*made)


def test_one_condition_by_different_code_is_not_mixed_and_shipped_losses_go_with_each(sweep: Make) -> None:
    old, new = ("mae", "0ld" + "0" * 13, 6, 0), ("mae", "new" + "0" * 13, 6, 2)
    runs = by_code(sweep, ("mse", "", 6, 0), old, new)
    report = build(Experiment("x"), runs)
    assert len(report.runs) == 48
    assert set(report.runs["lossbench.code"].dropna()) == {json.dumps({"mine.py": new[1]})}
    assert report.remarks[0] == (
        "Not all runs of outliers were made by the same code of yours, and runs by different code are not "
        "compared: these are 48 runs of mae, mse (mine.py new00000); left out are 24 runs of mae (mine.py "
        "0ld00000). code=0ld00000 reports on those; the same sweep again trains what is missing with the "
        "code as it is now."
    )
    chosen = selected(runs, "code", "0ld")
    assert len(chosen) == 48
    assert on_same_data(chosen)[1] == []
    nothing = pd.DataFrame(columns=["run_id", "step", "value"])
    parts = compare(runs, lambda _: ("rmse", "mae"), lambda *_: nothing)
    names = [one.name for part in parts for one in part.summaries]
    assert names[:2] == ["mse", "mae"]
    assert names[2:] == [f"mae, data {sha('same')[:8]}, code 0ld00000"]


def test_a_change_of_code_that_is_trained_in_part_waits(sweep: Make) -> None:
    parts = (("mse", "", 6, 0), ("mae", "0ld", 6, 0), ("mae", "new", 3, 2))
    kept, remarks = on_same_data(by_code(sweep, *parts))
    assert set(kept["lossbench.code"].dropna()) == {'{"mine.py": "0ld"}'}
    assert len(remarks) == 1
    with pytest.raises(InputError, match="No run has code=zz"):
        selected(by_code(sweep, *parts), "code", "zz")
