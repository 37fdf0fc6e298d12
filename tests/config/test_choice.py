"""Knobs are checked by their type and kept in one spelling, however the file of a class is written."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from lossbench.config.choice import Choice, Knobs
from lossbench.config.making import make
from lossbench.errors import InputError
from lossbench.losses.loss import Loss
from lossbench.losses.mse import MSE
from lossbench.models.mlp import MLP
from lossbench.models.model import Model

README = Path(__file__).parents[2] / "README.md"
FUTURE = "from __future__ import annotations\n"
KNOBS = """
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from lossbench.config.choice import Knobs, knob

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Some(Knobs):
    width: float = knob(1.0, above=0)
    plain: float = 2.0
    unbound: Optional[int] = knob(None, optional=True)
    shares: list[float] = knob((), at_least=0)
    on: bool = False
    label: str = "a"
    names: frozenset[str] = frozenset()
    place: Path = Path("here")
    weights: "Tensor | None" = None
"""


WORDS = """
from dataclasses import dataclass

from lossbench.config.choice import knob
from lossbench.losses.mse import MSE
from lossbench.models.mlp import MLP


@dataclass(frozen=True, kw_only=True)
class Weighted(MSE):
    also: tuple[str, ...] = ("importance",)
    needs: tuple[str, ...] = ("output",)
    trains_on: list[str] = ["continuous"]
    part: str = "loss"
    share: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Wide(MLP):
    reads: "tuple[str, ...]" = ("vector",)
    places: bool = knob(False)
    embedding_size: int = 8
"""


@pytest.fixture(params=["", FUTURE], ids=["plain", "future"])
def future(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def module(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module as a file of that text gives it."""
    made = types.ModuleType(name)
    monkeypatch.setitem(sys.modules, name, made)
    exec(compile(text, f"{name}.py", "exec", dont_inherit=True), vars(made))
    return made


@pytest.fixture
def some(future: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    return module("some_knobs", future + KNOBS, monkeypatch).Some


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"width": "abc"}, "knobs.width must be a number; got 'abc'."),
        ({"width": True}, "knobs.width must be a number; got True."),
        ({"width": 0}, "knobs.width must be above 0; got 0."),
        ({"plain": "abc"}, "knobs.plain must be a number; got 'abc'."),
        ({"unbound": 1.5}, "knobs.unbound must be a whole number; got 1.5."),
        (
            {"shares": 1.0},
            "shares must be a list, each item a number; got 1.0; one item is typed as 'knobs.shares=[1.0]'.",
        ),
        ({"shares": [1, -1]}, "each item of knobs.shares must be at least 0; got -1."),
        ({"on": 1}, "knobs.on must be true or false; got 1."),
        ({"label": 5}, "knobs.label must be a text; got 5."),
        (
            {"names": "ab"},
            "names must be a list, each item a text; got 'ab'; one item is typed as 'knobs.names=[ab]'.",
        ),
        ({"names": "x #1"}, """got 'x #1'; one item is typed as 'knobs.names=["x #1"]'."""),
        ({"names": 5}, "knobs.names must be a list, each item a text; got 5."),
    ],
)
def test_a_knob_of_another_type_is_refused(some: Any, knobs: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        some(**knobs)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"width": 1}, {"width": 1.0}),
        ({"plain": 3}, {"plain": 3.0}),
        ({"shares": [1, 0.5]}, {"shares": (1.0, 0.5)}),
        ({"shares": [-0.0]}, {"shares": [0.0]}),
        ({"names": ["b", "a", "b"]}, {"names": ["a", "b"]}),
        ({}, {"width": 1.0, "unbound": None, "on": False}),
    ],
)
def test_two_spellings_make_equal_objects(some: Any, one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = some(**one), some(**other)
    assert first == second
    assert repr(first) == repr(second)
    assert first.values() == second.values()
    assert first.values().keys() == set(some.__dataclass_fields__)


def test_values_that_differ_stay_apart(some: Any) -> None:
    assert some(shares=[1, 2]) != some(shares=[2, 1])
    assert some(width=1) != some(width=1.5)


def test_a_word_of_the_contract_is_no_knob_however_it_is_annotated(
    future: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = module("words", future + WORDS, monkeypatch)
    loss = make("loss", Loss, {"_target_": "words.Weighted", "name": "weighted"})
    assert isinstance(loss, Loss)
    assert (loss.also, loss.needs, loss.trains_on) == (("importance",), ("output",), ["continuous"])
    assert loss.values().keys() - MSE(name="mse").values().keys() == {"share"}
    with pytest.raises(InputError, match=r"loss\.also is no knob of loss=weighted"):
        make("loss", Loss, {"_target_": "words.Weighted", "name": "weighted", "also": ["else"]})
    model = made.Wide(name="wide", places=True)  # written with knob(...), it is one
    assert model.values().keys() - MLP(name="mlp").values().keys() == {"places"}
    assert (model.reads, model.places, model.embedding_size) == (("vector",), True, 8)


EXAMPLES = {
    "cauchy": ("loss", Loss, {"width": "abc"}, "loss.width must be a number; got 'abc'."),
    "smooth": ("model", Model, {"width": 6.5}, "model.width must be a whole number; got 6.5."),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_knobs_of_the_readmes_own_examples_are_checked(
    name: str, future: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = README.read_text(encoding="utf-8").split(f"```python\n# {name}.py\n")[1].split("```")[0]
    made = module(name, future + text, monkeypatch)
    group, kind, wrong, words = EXAMPLES[name]
    classes = [value for value in vars(made).values() if isinstance(value, type) and value.__module__ == name]
    node = {"_target_": f"{name}.{classes[0].__name__}", "name": name}
    for knobs, told in ((wrong, words), ({"width": True}, f"{group}.width must be a")):
        with pytest.raises(InputError, match=re.escape(told)):
            make(group, kind, {**node, **knobs})
    choice = make(group, kind, {**node, "width": 2})
    if isinstance(choice, Loss):
        assert choice.float_knobs() == {"width": 2.0}  # so that widths share a stack


@pytest.mark.parametrize("kind", [Knobs, Choice])
def test_what_ships_declares_types_that_can_be_resolved(kind: type[Knobs]) -> None:
    """A knob of which nothing is known would be checked by its range alone."""
    import lossbench.job  # noqa: F401 - whatever declares knobs
    from lossbench.config.knob_types import types_of

    def below(one: type[Any]) -> list[type[Any]]:
        return [one, *(inner for child in one.__subclasses__() for inner in below(child))]

    for one in below(kind):
        if one.__module__.startswith("lossbench"):
            for name, known in types_of(one).items():
                # Checked where they are made into what they name.
                nodes = ("function", "module", "trains_on", "parts", "knobs", "losses", "source", "teacher")
                nodes += ("inner_model",)
                assert known.item or name in nodes, (one, name)
