"""A user's own ratings: what is kept, how it is split, and negatives that are the same for every loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import chisquare

from lossbench.data.clicks import Ratings
from lossbench.data.contract import check_data
from lossbench.data.negatives import Negatives, Seen
from lossbench.data.source import DataSet
from lossbench.errors import InputError
from lossbench.seeds import torch_generator

USERS, ITEMS, EACH = 20, 15, 8


def rows() -> pd.DataFrame:
    draw = np.random.default_rng(1)
    items = np.concatenate([draw.permutation(ITEMS)[:EACH] for _ in range(USERS)])
    table = pd.DataFrame(
        {
            "who": [f"u{user}" for user in range(USERS) for _ in range(EACH)],
            "what": [f"i{item}" for item in items],
            "when": pd.date_range("2024-01-01", periods=USERS * EACH, freq="h").strftime("%Y-%m-%d %H:%M"),
            "stars": draw.integers(1, 6, USERS * EACH),
        }
    )
    return table.sample(frac=1, random_state=0)


def source(folder: Path, table: pd.DataFrame, **knobs: Any) -> Ratings:
    table.to_csv(folder / "clicks.csv", index=False)
    named = {"path": str(folder / "clicks.csv"), "user": "who", "item": "what", "time": "when"}
    return Ratings(name="ratings", **{**named, "min_item": 1, **knobs})


def loaded(own: Ratings, seed: int = 0) -> DataSet:
    return check_data(own, own.load(seed, "user_item"))


def pairs(data: DataSet, split: str) -> set[tuple[int, int]]:
    part = getattr(data, split)
    return set(zip(part.targets["user"].tolist(), part.targets["item"].tolist(), strict=True))


@pytest.mark.parametrize("held_out", [1, 2])
def test_the_last_rows_of_each_user_test_and_those_before_validate(tmp_path: Path, held_out: int) -> None:
    own = source(tmp_path, rows(), held_out=held_out)
    clicks, data = own.clicks(), loaded(own)
    for user in range(USERS):
        mine = np.flatnonzero(clicks.user == user)
        assert (np.diff(clicks.time[mine]) > 0).all()
        test, val = mine[-held_out:], mine[-2 * held_out : -held_out]
        for split, wanted in (("test", test), ("val", val), ("train", mine[: -2 * held_out])):
            assert {(user, int(clicks.item[row])) for row in wanted} == {
                pair for pair in pairs(data, split) if pair[0] == user
            }
    assert data.train.groups is not None
    assert torch.equal(data.train.groups, data.train.targets["user"])
    assert own.load(1, "user_item") is data


def test_by_time_the_latest_rows_test_and_unknown_users_are_left_out(tmp_path: Path) -> None:
    own = source(tmp_path, rows(), split="time", val_share=0.1, test_share=0.2)
    with pytest.raises(InputError, match="0 for validation and 0 for the test, of users that train"):
        own.training_size()  # whose rows come one user after another here
    mixed = rows().assign(when=pd.date_range("2024-01-01", periods=USERS * EACH, freq="h").astype(str))
    own = source(tmp_path, mixed, split="time", val_share=0.1, test_share=0.2)
    clicks, data = own.clicks(), loaded(own)
    times = [clicks.time[part.rows.numpy()] for part in (data.train, data.val, data.test)]
    assert times[0].max() < times[1].min() <= times[1].max() < times[2].min()
    assert set(data.test.targets["user"].tolist()) <= set(data.train.targets["user"].tolist())


def test_what_is_too_seldom_is_left_out_and_counted_again(tmp_path: Path) -> None:
    extra = pd.DataFrame(
        {
            "who": ["new"] * 4 + ["u0"],
            "what": ["i0", "i1", "i2", "i3", "rare"],
            "when": "2025-01-01",
            "stars": 1,
        }
    )
    own = source(tmp_path, pd.concat([rows(), extra]), min_user=5, min_item=2)
    clicks = own.clicks()
    assert (clicks.users, clicks.items, len(clicks.user)) == (USERS, ITEMS, USERS * EACH)
    told = "\n".join(own.account())
    assert "clicks.csv: 160 rows of 20 users and 15 items" in told
    assert (
        "left out: 1 user with fewer than 5 items (data.min_user) and 1 item with fewer than 2 users" in told
    )


def test_of_a_pair_that_comes_again_the_last_row_counts(tmp_path: Path) -> None:
    table = rows()
    again = table.iloc[[3]].assign(when="2025-01-01", stars=99)
    own = source(tmp_path, pd.concat([again, table]), rating="stars")
    clicks = own.clicks()
    assert len(clicks.user) == len(table)
    assert clicks.rating is not None
    assert (clicks.rating == 99).sum() == 1
    assert "1 row of a user and an item that come again later are left out" in "\n".join(own.account())


def test_without_a_time_the_rows_are_in_order_and_that_is_said(tmp_path: Path) -> None:
    table = rows().sort_values("when")
    with_time, without = (source(tmp_path, table, time=time).clicks() for time in ("when", None))
    assert (with_time.item == without.item).all()
    assert "the rows are taken for ordered" in without.notes[0]


def test_ratings_are_a_number_to_predict_and_decide_the_task(tmp_path: Path) -> None:
    own = source(tmp_path, rows(), rating="stars")
    assert [target.kind for target in own.targets()] == ["continuous", "item", "user"]
    assert own.select == "mae"
    assert source(tmp_path, rows(), rating="stars", task="rank").select == "ndcg_at_10"
    assert source(tmp_path, rows()).select == "ndcg_at_10"
    data = loaded(own)
    assert data.train.targets["continuous"].unique().tolist() == [1, 2, 3, 4, 5]
    assert "continuous" in data.units


def test_shared_are_the_items_of_training_alone(tmp_path: Path) -> None:
    data = loaded(source(tmp_path, rows()))
    seen, start = data.shared["seen"], data.shared["seen_from"]
    found = {(user, int(item)) for user in range(USERS) for item in seen[start[user] : start[user + 1]]}
    assert found == pairs(data, "train")
    assert (
        data.shared["count"].tolist() == torch.bincount(data.train.targets["item"], minlength=ITEMS).tolist()
    )


def test_negatives_follow_from_seed_and_step_and_are_new_to_the_user(tmp_path: Path) -> None:
    data = loaded(source(tmp_path, rows(), negatives=50))
    assert data.fresh is not None
    batch = {name: tensor[data.train.rows] for name, tensor in data.inputs.items()}
    targets = dict(data.train.targets)
    one, kept = data.fresh(batch, targets, torch_generator(0, "fresh", 3))
    same, _ = data.fresh(batch, targets, torch_generator(0, "fresh", 3))
    later, _ = data.fresh(batch, targets, torch_generator(0, "fresh", 4))
    assert torch.equal(one["other"], same["other"])
    assert not torch.equal(one["other"], later["other"])
    assert one["other"].shape == (len(data.train), 50)
    assert torch.equal(kept["item"], targets["item"])
    train = pairs(data, "train")
    drawn = {
        (u, i) for u, many in zip(one["user"].tolist(), one["other"].tolist(), strict=True) for i in many
    }
    assert not drawn & train
    # Each of the others is drawn by somebody: 6 rows of a user draw 300 of 9.
    assert drawn == {(user, item) for user in range(USERS) for item in range(ITEMS)} - train


def test_what_users_of_a_batch_have_of_its_items_is_told_row_by_row(tmp_path: Path) -> None:
    data = loaded(source(tmp_path, rows(), negatives=2))
    assert data.fresh is not None
    batch = {name: tensor[data.train.rows[::5]] for name, tensor in data.inputs.items()}
    made, _ = data.fresh(batch, {}, torch_generator(0, "fresh", 0))
    owned = data.of_batch["owned"](made)
    standing = [*made["item"].tolist(), *made["other"].flatten().tolist()]
    train = pairs(data, "train")
    assert owned.tolist() == [[(user, item) in train for item in standing] for user in made["user"].tolist()]
    assert owned.diagonal().all()


def test_without_a_mask_no_item_counts_as_known(tmp_path: Path) -> None:
    masked, whole = (loaded(source(tmp_path, rows(), mask=mask)) for mask in (True, False))
    assert len(masked.shared["seen"]) == len(masked.train)
    assert len(whole.shared["seen"]) == int(whole.shared["seen_from"].sum()) == 0
    batch = {name: tensor[whole.train.rows] for name, tensor in whole.inputs.items()}
    one, other = (data.fresh(batch, {}, torch_generator(0, "fresh", 0))[0] for data in (masked, whole))  # type: ignore[misc]
    assert torch.equal(one["other"], other["other"])  # what trains is the same


def test_negatives_are_drawn_evenly() -> None:
    item = np.array([0, 3, 4, 9])
    draw = Negatives(Seen.of(np.zeros(4, dtype=np.int64), item, 1, 12), 24_000)
    made, _ = draw({"user": torch.tensor([0])}, {}, torch_generator(0, "even"))
    counts = torch.bincount(made["other"].flatten(), minlength=12)
    free = [number for number in range(12) if number not in item]
    assert counts[item].sum() == 0
    assert ((counts[free] - 3000).abs() < 5 * 3000**0.5).all()


def test_negatives_by_popularity_are_drawn_as_often_as_they_stand_in_training(tmp_path: Path) -> None:
    """Chi-square of what each user draws against the rows of training of items that he does not have."""
    table = rows().sort_values(
        "when"
    )  # of whom each later one has fewer of the first items, so counts differ
    own = source(tmp_path, table, draws="popularity", negatives=2000)
    data = loaded(own)
    assert data.fresh is not None
    users = torch.arange(USERS)
    made, _ = data.fresh({"user": users}, {}, torch_generator(0, "popular"))
    assert torch.equal(
        made["other"], data.fresh({"user": users}, {}, torch_generator(0, "popular"))[0]["other"]
    )
    train, count = pairs(data, "train"), data.shared["count"].numpy()
    assert len(set(count.tolist())) > 3
    for user, other in zip(users.tolist(), made["other"], strict=True):
        weight = np.array([0 if (user, item) in train else count[item] for item in range(ITEMS)])
        found = np.bincount(other.numpy(), minlength=ITEMS)
        assert found[weight == 0].sum() == 0
        wanted = 2000 * weight[weight > 0] / weight.sum()
        assert chisquare(found[weight > 0], wanted).pvalue > 1e-4


def test_items_of_equal_popularity_are_drawn_to_the_bit_as_evenly() -> None:
    draw = np.random.default_rng(0)
    item = np.concatenate([draw.permutation(12)[: 2 + user] for user in range(6)])
    seen = Seen.of(np.repeat(np.arange(6), np.arange(2, 8)), item, 6, 12)
    user = {"user": torch.arange(6)}
    evenly, weighed = (
        Negatives(seen, 300, weight)(user, {}, torch_generator(0, "equal"))[0]["other"]
        for weight in (None, torch.ones(12, dtype=torch.int64))
    )
    assert torch.equal(evenly, weighed)


def test_a_drawn_split_takes_of_each_user_as_many_at_random_and_leaves_him_some(tmp_path: Path) -> None:
    last = loaded(source(tmp_path, rows()))
    own = source(tmp_path, rows(), split="drawn", held_out=3, val_share=0.2)
    data = loaded(own)
    users = {name: torch.bincount(getattr(data, name).targets["user"]) for name in ("train", "val", "test")}
    assert users["test"].tolist() == [3] * USERS
    assert users["val"].sum() == round(0.2 * USERS * EACH)
    assert users["train"].min() >= 1
    assert set().union(*(pairs(data, name) for name in users)) == pairs(last, "train") | pairs(
        last, "val"
    ) | pairs(last, "test")
    assert pairs(data, "test") != pairs(last, "test")
    assert own.load(1, "user_item") is data


def test_runs_without_the_later_knobs_are_what_they_were(tmp_path: Path) -> None:
    own = source(tmp_path, rows())
    assert "draws" not in own.values()
    assert source(tmp_path, rows(), draws="popularity").values()["draws"] == "popularity"


def text(**cells: str) -> str:
    table = rows().reset_index(drop=True).astype(str)
    for place, value in cells.items():
        name, _, row = place.rpartition("_")
        table.loc[int(row) - 1, name] = value
    return table.to_csv(index=False)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (text(), {"user": "whom"}, "data.user=whom is no column of clicks.csv (did you mean 'who'?"),
    (text(), {"item": "who"}, "data.item=who is named twice, in data.user first"),
    (text(who_3=""), {}, "The user who of clicks.csv is missing in row 3 below the names; remove such rows"),
    (text(what_3=""), {}, "The item what of clicks.csv is missing in row 3"),
    (text(when_3=""), {}, "The time when of clicks.csv is missing in row 3"),
    (text(when_3="later"), {}, "The time when of clicks.csv has 'later' in row 3"),
    (text(stars_3=""), {"rating": "stars"}, "The rating stars of clicks.csv is missing in row 3"),
    (text(stars_3="good"), {"rating": "stars"}, "The rating stars of clicks.csv has 'good' in row 3"),
    (text().replace(",5\n", ",4\n").replace(",3\n", ",4\n").replace(",2\n", ",4\n").replace(",1\n", ",4\n"),
     {"rating": "stars"}, "is 4 in every row, which says no more than the row itself: leave data.rating out"),
    (text(), {"min_user": 9}, "has 20 users, of whom 0 have 9 items or more that as many as 1 users have"),
    (text(), {"item": "when", "time": None, "min_item": 2}, "look whether data.user and data.item are right"),
    (text(), {"min_user": 2}, "data.min_user=2 leaves nothing to train of a user, of whom 1 rows test"),
    (text(), {"split": "drawn", "held_out": 5}, "of whom 5 rows test: set it to 6 or more"),
    (text(), {"task": "rate"}, "data.task=rate needs the column of ratings: name it, as in"),
    (text(), {"item": None}, "data=ratings needs your file and its columns of users and items"),
    (text(), {"path": "nowhere.csv"}, "data.path=nowhere.csv does not exist"),
    (text(), {"split": "random"}, "data.split=random is not allowed"),
    (text(), {"val_share": 0.6, "test_share": 0.5}, "add up to 1.1: together they must stay below 1"),
    (text(), {"negatives": 0}, "data.negatives must be at least 1"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "knobs", "words"), REFUSED, ids=lambda value: str(value)[-40:])
def test_ratings_that_cannot_be_used_are_refused(
    tmp_path: Path, content: str, knobs: dict[str, Any], words: str
) -> None:
    (tmp_path / "clicks.csv").write_text(content)
    named = {
        "path": str(tmp_path / "clicks.csv"),
        "user": "who",
        "item": "what",
        "time": "when",
        "min_item": 1,
    }
    with pytest.raises(InputError) as caught:
        Ratings(name="ratings", **{**named, **knobs}).load(0, "user_item")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_user_who_has_every_item_leaves_no_negative(tmp_path: Path) -> None:
    others = [(f"u{user}", f"i{item}", 10 + user + 20 * item) for user in range(12) for item in range(5)]
    every = [("all", f"i{item}", 1) for item in range(6)]
    table = pd.DataFrame([*others, *every], columns=["who", "what", "when"])
    with pytest.raises(
        InputError, match=r"^A user of clicks\.csv has all of its 6 items in training, so none"
    ):
        source(tmp_path, table, split="time").training_size()


def test_a_user_who_has_all_that_anybody_has_leaves_nothing_popular(tmp_path: Path) -> None:
    every = [("all", f"i{item}", 1) for item in range(6)]
    others = [(f"u{user}", f"i{item}", 10 + user) for user in range(12) for item in range(5)]
    late = [(f"u{user}", f"new{new}", 50 + user + 20 * new) for user in range(12) for new in range(2)]
    table = pd.DataFrame([*every, *others, *late], columns=["who", "what", "when"])
    shares = {"split": "time", "val_share": 0.13, "test_share": 0.13}
    assert source(tmp_path, table, **shares).training_size()
    with pytest.raises(
        InputError, match=r"has all 6 items that anybody has in training, so data\.draws=popularity"
    ):
        source(tmp_path, table, draws="popularity", **shares).training_size()
