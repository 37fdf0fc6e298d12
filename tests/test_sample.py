"""A kept model writes on: through the command line, in words of its data, and refused in a sentence."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lossbench.data.corpus import CorpusSource
from lossbench.sample import Request, sample, understood
from lossbench.tracking import read_runs

PLUGIN = Path(__file__).parent / "plugins" / "tokens"
SENTENCE = "The king's men came, all of them; and (so they said) the king: 'Who goes?'\n"
Program = Callable[..., subprocess.CompletedProcess[str]]
SMALL = ("model=letters", "trainer.max_epochs=3", "optimizer.lr=0.03", "data.context=16")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, program: Program) -> Path:
    """A kept model of letters and one of words, one without weights, and one that is of no text."""
    folder = tmp_path_factory.mktemp("sample")
    shutil.copy(PLUGIN / "tokens.py", folder)
    (folder / "conf" / "model").mkdir(parents=True)
    window = (PLUGIN / "conf" / "model" / "window.yaml").read_text()
    (folder / "conf" / "model" / "letters.yaml").write_text(window.replace("name: window", "name: letters"))
    (folder / "text.txt").write_text(SENTENCE * 60)
    text = ("data=corpus", "data.path=text.txt", "loss=cce", *SMALL)
    for name, more in {
        "letters": (*text, "tracking.models=true"),
        "words": (*text, "tracking.models=true", "data.tokens=words", "loss=mse_softmax"),
        "bare": text,
        "numbers": ("data=outliers", "data.train_size=20", "trainer.max_epochs=1", "tracking.models=true"),
    }.items():
        done = program("--config-dir", "conf", *more, f"experiment.name={name}", folder=folder)
        assert done.returncode == 0, done.stderr
    return folder


def run_of(folder: Path, name: str) -> str:
    return str(read_runs(f"sqlite:///{folder}/mlflow.db", name)["run_id"].iloc[0])


def asked(program: Program, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return program(*arguments, module="lossbench.sample", folder=folder)


def test_letters_are_written_behind_the_prompt(folder: Path, program: Program) -> None:
    done = asked(program, folder, run_of(folder, "letters"), "prompt=The k", "length=90", "temperature=0")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout) == len("The k") + 90 + 1
    assert done.stdout.startswith("The king")  # what it has read 60 times
    assert set(done.stdout) <= set(SENTENCE)


def test_words_stand_with_blanks_between_them_and_signs_without(folder: Path, program: Program) -> None:
    words = run_of(folder, "words")
    done = asked(program, folder, words, "prompt=The king's men came", "length=12", "temperature=0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("The king's men came, all of them; and (so they said")


def test_the_seed_draws_and_chooses_the_prompt(
    folder: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, uri = run_of(folder, "letters"), f"sqlite:///{folder}/mlflow.db"
    (plain,) = {asked(program, folder, run, "length=40").stdout for _ in range(2)}
    other = asked(program, folder, run, "length=40", "seed=1").stdout
    assert plain != other
    assert plain[:8] in SENTENCE * 2
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    cold = {sample(run, Request("The", 40, 0.0, seed), uri) for seed in range(3)}
    warm = {sample(run, Request("The", 40, 3.0, seed), uri) for seed in range(3)}
    assert (len(cold), len(warm)) == (1, 3)


@pytest.mark.parametrize(
    ("run", "arguments", "told"),
    [
        ("bare", (), "kept no weights, so it has nothing to write with: train it again with tracking.models"),
        ("numbers", (), "is of data=outliers, which has no next token to write: name a run of data=corpus"),
        (None, ("0123",), "has no run 0123; copy its id from MLflow"),
        (None, (), "One run id is wanted: python -m lossbench.sample RUN_ID"),
        ("letters", ("length=0",), "length=0 must be a whole number from 1 to 100000"),
        ("letters", ("temperature=warm",), "temperature=warm must be a number from 0 to 100"),
        ("letters", ("temperature=nan",), "temperature=nan must be a number from 0 to 100"),
        ("letters", ("seed=-1",), "seed=-1 must be a whole number from 0 to"),
        ("letters", ("size=3",), "size is no option"),
        ("words", ("prompt= ",), "prompt= holds no words"),
    ],
)
def test_what_cannot_be_written_is_told_in_a_sentence(
    folder: Path, program: Program, run: str | None, arguments: tuple[str, ...], told: str
) -> None:
    done = asked(program, folder, *([] if run is None else [run_of(folder, run)]), *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_text_or_a_model_that_has_changed_is_told(folder: Path, program: Program, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    run = run_of(folder, "letters")
    (weights,) = tmp_path.rglob(f"{run}/artifacts/state_dict.pt")
    kept = weights.read_bytes()
    weights.write_bytes(b"no weights")
    done = asked(program, tmp_path, run)
    assert f"The weights of run {run} do not fit model=letters as it is now" in done.stderr
    weights.write_bytes(kept)
    (tmp_path / "text.txt").write_text(SENTENCE * 59 + "another")
    done = asked(program, tmp_path, run)
    assert done.stderr.count("\n") == 1
    assert f"The text that run {run} was trained on has changed since" in done.stderr


def test_what_is_asked_for_is_read_as_it_is_typed() -> None:
    assert understood({}) == Request(None, 300, 1.0, 0)
    given = {"prompt": "a=b", "length": "5", "temperature": "0.5", "seed": "7"}
    assert understood(given) == Request("a=b", 5, 0.5, 7)


def test_ids_are_texts_again(folder: Path) -> None:
    for kind, text in ("characters", "The king!\nall"), ("words", "The king's men: (all of them)\n'Who?'"):
        source = CorpusSource(name="corpus", path=str(folder / "text.txt"), tokens=kind, context=16)
        alphabet = source.alphabet(0)
        again = alphabet.text([*alphabet.ids(text), 0, 0])
        assert alphabet.ids(again) == alphabet.ids(text)
    assert source.alphabet(0).text([1]) == "\ufffd"
