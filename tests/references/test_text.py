"""Linear models of sentences agree with liblinear on the same rows; the word model comes near them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from lossbench.data.sentiment import Sentiment
from lossbench.data.source import DataSet
from lossbench.job import Member
from lossbench.pack.fate import MemberResult

pytestmark = pytest.mark.slow

Train = Callable[..., list[tuple[Member, MemberResult]]]

# liblinear minimises |w|^2 / 2 + C sum of losses, the intercept in w: here that is a weight decay of
# 1 / (C n) beside the mean loss.
C = 0.3
KNOBS = "data=sentiment model=linear optimizer.lr=0.03 optimizer.schedule=linear trainer.max_epochs=10"


@pytest.fixture(scope="module")
def data() -> DataSet:
    return Sentiment(name="sentiment").load(0, "tfidf")


@pytest.fixture(scope="module")
def rows(data: DataSet) -> scipy.sparse.csr_matrix:
    """The padded TF-IDF rows as scikit-learn reads them."""
    pairs = data.inputs.double().numpy()
    count, length, _ = pairs.shape
    places = (np.repeat(np.arange(count), length), pairs[..., 0].ravel().astype(int))
    shape = (count, data.description.inputs.vocabulary)
    return scipy.sparse.csr_matrix((pairs[..., 1].ravel(), places), shape=shape)


@pytest.fixture(scope="module")
def results(train: Train, data: DataSet) -> dict[str, MemberResult]:
    base = f"{KNOBS} optimizer.weight_decay={1 / (C * len(data.train))}"
    return {member.loss.name: result for member, result in train(f"{base} loss=hinge", f"{base} loss=bce")}


@pytest.mark.parametrize("loss", ["hinge", "bce"])
def test_linear_models_agree_with_liblinear(
    data: DataSet, rows: scipy.sparse.csr_matrix, results: dict[str, MemberResult], loss: str
) -> None:
    solver = {
        "hinge": LinearSVC(loss="hinge", C=C, max_iter=100_000),
        "bce": LogisticRegression(C=C, solver="liblinear"),
    }[loss]
    parts = {
        split: (rows[examples.rows.numpy()], examples.targets["binary"].numpy())
        for split, examples in (("train", data.train), ("val", data.val), ("test", data.test))
    }
    solver.fit(*parts["train"])
    result = results[loss]
    assert result.metrics["test/accuracy"] == pytest.approx(solver.score(*parts["test"]), abs=0.015)
    last = {name: curve[-1][1] for name, curve in result.history.items()}
    assert last["val/accuracy"] == pytest.approx(solver.score(*parts["val"]), abs=0.015)
    margin = solver.decision_function(parts["train"][0]) * (2 * parts["train"][1] - 1)
    least = {"hinge": np.maximum(0, 1 - margin), "bce": np.logaddexp(0, -margin)}[loss].mean()
    assert last["train/loss"] == pytest.approx(least, rel=0.05)  # the mean over the epoch, not its end


def test_the_word_model_is_no_straw_man(train: Train) -> None:
    """A comparison of losses says little on a model that cannot read."""
    ((_, result),) = train("data=sentiment model=text loss=bce optimizer.lr=0.003 trainer.max_epochs=3")
    assert result.metrics["test/accuracy"] > 0.73
