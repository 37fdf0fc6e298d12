"""What finds the other text of a pair without training: the words that both have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossbench.data.words import words
from lossbench.task import Prediction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lossbench.data.baseline import Baseline
    from lossbench.data.source import DataSet, Examples

_NUMBERS = 200_000_000  # held for one side, at most: the rarest words of very many texts are left out


def word_overlap(left: Sequence[str], right: Sequence[str]) -> Baseline:
    """TF-IDF rows of both texts, whose cosine counts the words that they share, rare ones more.

    Frequencies are those of the training texts, of both sides. Words that none of them has count for nothing.

    Args:
        left, right: the texts of all rows.

    Source:
        Salton, Buckley, "Term-weighting approaches in automatic text retrieval" (1988); scikit-learn's
        TfidfVectorizer with sublinear term frequencies.
    """

    def overlap(data: DataSet, examples: Examples) -> Prediction:
        import numpy as np
        import torch
        from sklearn.feature_extraction.text import TfidfVectorizer

        rows = examples.rows.tolist()
        vectorizer = TfidfVectorizer(
            tokenizer=words,
            token_pattern=None,
            lowercase=False,
            sublinear_tf=True,
            max_features=max(1, _NUMBERS // len(rows)),
            dtype=np.float32,
        )
        training = data.train.rows.tolist()
        vectorizer.fit([side[row] for side in (left, right) for row in training])
        found = {
            name: torch.from_numpy(vectorizer.transform([side[row] for row in rows]).toarray())
            for name, side in (("left", left), ("right", right))
        }
        return Prediction(**found)

    return overlap
