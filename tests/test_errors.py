"""Misspelt names get the nearest known one."""

from lossbench.errors import suggestion, unknown_knob


def test_the_nearest_name_is_suggested_whatever_its_case() -> None:
    assert suggestion("hubr", ["mse", "huber"]) == "did you mean 'huber'? known: huber, mse"
    assert suggestion("MSE", ["mse", "huber"]).startswith("did you mean 'mse'?")
    assert suggestion("logcosh", ["LogCosh"]).startswith("did you mean 'LogCosh'?")


def test_nothing_near_lists_what_there_is() -> None:
    assert suggestion("xyzzy", ["mse", "huber"]) == "known: huber, mse"
    assert unknown_knob("loss.x", "loss=mse", []) == "loss.x is no knob of loss=mse, which has none"


def test_of_very_many_names_the_first_are_listed_and_the_nearest_is_told() -> None:
    names = [f"name_{number:03}" for number in range(100)]
    told = suggestion("nme_099", names)
    assert told.startswith("did you mean 'name_099'? known: name_000, name_001, ")
    listed = told.partition("known: ")[2]
    assert len(listed) < 300
    shown, _, more = listed.partition(" and ")
    assert more == f"{100 - len(shown.split(', '))} more"
