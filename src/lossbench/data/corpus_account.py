"""What is told of a corpus that was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossbench.counting import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lossbench.data.corpus_reading import Corpus
    from lossbench.data.source import Split

_WORDS = {"characters": "character", "words": "word"}


def lines(
    name: str, corpus: Corpus, kind: str, windows: str, sizes: Mapping[Split, int] | int, known: int
) -> list[str]:
    """What it holds, how it is split, and what may be wrong.

    Args:
        kind: of its tokens, characters or words.
        windows: how long they are, as `windows of 64`.
        sizes: of the parts, where each file is cut; where whole files are split, the number of all windows.
        known: tokens that may be known, at most.
    """
    count, different = sum(map(len, corpus.codes)), len(corpus.tokens)
    told = [f"{name}: {counted(len(corpus.files), 'file')}, {count} {kind}, {different} different"]
    if isinstance(sizes, int):
        told.append(f"  {windows}: {sizes}, whole files in each part")
    else:
        parts = ", ".join(f"{split} {size}" for split, size in sizes.items())
        told.append(f"  {windows}: {parts}, by their position in each file")
    notes = list(corpus.notes)
    if known < different:
        notes.append(
            f"{counted(known, _WORDS[kind])} of {different} at most are known, the others count as one "
            "(data.vocabulary, data.min_count)"
        )
    return [*told, *(f"  ! {note}" for note in notes)]
