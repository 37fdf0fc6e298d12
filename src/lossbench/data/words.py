"""Sentences as numbers: word ids, or TF-IDF rows; whatever is learned is learned from training text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from lossbench.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

PADDING, UNKNOWN = 0, 1

_WORD = re.compile(
    r"""
    https?://\S+            # an address
    | [:;=][-o']?[()\[\]dp/\\|] | <3     # a smiley, in lower case
    | \w+(?:['\u2019]\w+)*  # a word, with what its apostrophe adds
    | [!?]                  # other punctuation says little
    """,
    re.VERBOSE,
)


def words(text: str, most: int | None = None) -> list[str]:
    """The words of a sentence in lower case, or so many from its start; smileys, ! and ? are words."""
    if most is None:
        return _WORD.findall(text.lower())
    return [found.group() for found in islice(_WORD.finditer(text.lower()), most)]


def spoken(text: str) -> str:
    """What is left of a sentence without case and punctuation; the sentence itself where that is nothing."""
    return " ".join(word for word in words(text) if word[0].isalnum()) or text


def known_words(training: Sequence[str], vocabulary: int, min_count: int) -> dict[str, int]:
    """Ids of the words of the training sentences, most frequent first, then by the alphabet.

    Args:
        vocabulary: ids lie below it; 0 is padding and 1 every other word.
        min_count: words that occur less often are left out.

    Raises:
        InputError: no word is left.
    """
    counts = Counter(word for text in training for word in words(text))
    kept = [word for word, count in counts.items() if count >= min_count]
    kept.sort(key=lambda word: (-counts[word], word))
    if not kept:
        raise _nothing_left(min_count)
    return {word: number for number, word in enumerate(kept[: vocabulary - 2], start=2)}


def word_ids(texts: Sequence[str], ids: dict[str, int], length: int) -> Tensor:
    """(N, length) int64: the first `length` words of each sentence, then padding."""
    import torch

    rows = torch.full((len(texts), length), PADDING, dtype=torch.int64)
    for number, text in enumerate(texts):
        found = [ids.get(word, UNKNOWN) for word in words(text, length)]
        rows[number, : len(found)] = torch.tensor(found, dtype=torch.int64)
    return rows


def tfidf(
    texts: Sequence[str], training: Sequence[str], vocabulary: int, min_count: int, length: int
) -> Tensor:
    """(N, 2 * length - 1, 2) float32: pairs of column and weight, filled up with (0, 0).

    scikit-learn's TF-IDF of single words and neighbours among the first `length` words, rows of length 1.

    Args:
        texts: the sentences.
        training: those that decide the columns and their weights.
        vocabulary: at most so many columns, the most frequent.
        min_count: terms that occur in fewer training sentences are left out.

    Raises:
        InputError: no term is left.
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        tokenizer=lambda text: words(text, length),
        token_pattern=None,
        lowercase=False,
        ngram_range=(1, 2),
        min_df=min_count,
        max_features=vocabulary,
        sublinear_tf=True,
        dtype=np.float32,
    )
    try:
        vectorizer.fit(training)
    except ValueError as error:
        raise _nothing_left(min_count) from error
    return padded(vectorizer.transform(texts), 2 * length - 1)


def padded(matrix: Any, width: int) -> Tensor:
    """A scipy CSR matrix (N, columns) as (N, width, 2) float32, as `task.Inputs` describes tfidf."""
    import numpy as np
    import torch

    counts = np.diff(matrix.indptr)
    row = np.repeat(np.arange(matrix.shape[0]), counts)
    place = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], counts)
    pairs = np.zeros((matrix.shape[0], width, 2), dtype=np.float32)
    pairs[row, place, 0] = matrix.indices
    pairs[row, place, 1] = matrix.data
    return torch.from_numpy(pairs)


def _nothing_left(min_count: int) -> InputError:
    return InputError(f"data.min_count={min_count} leaves no word of the training text: make it smaller.")
