"""Pairs of texts as a model reads them: numbers of words, or weights of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lossbench.data.shared import while_used
from lossbench.task import InputKind

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.data.pair_reading import TextPairs
    from lossbench.data.pairs import Pairs

ONE = {"token_pair": "tokens", "tfidf_pair": "tfidf"}  # what each of the texts is read as


@dataclass(frozen=True, eq=False)
class Read:
    """The texts of all pairs by side, (N, ...) each; of hard ones, `other`, (N, K, ...)."""

    texts: Mapping[str, Tensor]


@lru_cache(maxsize=4)  # runs that follow each other often have one seed
@while_used
def read_texts(source: Pairs, known: TextPairs, seed: int, reads: InputKind) -> Read:
    """Both texts as numbers, learned from this seed's training texts of both sides."""
    import torch

    from lossbench.data import words

    rows, count = source.split(seed)["train"], len(known.left)
    training = [side[row] for side in (known.left, known.right) for row in rows]
    texts, hard = [*known.left, *known.right], source.hard_texts(seed)
    places = [] if hard is None else [_places(texts, own, known.right) for own in hard.texts]
    if ONE[reads] == "tfidf":
        every = words.tfidf(texts, training, source.vocabulary, source.min_count, source.length)
    else:
        ids = words.known_words(training, source.vocabulary, source.min_count)
        every = words.word_ids(texts, ids, source.length)
    read = {"left": every[:count], "right": every[count : 2 * count]}
    return Read(read if hard is None else {**read, "other": every[torch.tensor(places).T]})


def _places(texts: list[str], own: Sequence[str], right: Sequence[str]) -> list[int]:
    """Where hard texts stand among all texts, to which new ones are added.

    Where there is none the right one stands, which is masked: an empty text has no words to be read by.
    """
    known = {text: place for place, text in enumerate(texts)}
    found = []
    for text, instead in zip(own, right, strict=True):
        said = text or instead
        if said not in known:
            known[said] = len(texts)
            texts.append(said)
        found.append(known[said])
    return found
