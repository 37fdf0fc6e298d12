"""Linear models of spam and topics are as accurate as the solvers of scikit-learn on the same TF-IDF rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from lossbench.data.source import DataSet
from lossbench.data.spam import Spam
from lossbench.data.topics import Topics
from lossbench.job import Member
from lossbench.pack.fate import MemberResult

Train = Callable[..., list[tuple[Member, MemberResult]]]

# The solvers minimise |w|^2 / 2 + C sum of losses: here a weight decay of 1 / (C n) beside the mean loss.
C = 1.0
KNOBS = "model=linear optimizer.lr=0.03 optimizer.schedule=linear trainer.max_epochs=20"


def parts(data: DataSet, kind: str) -> dict[str, tuple[scipy.sparse.csr_matrix, Any]]:
    """The padded TF-IDF rows and the classes of training and test, as scikit-learn reads them."""
    pairs = data.inputs.double().numpy()
    count, length, _ = pairs.shape
    places = (np.repeat(np.arange(count), length), pairs[..., 0].ravel().astype(int))
    shape = (count, data.description.inputs.vocabulary)
    rows = scipy.sparse.csr_matrix((pairs[..., 1].ravel(), places), shape=shape)
    return {
        name: (rows[own.rows.numpy()], own.targets[kind].numpy())
        for name, own in (("train", data.train), ("test", data.test))
    }


@pytest.mark.slow
def test_losses_of_two_classes_are_as_accurate_as_the_solvers(train: Train) -> None:
    data = Spam(name="spam").load(0, "tfidf")
    own = parts(data, "binary")
    base = f"data=spam {KNOBS} optimizer.weight_decay={1 / (C * len(data.train))}"
    trained = train(f"{base} loss=hinge", f"{base} loss=bce")
    solvers = [LinearSVC(loss="hinge", C=C, max_iter=100_000), LogisticRegression(C=C, solver="liblinear")]
    for solver, (_, result) in zip(solvers, trained, strict=True):
        expected = solver.fit(*own["train"]).score(*own["test"])
        assert expected > 0.95
        assert result.metrics["test/accuracy"] == pytest.approx(expected, abs=0.015)


@pytest.mark.slow
def test_losses_of_eight_classes_are_as_accurate_as_the_solvers(train: Train) -> None:
    data = Topics(name="topics").load(0, "tfidf")
    own = parts(data, "multiclass")
    base = f"data=topics {KNOBS} optimizer.weight_decay={1 / (C * len(data.train))}"
    trained = train(f"{base} loss=hinge", f"{base} loss=cce")
    solvers = [LinearSVC(multi_class="crammer_singer", C=C, max_iter=100_000), LogisticRegression(C=C)]
    for solver, (_, result) in zip(solvers, trained, strict=True):
        expected = solver.fit(*own["train"]).score(*own["test"])
        assert expected > 0.93
        assert result.metrics["test/accuracy"] == pytest.approx(expected, abs=0.015)
