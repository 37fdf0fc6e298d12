"""From a composed config to a checked run: keys, and for whatever values no error but a sentence."""

from __future__ import annotations

import copy
import dataclasses
import functools
import re
from pathlib import Path
from typing import Any

import pytest
from hydra import compose
from hydra.utils import get_class
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf

from lossbench.cli.refusals import is_told, sentence
from lossbench.config.folders import GROUPS, conf_dir
from lossbench.errors import InputError
from lossbench.job import Job, jobs_from
from lossbench.pack.grouping import pack_key
from lossbench.tracking.provenance import flatten

pytestmark = pytest.mark.usefixtures("composing")

SHIPPED = {
    group: [path.stem for path in sorted((conf_dir() / group).glob("*.yaml"))] for group in GROUPS
}  # fmt: skip
# What valid knobs may still be refused for.
CONTRADICTION = re.compile(
    "cannot (train on|read) data=|add up to|needs optimizer.momentum above 0|they must differ|needs your |"
    "must be one number or|leaves nothing to train|model.frozen=true keeps|stay below 1|is not shared by|"
    "without a gap, are needed|needs the column of ratings|name parts that agree in loss.parts|"
    "is no divisor of|more sequences than can|is no class of|"
    r"data.size must be \[height,width\]|must be a multiple of data|or more, as many columns as|"
    "columns, which may|name two translations|leave one of the two out|add data.task=pixels|"
    "leave out data.group|trains on none: leave it out|data.test_share smaller"
)


@functools.cache
def job(*overrides: str) -> Job:
    return jobs_from([compose("config", ["data.train_size=20", *overrides])])[0]


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "loss=mae",
        "loss=huber",
        "optimizer.lr=0.002",
        "optimizer=adamw",
        "trainer.max_epochs=7",
        "model.hidden=[32]",
        "data.contamination=0.2",
        "experiment.name=other",
    ],
)
def test_what_changes_the_result_changes_the_key(override: str) -> None:
    assert job(override).key != job().key


@pytest.mark.parametrize(
    "override",
    [
        "pack.mode=loop",
        "tracking.predictions=true",
        "tracking.uri=sqlite:///other.db",
        "+experiment.judge=mae",
    ],
)
def test_how_a_run_is_trained_and_recorded_does_not_change_the_key(override: str) -> None:
    assert job(override).key == job().key


def test_the_order_of_keys_does_not_change_the_key() -> None:
    config = OmegaConf.to_container(compose("config", ["data.train_size=20"]))
    assert isinstance(config, dict)
    backwards = {
        name: dict(reversed(node.items())) if isinstance(node, dict) else node
        for name, node in config.items()
    }
    assert jobs_from([OmegaConf.create(dict(reversed(backwards.items())))])[0].key == job().key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["loss=huber", "loss.delta=1"], ["loss=huber", "loss.delta=1.0"]),
        (["loss=huber"], ["loss=huber", "~loss.delta"]),
        (["model.hidden=[32,8]"], ["model.hidden=[32, 8]"]),
        (["optimizer.weight_decay=0"], ["~optimizer.weight_decay"]),
        (["loss=focal", "data=mnist_5k", "loss.function.gamma=2"], ["loss=focal", "data=mnist_5k"]),
        (["loss=focal", "data=mnist_5k", "~loss.function.alpha"], ["loss=focal", "data=mnist_5k"]),
        (
            ["loss=bce", "data=mnist_5k", "loss.pos_weight=1"],
            ["loss=bce", "data=mnist_5k", "~loss.pos_weight"],
        ),
        (["loss=bce", "data=mnist_5k", "data.balance=false"], ["loss=bce", "data=mnist_5k", "~data.balance"]),
    ],
)
def test_two_spellings_of_a_value_are_one_run(one: list[str], other: list[str]) -> None:
    first, second = (jobs_from([compose("config", overrides)])[0] for overrides in (one, other))
    assert first.key == second.key
    assert flatten(first.knobs) == flatten(second.knobs)
    assert pack_key(first) == pack_key(second)


