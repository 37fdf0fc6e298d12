"""What tells strangers apart without a net: fitted to the people of training alone, judged as losses are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from lossbench.data.faces import Faces
from lossbench.data.identity_baselines import BASELINES, COMPONENTS, LONGEST
from lossbench.data.images import Images
from lossbench.data.source import DataSet, Examples
from lossbench.pack.baselines import measured
from lossbench.seeds import numpy_generator

FACES = Faces(name="faces", mirror=False, shifts=0)


@pytest.fixture(scope="module")
def faces() -> DataSet:
    data = FACES.load(1, "image")
    assert isinstance(data, DataSet)
    return data


def embedding(name: str, data: DataSet, of: Examples) -> torch.Tensor:
    return BASELINES[name](data, of)["embedding"]


def test_each_is_a_row_that_the_judge_measures(faces: DataSet) -> None:
    assert FACES.baselines() is BASELINES
    found = {name: measured(FACES, faces, name)["test/verification_auc"] for name in BASELINES}
    assert all(0.85 < value < 1 for value in found.values())
    assert found["PCA whitened within people"] > found["PCA"]


def test_pixels_are_compared_as_embeddings_are(faces: DataSet) -> None:
    flat = faces.inputs[faces.test.rows].flatten(1).double()
    flat = flat / flat.norm(dim=1, keepdim=True)
    first, second = torch.triu_indices(len(flat), len(flat), 1)
    person = faces.test.targets["identity"]
    area = roc_auc_score(person[first] == person[second], (flat @ flat.T)[first, second])
    assert measured(FACES, faces, "pixels")["test/verification_auc"] == pytest.approx(area, abs=1e-9)


def test_components_are_those_of_training(faces: DataSet) -> None:
    train, test = (faces.inputs[part.rows].flatten(1).numpy() for part in (faces.train, faces.test))
    exact = PCA(COMPONENTS, svd_solver="full").fit(train.astype(np.float64)).transform(test)
    found = embedding("PCA", faces, faces.test).numpy()
    for few in (exact[:, :20], exact):  # of a randomized fit the last ones are rougher
        of = found[:, : few.shape[1]]
        ratio = np.linalg.norm(of, axis=1) / np.linalg.norm(few, axis=1)
        np.testing.assert_allclose(ratio, 1, atol=0.02)


def test_within_people_of_training_all_directions_vary_alike(faces: DataSet) -> None:
    found = embedding("PCA whitened within people", faces, faces.train).numpy()
    person = faces.train.targets["identity"].numpy()
    means = np.stack([found[person == one].mean(0) for one in np.unique(person)])
    within = np.cov((found - means[person]).T, bias=True)
    values = np.linalg.eigvalsh(within)
    assert values.max() < 1.2  # shrunk: what hardly varies is not blown up to 1
    assert 0.7 < np.median(values) < 1.1
    plain = embedding("PCA", faces, faces.train).numpy()
    means = np.stack([plain[person == one].mean(0) for one in np.unique(person)])
    spread = np.linalg.eigvalsh(np.cov((plain - means[person]).T, bias=True))
    assert spread.max() / np.median(spread) > 10


def test_strangers_have_no_part_in_the_fit(faces: DataSet) -> None:
    other = faces.inputs.clone()
    other[faces.test.rows] = torch.from_numpy(
        numpy_generator(0, "test").normal(size=other[faces.test.rows].shape).astype(np.float32)
    )
    changed = replace(faces, inputs=other)
    for name in BASELINES:
        before, after = (embedding(name, data, faces.val) for data in (faces, changed))
        assert torch.equal(before, after), name


def test_large_images_are_averaged_down_and_equal_ones_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path / "cache"))
    draw = numpy_generator(0, "people")
    for person in range(6):
        image = Image.fromarray(draw.integers(0, 256, (80, 2 * LONGEST), dtype=np.uint8))
        for number in range(3):
            place = tmp_path / "people" / f"p{person}" / f"{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            image.save(place)
    source = Images(name="images", path=str(tmp_path / "people"), task="identity")
    data = source.load(0, "image")
    assert isinstance(data, DataSet)
    assert embedding("pixels", data, data.test).shape == (6, 40 * LONGEST)
    for name in source.baselines():
        assert measured(source, data, name)["test/verification_auc"] == 1
    streamed = replace(source, stream=True)
    assert streamed.baselines() == {}
    assert Images(name="images", path=str(tmp_path / "people")).baselines() == {}
