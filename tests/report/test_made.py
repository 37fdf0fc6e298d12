"""A report changes the files that a report made, and no others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lossbench.calibration import __main__ as calibration
from lossbench.errors import InputError
from lossbench.report.__main__ import main
from lossbench.report.made import MANIFEST, check, made
from lossbench.report.write import replace_files

RECORDED = Path(__file__).parents[2] / "experiments"
ANATOMY = ["experiment=anatomy", "report.figures=false", "report.record=false"]
FIRST = {"README.md": b"# A\n", "old.png": b"1", "kept.png": b"2"}


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_what_a_report_made_is_replaced_and_what_others_made_stays(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "logo.png").write_bytes(b"mine")
    replace_files(folder, FIRST)
    replace_files(folder, {"README.md": b"# B\n", "kept.png": b"3"})
    found = contents(folder)
    del found[MANIFEST]
    assert found == {"README.md": b"# B\n", "kept.png": b"3", "logo.png": b"mine"}
    assert made(folder) == {"README.md", "kept.png"}


@pytest.mark.parametrize("name", ["README.md", "results.csv"])
def test_a_folder_with_files_of_others_is_refused_before_anything_is_measured(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text("See python -m lossbench.report experiment=mine\n")
    (tmp_path / "plot.png").write_bytes(b"mine")
    before = contents(tmp_path)
    with pytest.raises(InputError, match=f"{tmp_path} holds {name}, which no report made; name another"):
        main([*ANATOMY, f"report.out={tmp_path}"])
    assert contents(tmp_path) == before
    assert capsys.readouterr().out == ""


def test_a_figure_of_others_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "old.png").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"holds old\.png, which no report made"):
        replace_files(tmp_path, FIRST)
    assert contents(tmp_path) == {"old.png": b"mine"}


@pytest.mark.parametrize("name", [path.parent.name for path in sorted(RECORDED.glob("*/verdicts.json"))])
def test_a_recorded_folder_says_what_its_report_made(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    shutil.copytree(RECORDED / name, folder)
    (folder / "mine.png").touch()
    check(folder)
    assert made(folder) == {*contents(RECORDED / name)} - {MANIFEST}
    (folder / MANIFEST).unlink()
    with pytest.raises(
        InputError, match=r"holds README\.md, report\.html, results\.csv, verdicts\.json, which"
    ):
        check(folder)


def test_a_place_that_can_be_no_folder_is_refused_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "t.csv"
    file.touch()
    for place in (file, file / "below"):
        with pytest.raises(InputError, match=r"t\.csv is a file, and files go into a folder; name one with"):
            main([*ANATOMY, f"report.out={place}"])
    assert capsys.readouterr().out == ""


def test_the_calibration_knows_its_folder_and_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "calibration"
    shutil.copytree(RECORDED / "calibration", folder)
    check(folder, ("README.md", "results.csv"))
    with pytest.raises(InputError, match=r"holds README\.md, results\.csv, which no report made"):
        calibration.main(_others(tmp_path))


def _others(place: Path) -> Path:
    folder = place / "others"
    folder.mkdir()
    for name in ("README.md", "results.csv"):
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("text", ["", "[]", "{", '{"files": 3}', '{"files": ["../x", 1]}'])
def test_a_manifest_of_others_makes_nothing_ours(text: str, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(text)
    assert made(tmp_path) == set()
