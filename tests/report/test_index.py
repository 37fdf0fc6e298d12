"""The page on all experiments is read from what their reports wrote, and replaces nobody else's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lossbench.report import index
from lossbench.report.made import MANIFEST, manifest

CLAIM = {"verdict": "refuted", "sentence": "A is | B.", "estimate": -0.5, "interval": [-0.7, -0.3], "n": 9}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, verdicts in {"one": [{**CLAIM, "left": {}}], "two": []}.items():
        own = tmp_path / name
        own.mkdir()
        (own / "README.md").write_text(
            f"# {name}\n\nWhich of {name}?\n\n- Train with a.\n- Or b.\n\n- not this\n"
        )
        (own / "verdicts.json").write_text(json.dumps(verdicts))
        (own / MANIFEST).write_text(manifest(["README.md", "verdicts.json"], {"trained": "2026-01-02"}))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("# mine\n")
    return tmp_path


def test_experiments_stand_with_question_answers_verdicts_and_day(folder: Path) -> None:
    one, two = index.entries(folder)
    assert (one.name, one.question, one.trained, one.commit) == ("one", "Which of one?", "2026-01-02", "")
    assert one.answers == ("Train with a.", "Or b.")
    assert one.counts == "1 refuted"
    assert one.rows() == [("refuted", "A is | B", "-0.50 [-0.70, -0.30]", "9")]
    assert two.counts == ""


def test_both_pages_are_made_again_and_beside_what_is_there(folder: Path) -> None:
    assert index.write(folder) == f"{folder}/index.html has all experiments"
    page = (folder / "README.md").read_text()
    assert "| [one](one/README.md) | **refuted** | A is \\| B | -0.50 [-0.70, -0.30] | 9 |" in page
    html = (folder / "index.html").read_text()
    assert html.count("<h2 ") == 2
    assert "mine" not in html
    (folder / "two" / MANIFEST).unlink()
    assert index.write(folder)
    assert "two" not in (folder / "README.md").read_text()


def test_a_page_of_somebody_else_stays(folder: Path) -> None:
    (folder / "README.md").write_text("my notes")
    assert index.write(folder) == ""
    assert (folder / "README.md").read_text() == "my notes"
    assert not (folder / "index.html").exists()
