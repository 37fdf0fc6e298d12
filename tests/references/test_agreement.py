"""Trained models agree with independent solvers on the very same splits."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import torch
from hydra import compose, initialize_config_dir
from sklearn.decomposition import PCA
from sklearn.linear_model import HuberRegressor, LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

from lossbench.config import Member, conf_dir, jobs_from
from lossbench.data.module import DataCache
from lossbench.data.source import DataSet
from lossbench.metrics.identities import identities
from lossbench.pack.fate import MemberResult
from lossbench.pack.fit import fit

SEEDS = range(4)
HUBER_EPSILON = 1.35  # scikit-learn's delta, in units of the scale that it estimates beside the weights


def members(*overrides: str) -> list[Member]:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        configs = [compose("config", ["hydra/launcher=basic", *each.split()]) for each in overrides]
        return [job.member for job in jobs_from(configs)]


def trained(pack: list[Member], mode: str = "vmap") -> list[MemberResult]:
    results = fit(pack, mode, DataCache())
    assert {result.outcome for result in results} == {"finished"}
    return results


def loaded(member: Member) -> DataSet:
    return member.source.load(member.seed, member.reads)


class TestLinearRegression:
    """Full batches and a decaying rate bring a linear model to its optimum."""

    BASE = (
        "data=outliers model=linear trainer.batch_size=1000 trainer.max_epochs=150 "
        "optimizer=sgd optimizer.lr=0.2 optimizer.schedule=cosine"
    )

    @staticmethod
    def parts(data: DataSet) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Training inputs, training targets as the loss sees them, test inputs."""
        target = (data.train.targets["continuous"].double() - data.shift) / data.scale
        inputs = data.inputs.double()
        return inputs[data.train.rows].numpy(), target.numpy(), inputs[data.test.rows].numpy()

    @pytest.mark.parametrize("contamination", [0.0, 0.2])
    def test_square_loss_finds_least_squares(self, contamination: float) -> None:
        (member,) = members(f"{self.BASE} loss=mse data.contamination={contamination}")
        data = loaded(member)
        inputs, target, test = self.parts(data)
        solved = LinearRegression().fit(inputs, target)
        (result,) = trained([member])
        assert result.history["train/loss"][-1][1] == pytest.approx(
            float(np.mean((solved.predict(inputs) - target) ** 2)), rel=1e-3
        )
        if contamination == 0:  # with outliers the epoch that is best on validation lies before the optimum
            truth = data.test.targets["continuous"].numpy()
            expected = np.sqrt(np.mean((solved.predict(test) * data.scale + data.shift - truth) ** 2))
            assert result.metrics["test/rmse"] == pytest.approx(float(expected), rel=0.03)

    def test_huber_finds_scikit_learns(self) -> None:
        (first,) = members(f"{self.BASE} loss=huber")
        inputs, target, _ = self.parts(loaded(first))
        solved = HuberRegressor(epsilon=HUBER_EPSILON, alpha=0, max_iter=1000, tol=1e-8).fit(inputs, target)
        delta = HUBER_EPSILON * float(solved.scale_)
        error = np.abs(solved.predict(inputs) - target)
        least = float(np.where(error <= delta, error**2 / 2, delta * (error - delta / 2)).mean())
        (result,) = trained(members(f"{self.BASE} loss=huber loss.delta={delta}"))
        assert result.history["train/loss"][-1][1] == pytest.approx(least, rel=2e-3)


class TestTextClassification:
    """Linear models on the same TF-IDF rows, with the same regularisation."""

    C = 1.0

    def test_hinge_and_bce_agree_with_liblinear(self) -> None:
        (member,) = members("data=sentiment model=linear loss=hinge")
        data = loaded(member)
        rows = self.matrix(data)
        train, test = data.train.rows.numpy(), data.test.rows.numpy()
        target, truth = data.train.targets["binary"].numpy(), data.test.targets["binary"].numpy()
        solvers = {
            "hinge": LinearSVC(loss="hinge", C=self.C, max_iter=100_000),
            "bce": LogisticRegression(C=self.C, solver="liblinear"),
        }
        decay = 1 / (self.C * len(train))  # their penalty is |w|^2 / 2 against C times the sum of the losses
        knobs = "optimizer.lr=0.03 optimizer.schedule=linear trainer.max_epochs=10"
        pack = members(
            *[
                f"data=sentiment model=linear loss={loss} {knobs} optimizer.weight_decay={decay}"
                for loss in solvers
            ]
        )
        for (loss, solver), result in zip(solvers.items(), trained(pack), strict=True):
            expected = solver.fit(rows[train], target).score(rows[test], truth)
            assert result.metrics["test/accuracy"] == pytest.approx(expected, abs=0.015), loss

    @staticmethod
    def matrix(data: DataSet) -> scipy.sparse.csr_matrix:
        """The padded sparse rows as scikit-learn reads them."""
        pairs = data.inputs.double().numpy()
        count, length, _ = pairs.shape
        places = (np.repeat(np.arange(count), length), pairs[..., 0].ravel().astype(int))
        shape = (count, data.description.inputs.vocabulary)
        return scipy.sparse.csr_matrix((pairs[..., 1].ravel(), places), shape=shape)


def test_a_trained_embedding_knows_strangers_better_than_pixels_and_eigenfaces() -> None:
    """On people never seen, judged on the same splits by the same metric; the mean over splits of people."""
    knobs = "data=faces model=mlp model.hidden=[256] loss=triplet trainer.max_epochs=3"
    pack = members(*[f"{knobs} seed={seed}" for seed in SEEDS])
    embedding = [result.metrics["test/verification_auc"] for result in trained(pack)]
    pixels, eigenfaces = [], []
    for member in pack:
        data = loaded(member)
        images = data.inputs.flatten(1)
        train, test = images[data.train.rows], images[data.test.rows]
        people = data.test.targets["identity"]
        pixels.append(verification(test, people))
        faces = PCA(100, whiten=True, random_state=0).fit(train.numpy())
        eigenfaces.append(verification(torch.from_numpy(faces.transform(test.numpy())), people))
    assert np.mean(embedding) > max(np.mean(pixels), np.mean(eigenfaces))


def verification(embeddings: torch.Tensor, people: torch.Tensor) -> float:
    return float(identities(embeddings.double()[None], people[None])["verification_auc"])


def test_a_cnn_reads_5000_digits() -> None:
    (result,) = trained(
        members("data=mnist_5k model=cnn loss=cce optimizer.lr=0.003 trainer.max_epochs=8"), "loop"
    )
    assert result.metrics["test/accuracy"] >= 0.96


def test_kl_without_smoothing_is_cross_entropy() -> None:
    """A test of the harness itself: two losses that are equal on paper give one training run."""
    base = "data=mnist_5k data.train_size=500 model=mlp trainer.max_epochs=5"
    cce, kl = trained(members(f"{base} loss=cce", f"{base} loss=kl loss.label_smoothing=0"))
    assert kl.metrics == pytest.approx(cce.metrics, abs=1e-4)
    assert cce.metrics["test/accuracy"] > 0.8
