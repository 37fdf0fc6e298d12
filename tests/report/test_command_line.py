"""What is typed at the report and cannot be meant is refused with a sentence, before anything is read."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from lossbench.claims.declared import load_experiment
from lossbench.errors import InputError
from lossbench.metrics.recorded import of_texts
from lossbench.report.__main__ import main
from lossbench.report.page import commands
from lossbench.report.request import parse

# command line -> words of the sentence
REFUSED = {
    "experiment=x tracking=5": "tracking must hold an address, as in tracking.uri=sqlite:///mlflow.db; got 5",
    "experiment=x tracking.uri=5": "tracking.uri must be a text; got 5",
    "experiment=x tracking.uri.a=x": "tracking.uri must be a text; got {'a': 'x'}",
    "experiment=x tracking.url=x": "tracking.url is no option of a report (did you mean 'uri'?",
    "experiment=x a=[": "'a=[' is not understood; write each as key=value, close every bracket",
    "experiment=x loss={": "'loss={' is not understood; write each as key=value",
    "experiment=x 'loss=: :'": "'loss=: :' is not understood; write each as key=value",
    "experiment=x a=1,[": "'a=1,[' is not understood; write each as key=value",
    "experiment=x huber": "'huber' is not understood; write key=value",
    "loss=mse": "Name an experiment: experiment=NAME (known: anatomy, ",
    "experiment=": "Name an experiment: experiment=NAME (known: anatomy, ",
    "experiment=x experiment=y": "experiment is set twice; set it once",
    "experiment=x experiment.claims=[]": "experiment.claims is no option of a report (known: judge, ",
    "experiment=x report.outt=x": "report.outt is no option (did you mean 'out'?",
}


@pytest.mark.parametrize(("line", "words"), REFUSED.items(), ids=REFUSED)
def test_a_bad_command_is_refused(line: str, words: str) -> None:
    with pytest.raises(InputError) as refusal:
        parse(shlex.split(line))
    assert words in str(refusal.value)


@pytest.mark.parametrize("name", ["2024", "1e3", "007", "true", "null", "run: 2", "try #2", "a,b", "{a:1}"])
@pytest.mark.parametrize("key", ["experiment", "experiment.name"])
def test_a_name_is_a_text_whatever_yaml_reads_in_it(name: str, key: str) -> None:
    assert parse([f"{key}={name}"]).experiment == name
    assert parse([f'{key}="{name}"']).experiment == name  # as a sweep's command line wants some of them


def test_a_metric_may_be_named_on_the_command_line() -> None:
    request = parse(["experiment=outliers", "experiment.judge=mae", "experiment.select=rmse"])
    experiment = load_experiment(request.experiment, None, request.instead)
    assert (experiment.judge, experiment.select) == ("mae", "rmse")
    assert experiment.claims
    assert commands(experiment) == [
        "python -m lossbench -m experiment=outliers experiment.judge=mae experiment.select=rmse",
        "python -m lossbench.report experiment=outliers experiment.judge=mae experiment.select=rmse",
    ]
    with pytest.raises(InputError, match=r"experiment\.judge=rmsee is not a metric .did you mean 'rmse'"):
        load_experiment("2024", None, {"judge": "rmsee"}).measured(of_texts())


def test_the_command_that_is_printed_can_be_typed() -> None:
    assert commands(load_experiment("try #2"))[0] == "python -m lossbench.report 'experiment=try #2'"


@pytest.mark.parametrize("name", ["..", "../up", "/abs", "../../conf/experiment/outliers"])
def test_a_name_that_leads_elsewhere_writes_nothing_there(name: str) -> None:
    with pytest.raises(InputError, match=r"cannot name a folder in experiments/; say where"):
        main([f"experiment={name}"])


def test_an_experiment_in_a_folder_of_its_own_is_found(tmp_path: Path) -> None:
    (tmp_path / "experiment" / "sub").mkdir(parents=True)
    (tmp_path / "experiment" / "sub" / "x.yaml").write_text('experiment: {name: 2024, question: "So?"}')
    experiment = load_experiment("sub/x", tmp_path)
    assert (experiment.name, experiment.question) == ("2024", "So?")


def test_an_address_is_taken_as_it_is() -> None:
    assert parse(["experiment=x", "tracking.uri=sqlite:///m.db"]).uri == "sqlite:///m.db"
    assert parse(["experiment=x"]).uri is parse(["experiment=x", "tracking.uri=null"]).uri is None


@pytest.mark.parametrize("place", ["/dev/null/x", "file"])
def test_a_place_that_takes_no_files_is_told(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(InputError, match="is a file, and files go into a folder"):
        main(["experiment=anatomy", f"report.out={place}", "report.figures=false", "report.record=false"])
