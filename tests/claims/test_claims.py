"""A claim that cannot be judged is refused before anything trains, with a sentence that helps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lossbench.claims.known import Known
from lossbench.claims.parsing import check_experiments, parse_experiment
from lossbench.config.folders import conf_dir
from lossbench.data.faces import Faces
from lossbench.data.outliers import Outliers
from lossbench.errors import InputError
from lossbench.losses.huber import Huber
from lossbench.metrics.recorded import of_texts


@pytest.fixture
def known(tmp_path: Path) -> Known:
    for group, name, knobs in (
        ("loss", "mse", ""),
        ("loss", "huber", "delta: 1.0"),
        ("data", "outliers", "contamination: 0.1"),
        ("model", "mlp", "hidden: [64]"),
        ("optimizer", "adam", "lr: 0.001"),
    ):
        (tmp_path / group).mkdir(exist_ok=True)
        (tmp_path / group / f"{name}.yaml").write_text(f"_target_: x.Y\nname: {name}\n{knobs}\n")
    return Known.of([tmp_path])


def node(**changes: Any) -> dict[str, Any]:
    claim = {
        "id": "c",
        "sentence": "Huber beats MSE.",
        "source": "Huber (1964)",
        "left": {"loss": "huber", "data.contamination": 0.2},
        "right": {"loss": "mse", "data.contamination": 0.2},
        "metric": "rmse",
        **changes,
    }
    claim = {key: value for key, value in claim.items() if value is not None}
    return {"name": "outliers", "judge": "mae", "select": "mae", "claims": [claim]}


def test_a_claim_is_read_with_its_defaults(known: Known) -> None:
    (claim,) = parse_experiment(node(metric=None), known).measured(of_texts()).claims
    assert (claim.metric, claim.kind, claim.margin, claim.higher_is_better) == ("mae", "better", 0.0, False)
    assert parse_experiment(node(kind="as good as", margin=0.1), known).claims[0].kind == "as_good_as"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"left": {"loss": "hubr"}}, "did you mean 'huber'"),
        ({"left": {"loss": ["mse", "hubr"]}}, "loss=hubr is not known"),
        ({"left": {"data.contaminaton": 0.1}}, "did you mean 'contamination'"),
        ({"left": {"date.contamination": 0.1}}, "did you mean 'data'"),
        ({"left": {"loss": "mse", "seed": 3}}, "not a seed"),
        ({"change_from": {"data.x": 0}}, "change_from: 'data.x'"),
        ({"left": "huber"}, "must be a selection"),
        ({"metric": "rmsee"}, "did you mean 'rmse'"),
        ({"metric": "rmse", "direction": "higher"}, "lower rmse is better"),
        ({"kind": "best"}, "did you mean 'better'"),
        ({"kind": "as good as"}, "needs a margin"),
        ({"margin": -0.1}, "at least 0"),
        ({"margin": "much"}, "must be a number"),
        ({"sentence": None, "source": None}, "lacks sentence and source"),
        ({"margn": 1}, "did you mean 'margin'"),
        ({"metric": ["mae"]}, "metric=['mae'] is not a metric"),
        ({"metric": {"a": 1}}, "metric={'a': 1} is not a metric"),
        ({"left": {"loss": {"a": 1}}}, "left: loss must be one value or a list of values; got {'a': 1}"),
        ({"left": {"loss": [["mse"]]}}, "loss must be one value or a list of values; got ['mse']"),
        ({"left": {"loss": "huber", "loss.delta": "abc"}}, "left: loss.delta must be a number; got 'abc'"),
        ({"left": {"loss": "huber", "loss.delta": [1, True]}}, "loss.delta must be a number; got True"),
        ({"sentence": ["a"]}, "sentence must be a text; got ['a']"),
        ({"right": {"loss": "huber", "data.contamination": 0.2}}, "with itself"),
    ],
)
def test_a_faulty_claim_is_refused(known: Known, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as refusal:
        parse_experiment(node(**changes), known).measured(of_texts())
    assert said in str(refusal.value)
    assert str(refusal.value).startswith("Claim c")


def test_faults_of_the_experiment_itself_are_refused(known: Known) -> None:
    for changes, said in (
        ({"judge": "accurcy"}, "did you mean 'accuracy'"),
        ({"slect": "mae"}, "did you mean 'select'"),
        ({"claims": node()["claims"] * 2}, "the id 'c'"),
        ({"claims": ["Huber wins"]}, "must be a mapping"),
        ({"claims": 5}, "must be a list, each item with id, sentence, source, left, right; got 5"),
        ({"claims": "abc"}, "must be a list, .*; got 'abc'"),
        ({"claims": node(id=[1])["claims"]}, "id must be a text; got .1."),
        ({"judge": ["mae"]}, "experiment.judge=.*is not a metric"),
        ({"select": {"a": "b"}}, "experiment.select=.*is not a metric"),
        ({"question": [1]}, "experiment.question must be a text; got .1."),
        (
            {"axes": "loss.delta"},
            "experiment.axes must be a list of knobs, as in .loss.delta.; got .loss.delta",
        ),
    ):
        with pytest.raises(InputError, match=said):
            parse_experiment({**node(), **changes}, known).measured(of_texts())


def test_a_claim_without_any_metric_is_refused_with_one_that_fits_its_data(known: Known) -> None:
    told = (
        "^Claim c names no metric, and experiment.judge is not set: write metric: rmse in the claim, or judge"
    )
    with pytest.raises(InputError, match=told):
        parse_experiment({**node(metric=None), "judge": None}, known)
    unjudged = {
        **node(metric=None, left={"loss": "cce"}, right={"loss": "hinge"}),
        "judge": None,
        "select": None,
    }
    with pytest.raises(
        InputError, match="write metric: verification_auc in the claim, or judge: verification_auc"
    ):
        check_experiments([(unjudged, FACES)])


def test_a_knob_that_no_yaml_lists_and_one_within_a_knob_are_keys_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "loss").mkdir()
    (tmp_path / "loss" / "mine.yaml").write_text(f"_target_: {Huber.__module__}.Huber\nname: mine\n")
    known = Known.of([conf_dir(), tmp_path])
    for key, wrong in (("loss.delta", "abc"), ("loss.function.gamma", "abc")):
        assert known.checked("left", key, 2) == 2
        with pytest.raises(InputError, match=f"{key} must be a number; got 'abc'"):
            known.checked("left", key, wrong)
    alone = Known.of([tmp_path])  # whose YAML lists no knob
    assert alone.checked("left", "loss.delta", [1, 2]) == [1, 2]
    with pytest.raises(InputError, match=r"'loss\.dlta' is no key of a run"):
        alone.checked("left", "loss.dlta", 1)
    # Of a sum, any part and its knobs: its YAML leaves open which there are.
    assert known.checked("left", "loss.parts.mse", 2) == 2
    assert known.checked("left", "loss.knobs.huber.delta", [0.1, 1]) == [0.1, 1]
    # Of an object that the command line names, any argument.
    assert known.checked("left", "model.module.hidden", 8) == 8
    with pytest.raises(InputError, match=r"'loss\.function\.gama' is no key of a run"):
        known.checked("left", "loss.function.gama", 1)


def test_the_names_of_the_shipped_config_are_known() -> None:
    sides: dict[str, Any] = {"left": {"loss": "huber", "loss.delta": 1.0}, "right": {"loss": "mse"}}
    check_experiments([(node(**sides), Outliers(name="outliers")), ({"name": "adhoc"}, FACES)])
    sides["right"] = {"loss": "mes"}
    with pytest.raises(InputError, match="did you mean 'mse'"):
        check_experiments([(node(**sides), Outliers(name="outliers"))])


FACES = Faces(name="faces")


def test_a_metric_that_no_data_set_of_the_experiment_gives_is_refused() -> None:
    outliers = Outliers(name="outliers")
    given = "is not measured on data=outliers; choose of mae, rmse, median_ae, r2."
    for place, changes in (
        ("experiment.judge=accuracy", {"judge": "accuracy"}),
        ("experiment.select=mae_disputed", {"select": "mae_disputed"}),  # nobody has rated these
        ("Claim c: metric=auroc", node(metric="auroc", left={"loss": "huber"}, right={"loss": "mse"})),
    ):
        experiment = {"name": "x", **changes}
        with pytest.raises(InputError) as refusal:
            check_experiments([(experiment, outliers)])
        assert str(refusal.value) == f"{place} {given}"
    check_experiments([({"judge": "eer"}, outliers), ({"judge": "eer"}, FACES)])
