"""What tells people apart without a net: pixels, and projections that are fitted to people of training."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from lossbench.task import Prediction

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lossbench.data.baseline import Baseline
    from lossbench.data.source import DataSet, Examples

    Rows = npt.NDArray[np.float32]

COMPONENTS = 100  # of pixels, at most; eigenfaces of so many are usual
LONGEST = 64  # pixels of a side: larger images are averaged down
_AT_ONCE = 256  # images
_LEAST = 1e-9  # of all variance, within people: where each has the same image several times it would be none


def pixels(data: DataSet, examples: Examples) -> Prediction:
    """The pixels, as models read them."""
    return _embedding(_rows(data, examples))


def pca(data: DataSet, examples: Examples) -> Prediction:
    """Eigenfaces: the principal components of the training images.

    Source:
        Turk, Pentland, "Eigenfaces for Recognition" (Journal of Cognitive Neuroscience, 1991).
    """
    return _embedding(_components(_rows(data, data.train), _rows(data, examples))[1])


def whitened(data: DataSet, examples: Examples) -> Prediction:
    """Principal components in units of how much they differ between images of one person of training.

    The covariance within people is shrunk towards a multiple of the identity, by as much as Ledoit and Wolf
    (2004) find, so that few images do not make directions up that never vary.

    Source:
        Hatch, Kajarekar, Stolcke, "Within-Class Covariance Normalization for SVM-based Speaker Recognition"
        (Interspeech 2006); the scatter that Fisherfaces divide by (Belhumeur, Hespanha, Kriegman, 1997).
    """
    import numpy as np
    from scipy.linalg import cholesky, solve_triangular
    from sklearn.covariance import LedoitWolf

    known, asked = _components(_rows(data, data.train), _rows(data, examples))
    person = data.train.targets["identity"].numpy()
    counts = np.bincount(person)
    means = np.stack([np.bincount(person, weights=column) / counts for column in known.T], axis=1)
    within = LedoitWolf(assume_centered=True).fit(known - means[person]).covariance_
    within += _LEAST * (float(known.var(axis=0).sum()) or 1.0) * np.eye(len(within))
    return _embedding(solve_triangular(cholesky(within, lower=True), asked.T, lower=True).T)


BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {"pixels": pixels, "PCA": pca, "PCA whitened within people": whitened}
)


def _components(known: Rows, asked: Rows) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Training images and others in the principal components of the former."""
    import numpy as np
    from sklearn.decomposition import PCA

    fitted = PCA(min(COMPONENTS, *known.shape), svd_solver="randomized", random_state=0).fit(known)
    first, second = (fitted.transform(rows).astype(np.float64) for rows in (known, asked))
    return first, second


def _rows(data: DataSet, examples: Examples) -> Rows:
    """The images of examples (N, numbers), as models read them, none larger than `LONGEST`."""
    import numpy as np
    import torch
    from torch.nn import functional as F

    parts = []
    for rows in torch.split(examples.rows, _AT_ONCE):
        images = data.read(data.inputs[rows])
        longest = max(images.shape[-2:])
        if longest > LONGEST:
            size = [max(1, round(side * LONGEST / longest)) for side in images.shape[-2:]]
            images = F.interpolate(images, size, mode="area")
        parts.append(images.flatten(1).numpy())
    return np.concatenate(parts)


def _embedding(rows: npt.NDArray[np.floating]) -> Prediction:
    import torch

    return Prediction(embedding=torch.from_numpy(rows.astype("float64")))