def test_a_knob_that_came_later_leaves_a_trace_where_it_is_on_alone() -> None:
    """So that runs from before there was such a knob stay what they are."""
    off, on = (
        jobs_from([compose("config", ["data=mnist_5k", "loss=bce", *more])])[0]
        for more in ([], ["loss.pos_weight=3", "data.balance=true"])
    )
    assert off.knobs["loss"] == {"name": "bce"}
    assert "balance" not in off.knobs["data"]
    assert not any(own.when_unsaid for own in off.choices.values())
    assert (on.knobs["loss"], on.knobs["data"]["balance"]) == ({"name": "bce", "pos_weight": 3.0}, True)
    assert on.choices["loss"].when_unsaid == {"pos_weight": 1.0}
    assert on.choices["data"].when_unsaid == {"balance": False}
    assert on.key != off.key
    assert pack_key(on) != pack_key(off)


def test_a_file_named_in_several_ways_with_its_columns_in_any_order_is_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "below").mkdir()
    rows = "".join(f"{i},{i % 7},{i % 5},{3 * i}\n" for i in range(60))
    (tmp_path / "t.csv").write_text("a,b,c,y\n" + rows)
    monkeypatch.chdir(tmp_path / "below")
    table = ["data=csv", "data.target=y"]

    def key(*overrides: str) -> str:
        return jobs_from([compose("config", [*table, *overrides])])[0].key

    first = key("data.path=../t.csv", "data.drop=[a,b]")
    assert key(f"data.path={tmp_path}/t.csv", "data.drop=[b,a,a]") == first
    assert key("data.path=../t.csv", "data.drop=[a]") != first
    (tmp_path / "t.csv").write_text("a,b,c,y\n" + rows.replace(",1,", ",2,"))
    assert key("data.path=../t.csv", "data.drop=[a,b]") != first


def test_equal_choices_of_a_sweep_are_one_object() -> None:
    configs = [compose("config", [f"seed={seed}"]) for seed in (0, 1)]
    first, second = (job.member for job in jobs_from(configs))
    assert first.source is second.source
    assert first.loss is second.loss
    assert (first.seed, second.seed) == (0, 1)


def test_options_that_a_config_leaves_out_have_their_defaults() -> None:
    config = compose("config", ["~pack", "~tracking", "~experiment"])
    (made,) = jobs_from([config])
    assert made.mode == "auto"
    assert made.experiment == "adhoc"
    assert made.config["tracking"]["resume"] is True


def test_the_last_layer_is_sized_by_the_loss() -> None:
    def outputs(*overrides: str) -> tuple[int, bool]:
        member = jobs_from([compose("config", list(overrides))])[0].member
        return member.outputs, member.headed

    assert outputs("loss=mse") == (1, False)
    assert outputs("loss=cce", "data=mnist_5k") == (10, False)
    assert outputs("loss=triplet", "data=mnist_5k", "model.embedding_size=7") == (7, False)
    assert outputs("loss=cce", "data=faces") == (24, True)
    assert outputs("loss=triplet", "data=faces", "model.embedding_size=7") == (7, False)


# ---- fuzz


@functools.cache
def node(group: str, name: str) -> dict[str, Any]:
    content: Any = OmegaConf.to_container(OmegaConf.load(conf_dir() / group / f"{name}.yaml"))
    return {str(key): value for key, value in content.items()}


# How many a file must have of something is bounded by the file alone: of data that ships, this leaves enough.
LEAVES_ENOUGH = {"min_user": 50, "min_item": 50}


def valid(field: dataclasses.Field[Any]) -> st.SearchStrategy[Any] | None:
    """Values within the range that a knob declares."""
    kind = str(field.type)
    if choices := field.metadata.get("choices"):
        return st.sampled_from(choices)
    bounds = field.metadata.get("bounds", {})
    low, above, high, below = (bounds.get(name) for name in ("at_least", "above", "at_most", "below"))
    most = LEAVES_ENOUGH.get(field.name, 10**6)
    whole = st.integers(int(low or 0), int(below - 1 if below is not None else high or most))
    floats = st.floats(
        low if low is not None else above,
        high if high is not None else below if below is not None else 1e30,
        exclude_min=low is None,
        exclude_max=high is None and below is not None,
    )
    values = {
        "bool": st.booleans(),
        "int": whole,
        "float": floats,
        "tuple[int, ...]": st.lists(whole, max_size=3),
    }
    found = values.get(kind.removesuffix(" | None"))
    if found is None:
        return None
    return st.none() | found if field.metadata.get("optional") else found


