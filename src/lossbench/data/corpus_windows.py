"""Texts as windows of tokens and the token behind each: as codes of a corpus, before a seed numbers them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.data.source import SPLITS, Split

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from lossbench.data.splits import Ids


@dataclass(frozen=True, eq=False)
class Windows:
    """M windows of a corpus, one after another; the last of a stretch is filled up.

    read, following: int64 (M, context), codes of the corpus plus 1, and 0 where there is nothing more.
    ends: int64 (M,) the last token of a stretch, which is not read, at its last window; else 0.
    file: int64 (M,) the file that each is of.
    part: int64 (M,) the place of its part among `SPLITS`, where each file is cut into all three; else -1.
    """

    read: Ids
    following: Ids
    ends: Ids
    file: Ids
    part: Ids

    def rows(self, split: Split) -> Ids:
        """Those of a part, where files are cut."""
        import numpy as np

        found: Ids = np.flatnonzero(self.part == SPLITS.index(split))
        return found

    def cut(self, most: Mapping[Split, int | None]) -> dict[Split, Ids]:
        """Those of each part, where files are cut; of each so many at most, from its first on evenly."""
        import numpy as np

        found = {}
        for split, number in most.items():
            rows = self.rows(split)
            count = len(rows) if number is None else min(number, len(rows))
            found[split] = rows[np.arange(count) * len(rows) // max(1, count)]
        return found

    def counts(self, rows: Ids, tokens: int) -> Ids:
        """How often each of so many tokens occurs in the text of some windows, (tokens,)."""
        import numpy as np

        shown = np.concatenate([self.read[rows].ravel(), self.ends[rows]])
        found: Ids = np.bincount(shown, minlength=tokens + 1)
        return found[1:]


def whole_files(codes: tuple[Ids, ...], context: int) -> Windows:
    """The windows of each file from its beginning to its end."""
    stretches = [(number, -1, own) for number, own in enumerate(codes)]
    return _windows(stretches, context)


def by_position(
    codes: tuple[Ids, ...], context: int, val_share: float, test_share: float, gap: int
) -> Windows:
    """Each file cut in three: the last tokens test, those before them validate, `gap` left between."""
    stretches = []
    for number, own in enumerate(codes):
        count = len(own)
        test, val = round(test_share * count), round(val_share * count)
        end = count - test - gap
        cuts = [(0, end - val - gap), (end - val, end), (count - test, count)]
        stretches += [
            (number, part, own[max(0, start) : max(0, stop)]) for part, (start, stop) in enumerate(cuts)
        ]
    return _windows(stretches, context)


def _windows(stretches: list[tuple[int, int, Ids]], context: int) -> Windows:
    import numpy as np

    kept = [(file, part, own) for file, part, own in stretches if len(own) > 1]
    counts = [-(-(len(own) - 1) // context) for _, _, own in kept]
    read = np.zeros((sum(counts), context), dtype=np.int64)
    following = np.zeros_like(read)
    ends = np.zeros(len(read), dtype=np.int64)
    start = 0
    for (_, _, own), count in zip(kept, counts, strict=True):
        rows = slice(start, start + count)
        read[rows].reshape(-1)[: len(own) - 1] = own[:-1] + 1
        following[rows].reshape(-1)[: len(own) - 1] = own[1:] + 1
        start += count
        ends[start - 1] = own[-1] + 1
    files, parts = (np.repeat([one[place] for one in kept], counts) for place in (0, 1))
    return Windows(read, following, ends, files.astype(np.int64), parts.astype(np.int64))


def ids_of(counts: npt.NDArray[np.int64], tokens: tuple[str, ...], vocabulary: int, min_count: int) -> Ids:
    """The id of each code plus 1 of a corpus, by how often it occurs in training.

    The most frequent comes first, of equals the first by alphabet. 0 stays nothing, and 1 is every token
    that is not known.

    Args:
        counts: int64 (tokens,).
        vocabulary: ids lie below it.
    """
    import numpy as np

    order = np.lexsort((np.arange(len(tokens)), -counts))
    known = order[counts[order] >= min_count][: max(0, vocabulary - 2)]
    ids = np.ones(len(tokens) + 1, dtype=np.int64)
    ids[0] = 0
    ids[known + 1] = np.arange(2, len(known) + 2)
    return ids
