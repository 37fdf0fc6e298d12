"""Where a fair search looks: every knob of every shipped loss says it, inside what it allows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from lossbench.config.choice import knob
from lossbench.config.folders import choices, node_in
from lossbench.config.search import among, linear, log
from lossbench.config.searched import knobs_of_class
from lossbench.errors import InputError

REFUSED: dict[str, Callable[[], Any]] = {
    "search=linear(0, 2): each value must be above 0; got 0": lambda: knob(1.0, above=0, search=linear(0, 2)),
    "search=log(0.1, 5): each value must be at most 3; got 5": lambda: knob(
        1.0, at_most=3, search=log(0.1, 5)
    ),
    "each value=c is not allowed (known: a, b)": lambda: knob(
        "a", choices=("a", "b"), search=among("a", "c")
    ),
    "search=log(0, 1) must begin above 0; write linear(0, 1)": lambda: log(0, 1),
    "search=log(3, 1) must go from a finite number to a larger one": lambda: log(3, 1),
    "search=linear(0, inf) must go from a finite": lambda: linear(0, float("inf")),
    "search=among(1) must name at least two values": lambda: among(1),
}


@pytest.mark.parametrize("told", REFUSED)
def test_a_search_that_leaves_what_is_allowed_is_refused(told: str) -> None:
    with pytest.raises(InputError) as refused:
        REFUSED[told]()
    assert told in str(refused.value)


def test_a_search_covers_its_range() -> None:
    assert [log(0.01, 1).at(place) for place in (0, 0.25, 0.5, 1)] == [0.01, 0.03162, 0.1, 1]
    assert [linear(0, 0.3).at(place) for place in (0, 0.5, 1)] == [0, 0.15, 0.3]
    assert [among("all", "hard").at(place) for place in (0, 0.499, 0.5, 0.999)] == ["all"] * 2 + ["hard"] * 2


# What makes another loss of it, or is a price that a person sets; the
# docstrings say so.
_OF_AUTOENCODERS = {"k", "likelihood", "deviation", "beta", "warm_up", "free_bits"}
_OF_POLICIES = {"kl", "reuse", "clip"}
_OTHERS = {"parts", "knobs", "softmax", "invariance", "level", "levels", "pos_weight"}
NOT_SEARCHED = _OTHERS | _OF_AUTOENCODERS | _OF_POLICIES


def test_every_knob_of_every_loss_is_searched_or_says_why_not() -> None:
    for path in choices("loss").values():
        target = str(node_in(path)["_target_"])
        if "third_party" in target:
            continue
        for name, declared in knobs_of_class(target).items():
            assert (declared.search is None) == (name in NOT_SEARCHED), (path.stem, name)


@pytest.mark.parametrize("name", ["adagrad", "adam", "adamw", "sgd"])
def test_every_optimizer_searches_its_rate_and_decay(name: str) -> None:
    knobs = knobs_of_class(str(node_in(choices("optimizer")[name])["_target_"]))
    assert {own for own, declared in knobs.items() if declared.search} == {"lr", "weight_decay"}


def test_what_is_searched_holds_the_default_of_the_yaml_or_its_edge() -> None:
    for group in ("loss", "optimizer", "model"):
        for path in choices(group).values():
            node = node_in(path)
            for name, declared in knobs_of_class(str(node.get("_target_"))).items():
                if declared.search is None or name not in node or (name, node[name]) == ("weight_decay", 0.0):
                    continue  # no decay is a decay too small to matter
                ends = declared.search.ends
                value = node[name]
                inside = value in ends if isinstance(value, (bool, str)) else ends[0] <= value <= ends[-1]
                assert inside, (path.stem, name)


def test_a_class_of_a_user_declares_its_own() -> None:
    @dataclasses.dataclass(frozen=True)
    class Own:
        width: float = knob(1.0, above=0, search=log(0.1, 10))
        plain: float = knob(2.0)

    metadata = {field.name: field.metadata["search"] for field in dataclasses.fields(Own)}
    assert metadata == {"width": log(0.1, 10), "plain": None}
