"""MovieLens is read whole, as its page says of it."""

from __future__ import annotations

from lossbench.data.contract import check_data
from lossbench.data.movielens import MovieLens


def test_all_ratings_are_there() -> None:
    source = MovieLens(name="movielens")
    clicks = source.clicks()
    assert (len(clicks.user), clicks.users, clicks.items) == (100_000, 943, 1_682)
    assert clicks.rating is not None
    assert (clicks.rating.min(), clicks.rating.max(), round(float(clicks.rating.mean()), 2)) == (1, 5, 3.53)
    assert "1997-09-20 03:05:10 to 1998-04-22 23:10:38" in "\n".join(source.account())
    assert not any("left out" in note for note in clicks.notes)
    data = check_data(source, source.load(0, "user_item"))
    assert [len(part) for part in (data.train, data.val, data.test)] == [98_114, 943, 943]
    assert "Harper and Konstan" in data.description.source


def test_films_are_ranked_unless_ratings_are_asked_for() -> None:
    assert MovieLens(name="movielens").select == "ndcg_at_10"
    assert MovieLens(name="movielens", task="rate").select == "mae"
    assert "continuous" in [target.kind for target in MovieLens(name="movielens").targets()]