@st.composite
def chosen(draw: st.DrawFn, group: str) -> dict[str, Any]:
    """A shipped choice with some of its knobs set within their ranges."""
    made = dict(node(group, draw(st.sampled_from(SHIPPED[group]))))
    if "function" in made:  # what describes a loss of others is no knob
        return made
    if "module" in made:  # which the YAML leaves to its user
        layer = {"_target_": "torch.nn.Linear", "in_features": "features", "out_features": "outputs"}
        return made | {"module": layer}
    if made["name"] == "sum":
        weights = st.floats(0.1, 10)
        parts = st.dictionaries(st.sampled_from(SHIPPED["loss"]), weights, min_size=1, max_size=3)
        return made | {"parts": draw(parts)}
    for field in dataclasses.fields(get_class(made["_target_"])):
        values = valid(field) if field.metadata and field.name in made else None
        if values is not None and draw(st.booleans()):
            made[field.name] = draw(values)
    return made


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    return {
        **{group: draw(chosen(group)) for group in GROUPS},
        "seed": draw(st.integers(0, 2**31 - 1)),
        "pack": {"mode": draw(st.sampled_from(["auto", "vmap", "loop"]))},
        "tracking": {"uri": None, "resume": draw(st.booleans()), "predictions": draw(st.booleans())},
        "experiment": {"name": "fuzz"},
    }


def refusal(config: dict[str, Any] | DictConfig) -> str | None:
    """The sentence that refuses a config, or None; any other error fails the test."""
    try:
        (made,) = jobs_from([OmegaConf.create(config)])
    except InputError as error:
        text = str(error)
        assert text.endswith(".")
        assert "\n" not in text
        return text
    assert made.member.outputs >= 1
    assert made.name
    return None


@settings(max_examples=60)
@given(configs())
def test_valid_choices_train_or_contradict_each_other(config: dict[str, Any]) -> None:
    text = refusal(config)
    assert text is None or CONTRADICTION.search(text), text


@pytest.mark.parametrize(("least", "left"), [(LEAVES_ENOUGH, True), ({"min_item": 209}, False)])
def test_minimum_counts_are_refused_where_the_file_has_too_few(least: dict[str, int], left: bool) -> None:
    knobs = [f"data.{name}={count}" for name, count in least.items()]
    text = refusal(compose("config", ["data=movielens", "model=towers", "loss=bpr", *knobs]))
    few = "of whom 0 have 20 items or more that as many as 209 users have; at least 10 are needed: lower"
    assert text is None if left else text is not None and few in text


@settings(max_examples=20)
@given(configs(), st.data())
def test_what_fits_is_never_refused(config: dict[str, Any], data: st.DataObject) -> None:
    pairs = {"outliers": ("mlp", "huber"), "sentiment": ("text", "kl"), "faces": ("cnn", "triplet")}
    source = data.draw(st.sampled_from(sorted(pairs)))
    for group, name in zip(("data", "model", "loss"), (source, *pairs[source]), strict=True):
        config[group] = node(group, name)
    config["optimizer"] = node("optimizer", "adam")
    if config["trainer"]["keep"] == "last":
        config["trainer"]["patience"] = None  # one stops a run before the epoch that the other asks for
    assert refusal(config) is None


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["${a}", "???"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=100)
@given(configs(), st.data())
def test_whatever_stands_in_a_config_no_error_is_raised_but_a_sentence(
    config: dict[str, Any], data: st.DataObject
) -> None:
    config = copy.deepcopy(config)
    part = data.draw(st.sampled_from(sorted(config)))
    if isinstance(config[part], dict) and data.draw(st.booleans()):
        key = data.draw(st.sampled_from([*sorted(config[part]), "unheard_of"]))
        config[part][key] = data.draw(junk)
    else:
        config[part] = data.draw(junk)
    refusal(config)


keys = st.sampled_from(
    ["loss", "data", "model", "loss.delta", "seed", "data.x", "pack.mode", "hydra.job", "", "a.b"]
)
words = (
    st.sampled_from(["", "+", "++", "~"]),
    keys,
    st.sampled_from(["=", "", "==", ":"]),
    st.text(max_size=6),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(*words).map("".join), min_size=1, max_size=2))
@example(["loss.delta=\n"])
def test_whatever_is_typed_no_error_is_raised_but_a_sentence(overrides: list[str]) -> None:
    error = None
    try:
        refusal(compose("config", overrides))
    except Exception as raised:
        error = raised
    assert error is None or is_told(error), error
    assert error is None or re.fullmatch(r"\S.*\.", sentence(error, overrides))


def test_conf_is_beside_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (conf_dir() / "config.yaml").is_file()
