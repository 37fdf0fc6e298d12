"""A measure of one's own is named by its dotted path, and what is wrong with it is told before it trains."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from hydra import compose

from lossbench.claims.parsing import check_experiments
from lossbench.data.outliers import Outliers
from lossbench.errors import InputError
from lossbench.job import Job, jobs_from
from lossbench.metrics.families import FAMILIES, described, measures
from lossbench.metrics.measure import Measure, Metric
from lossbench.metrics.names import METRICS
from lossbench.metrics.recorded import as_text, of_text, of_texts

pytestmark = pytest.mark.usefixtures("composing")

PINBALL = Metric("pinball", "forecast", False, "mean pinball loss", "units of the target", low=0)


def measure(metric: Metric = PINBALL, **changes: Any) -> Measure:
    parts = {"needs": ("value",), "fields": ("continuous",), "function": "my_metrics:pinball", **changes}
    return Measure(**{"metrics": (metric,), **parts})


@pytest.fixture(autouse=True)
def mine(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    made = ModuleType("my_metrics")
    made.PINBALL = measure()  # type: ignore[attr-defined]
    made.pinball = len  # type: ignore[attr-defined]
    made.OTHER = measure(Metric("mae", "forecast", True, "something else"))  # type: ignore[attr-defined]
    made.EPOCH = measure(Metric("epoch", "forecast", True, ""))  # type: ignore[attr-defined]
    made.SLASH = measure(Metric("hits/10", "forecast", True, ""))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_metrics", made)
    return made


def job(*overrides: str) -> Job:
    return jobs_from([compose("config", ["data.train_size=20", *overrides])])[0]


def test_a_measure_of_ones_own_judges_beside_those_of_the_data() -> None:
    own = job("data.metrics=[my_metrics.PINBALL]")
    assert own.member.source.measures[-1] == measure()
    assert list(own.member.source.described) == ["mae", "rmse", "median_ae", "r2", "pinball"]
    check_experiments([({"name": "x", "judge": "pinball"}, own.member.source)])
    with pytest.raises(InputError, match=r"judge=pinbal is not a metric .did you mean 'pinball'"):
        check_experiments([({"name": "x", "judge": "pinbal"}, own.member.source)])


def test_a_run_with_it_is_trained_anew_and_one_without_it_knows_nothing_of_it() -> None:
    plain, own = job(), job("data.metrics=[my_metrics.PINBALL]")
    assert own.key != plain.key
    assert own.knobs["data"]["metrics"] == ["my_metrics.PINBALL"]
    assert "metrics" not in plain.knobs["data"]
    assert "metrics" not in plain.config["data"]
    assert "metrics" not in Outliers(name="outliers").values()


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("my_metrics.PINBAL", r"cannot be imported .*: name a measure as package\.module\.MEASURE"),
        ("no_such_module.PINBALL", r"cannot be imported \(No module named 'no_such_module'\)"),
        ("my metrics", "cannot be imported"),
        ("my_metrics.pinball", "is no lossbench.metrics.measure.Measure, it is of type builtin_function"),
    ],
)
def test_what_is_no_measure_is_refused(path: str, sentence: str) -> None:
    with pytest.raises(InputError, match=rf"^data\.metrics={path} {sentence}"):
        job(f"data.metrics=['{path}']")


def test_names_of_two_meanings_and_names_that_cannot_be_recorded_are_refused() -> None:
    for name, sentence in (
        ("OTHER", "Two measures give 'mae' and describe it differently"),
        ("EPOCH", "A metric cannot be called 'epoch'"),
        ("SLASH", "A metric cannot be called 'hits/10'"),
    ):
        with pytest.raises(InputError, match=sentence):
            job(f"data.metrics=[my_metrics.{name}]")
    with pytest.raises(InputError, match=r"one item is typed as 'data\.metrics=\[my_metrics\.PINBALL\]'"):
        job("data.metrics=my_metrics.PINBALL")


@pytest.mark.parametrize("part", ["metrics", "needs", "fields"])
def test_a_tuple_of_one_without_its_comma_is_told(part: str) -> None:
    given = PINBALL if part == "metrics" else "value"
    with pytest.raises(InputError, match=rf"{part} of a Measure must be a tuple, .* as in {part}=\(one,\)"):
        measure(**{part: given})
    if part != "fields":
        with pytest.raises(InputError, match="names one metric or more"):
            measure(**{part: ()})


def test_a_function_is_named_by_a_text() -> None:
    with pytest.raises(
        InputError, match=r"function of a Measure must be a text such as '\S+:measure'; got <f"
    ):
        measure(function=measure)


@pytest.mark.parametrize(
    "families",
    [
        set(FAMILIES) - {"forecast", "depth", "boxes", "pixels"},
        {"continuous", "forecast", "depth", "boxes"},
        {"classes", "pixels"},
    ],
    ids=sorted,
)
def test_measures_come_back_as_they_were_recorded(families: set[str]) -> None:
    own = (
        measure(weighted=True, keep="my_metrics:kept"),
        *measures([name for name in FAMILIES if name in families]),
    )
    assert of_text(as_text(own)) == own
    found = of_texts(as_text(own))
    known = list(described(own))
    assert set(known) == {metric.name for one in own for metric in one.metrics}
    assert known[0] == "pinball"
    assert list(found) == list(dict.fromkeys([*known, *described(measures(FAMILIES))]))
    assert set(found) == {*known, *METRICS}
    assert found["pinball"].range == (0, float("inf"))


def test_the_latest_description_counts_and_older_runs_have_that_of_the_table() -> None:
    other = Metric("pinball", "forecast", True, "turned")
    assert of_texts(as_text([measure(other)]), as_text([measure()]))["pinball"] == other
    assert of_texts() == METRICS
    for changed in ("what somebody wrote", "[1]", '{"metrics": 2}', '{"metrics": [], "measures": [{}]}'):
        assert of_texts(changed) == METRICS
        assert of_text(changed) == measures(FAMILIES)


def test_descriptions_fit_a_tag() -> None:
    many = [Metric(f"metric_{number}", "many", True, "word " * 40) for number in range(60)]
    text = as_text([measure(metric) for metric in many[:1]] + [Measure(tuple(many), ("a",), ("b",), "c:d")])
    assert len(text) <= 8000
    assert of_texts(text)["metric_7"].higher_is_better
