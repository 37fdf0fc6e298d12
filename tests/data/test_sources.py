"""What every data source promises, whatever it loads."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
import torch
import yaml

from lossbench.data.appliances import Appliances
from lossbench.data.bikes import Bikes
from lossbench.data.clicks import Ratings
from lossbench.data.corpus import CorpusSource
from lossbench.data.demand import Demand
from lossbench.data.electricity import Electricity
from lossbench.data.faces import Faces
from lossbench.data.mnist import MNIST
from lossbench.data.mnist_5k import MNIST5k
from lossbench.data.movielens import MovieLens
from lossbench.data.outliers import Outliers
from lossbench.data.pairs import Pairs
from lossbench.data.sentiment import Sentiment
from lossbench.data.series import Series
from lossbench.data.shakespeare import Shakespeare
from lossbench.data.source import DataSet, DataSource
from lossbench.data.spam import Spam
from lossbench.data.text import Text
from lossbench.data.topics import Topics
from lossbench.data.verses import Verses

CONF = Path(__file__).parents[2] / "conf" / "data"
CLASSES = {
    "outliers": Outliers,
    "mnist": MNIST,
    "mnist_5k": MNIST5k,
    "sentiment": Sentiment,
    "faces": Faces,
    "series": Series,
    "text": Text,
    "ratings": Ratings,
    "spam": Spam,
    "topics": Topics,
    "pairs": Pairs,
    "corpus": CorpusSource,
    "electricity": Electricity,
    "appliances": Appliances,
    "bikes": Bikes,
    "demand": Demand,
    "shakespeare": Shakespeare,
    "movielens": MovieLens,
    "verses": Verses,
}
INSTANCES = ("verses", "movielens", "shakespeare", "electricity", "appliances", "bikes", "demand")
SOURCES = {
    "outliers": Outliers(name="outliers"),
    "sine": Outliers(name="outliers", curve="sine", outlier="symmetric"),
    "mnist_5k": MNIST5k(name="mnist_5k", label_noise=0.2),
    "sentiment": Sentiment(name="sentiment", source="products"),
    "faces": Faces(name="faces"),
}
EXPECTED_TARGETS = {
    "continuous": (torch.float64, ()),
    "binary": (torch.int64, ()),
    "multiclass": (torch.int64, ()),
    "identity": (torch.int64, ()),
    "distribution": (torch.float32, (9,)),
}


def _loads() -> list[tuple[str, str]]:
    return [(name, reads) for name, source in SOURCES.items() for reads in source.reads]


def _tensors(data: DataSet) -> list[torch.Tensor]:
    parts = [data.train, data.val, data.test]
    return [
        data.inputs,
        *(part.rows for part in parts),
        *(t for part in parts for t in part.targets.values()),
    ]


@pytest.mark.parametrize(("name", "reads"), _loads())
def test_a_load_keeps_what_its_description_says(name: str, reads: str) -> None:
    source: DataSource = SOURCES[name]
    data = source.load(0, reads)
    said = data.description
    assert said.targets == source.targets()
    assert said.fingerprint == source.fingerprint(0)
    assert said.inputs.kind == reads
    assert said.inputs.shape == data.inputs.shape[1:]
    assert data.inputs.isfinite().all()
    for split in ("train", "val", "test"):
        part = getattr(data, split)
        assert len(part) == said.sizes[split] > 0
        assert part.rows.dtype == torch.int64
        for target in said.targets:
            values = part.targets[target.kind]
            dtype, shape = EXPECTED_TARGETS[target.kind]
            assert values.dtype == dtype
            assert values.shape == (len(part), *shape)
            assert values.isfinite().all()
            if split == "train" and target.kind in ("binary", "multiclass", "identity"):
                assert values.unique().tolist() == list(range(target.size))


@pytest.mark.parametrize("name", SOURCES)
def test_no_example_is_in_two_splits(name: str) -> None:
    data = SOURCES[name].load(3, SOURCES[name].reads[0])
    rows = torch.cat([data.train.rows, data.val.rows, data.test.rows])
    assert len(rows.unique()) == len(rows)
    assert 0 <= rows.min() <= rows.max() < len(data.inputs)


@pytest.mark.parametrize(("name", "reads"), _loads())
def test_a_seed_decides_everything(name: str, reads: str) -> None:
    source = SOURCES[name]
    one, same, other = (_tensors(source.load(seed, reads)) for seed in (5, 5, 6))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert [tensor.shape for tensor in one] == [tensor.shape for tensor in other]  # seeds share a pack
    assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(("name", "reads"), _loads())
def test_loads_of_one_seed_share_one_tensor_of_inputs(name: str, reads: str) -> None:
    source = SOURCES[name]
    datasets = [source.load(seed, reads) for _ in range(2) for seed in range(5)]
    assert len({id(data.inputs) for data in datasets}) <= 5
    if name in ("mnist_5k", "faces"):
        assert len({id(data.inputs) for data in datasets}) == 1


@pytest.mark.parametrize("name", INSTANCES)
def test_the_yaml_of_an_instance_names_knobs_with_their_defaults(name: str) -> None:
    """Of a loader on a file that ships, those that anybody would set."""
    said = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    kind = CLASSES[name]
    assert said.pop("_target_") == f"{kind.__module__}.{kind.__qualname__}"
    assert kind(**said) == kind(name=name)


@pytest.mark.parametrize("name", [name for name in CLASSES if name not in INSTANCES])
def test_the_yaml_names_every_knob_with_its_default(name: str) -> None:
    said = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    kind = CLASSES[name]
    assert said.pop("_target_") == f"{kind.__module__}.{kind.__qualname__}"
    assert said.pop("name") == name
    # `metrics` stands in conf/config.yaml, for the data sets of users, too.
    own = [field for field in fields(kind) if field.name not in ("name", "metrics")]
    knobs = {field.name: field.default for field in own}
    assert MISSING not in knobs.values()
    assert said == {name: list(value) if isinstance(value, tuple) else value for name, value in knobs.items()}


def test_sources_are_declared_without_heavy_imports() -> None:
    heavy = ("torch", "numpy", "pandas", "sklearn", "pooch", "PIL")
    modules = ", ".join(kind.__module__ for kind in CLASSES.values())
    code = f"import sys, {modules}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
