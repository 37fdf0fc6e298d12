"""What is typed at the report and cannot be meant is refused with a sentence, before anything is read."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from lossbench.errors import InputError
from lossbench.refusals import is_told, sentence
from lossbench.report.__main__ import main, parse

# command line -> words of the sentence
REFUSED = {
    "experiment=x tracking=5": "tracking must hold an address, as in tracking.uri=sqlite:///mlflow.db; got 5",
    "experiment=x tracking.uri=5": "tracking.uri must be a text; got 5",
    "experiment=x tracking.uri.a=x": "tracking.uri must be a text; got {'a': 'x'}",
    "experiment=x tracking.url=x": "tracking.url is no option of a report (did you mean 'uri'?",
    "experiment=x a=[": "'experiment=x a=[' is not understood; write each as key=value, close every bracket",
    "experiment=x loss={": "'experiment=x loss={' is not understood; write each as key=value",
    "experiment=x 'loss=: :'": "'experiment=x loss=: :' is not understood; write each as key=value",
    "experiment=x a=1,[": "'value=[' is not understood; write each as key=value",
    "experiment=x huber": "'huber' is not understood; write key=value",
    "experiment={a:1}": "Name an experiment: experiment=NAME (known: anatomy, ",
    "experiment=x report.outt=x": "report.outt is no option (did you mean 'out'?",
}


@pytest.mark.parametrize(("line", "words"), REFUSED.items(), ids=REFUSED)
def test_a_bad_command_is_refused(line: str, words: str) -> None:
    with pytest.raises(InputError) as refusal:
        parse(shlex.split(line))
    assert words in str(refusal.value)


def test_an_address_is_taken_as_it_is() -> None:
    assert parse(["experiment=x", "tracking.uri=sqlite:///m.db"]).uri == "sqlite:///m.db"
    assert parse(["experiment=x"]).uri is parse(["experiment=x", "tracking.uri=null"]).uri is None


@pytest.mark.parametrize("place", ["/dev/null/x", "file"])
def test_a_place_that_takes_no_files_is_told(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(OSError, match=place) as fault:
        main(["experiment=anatomy", f"report.out={place}", "report.figures=false", "report.record=false"])
    assert is_told(fault.value)
    assert sentence(fault.value, []).startswith(f"{place} cannot be used (")
