"""NLinear: what it adds is the last value of the target, as the loss sees it, of every column and step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from lossbench.data.series import Series
from lossbench.data.source import DataSet
from lossbench.errors import InputError
from lossbench.job import jobs_from
from lossbench.models.nlinear import NLinear
from lossbench.pack.fit import fit
from lossbench.task import Inputs

STEPS, PAST, HORIZON = 300, 6, 3


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two columns of unlike size, and a third."""
    draw, path = np.random.default_rng(1), tmp_path_factory.mktemp("series") / "power.csv"
    walk = draw.normal(size=(STEPS, 2)).cumsum(axis=0) * [3.0, 0.01] + [1e4, -2.0]
    frame = pd.DataFrame(walk, columns=["a", "b"]).assign(t=range(STEPS), z=draw.normal(size=STEPS))
    frame.to_csv(path, index=False)
    return path


def loaded(path: Path, target: tuple[str, ...], seed: int = 0, **knobs: float) -> tuple[Series, DataSet]:
    source = Series(
        name="series",
        path=str(path),
        time="t",
        target=target,
        inputs=("z",),
        past=PAST,
        horizon=HORIZON,
        **knobs,  # type: ignore[arg-type]
    )
    data = source.load(seed, "series")
    assert isinstance(data, DataSet)
    return source, data


def built(data: DataSet, levels: int) -> tuple[nn.Module, nn.Linear]:
    torch.manual_seed(0)
    numbers = HORIZON * data.description.targets[0].size
    module = NLinear(name="nlinear").build(data.description.inputs, numbers * levels)
    linear = module.linear
    assert isinstance(linear, nn.Linear)
    return module, linear


def read_as(data: DataSet, values: Tensor) -> Tensor:
    """What is read where the target's columns (C,) have these values in their own units."""
    past = data.description.inputs.past
    assert past is not None
    return (data.units["continuous"].scaled(values) - torch.tensor(past.shift)) / torch.tensor(past.scale)


@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("target", [("a",), ("a", "b")])
def test_of_a_window_without_a_change_it_predicts_that_it_goes_on_but_for_the_bias(
    path: Path, target: tuple[str, ...], levels: int
) -> None:
    _, data = loaded(path, target)
    module, linear = built(data, levels)
    values = torch.tensor([10_003.5, -2.01], dtype=torch.float64)[: len(target)]
    window = torch.zeros(1, PAST, len(target) + 1)
    window[..., : len(target)] = read_as(data, values)
    found = module(window).view(HORIZON, len(target), levels)
    expected = data.units["continuous"].scaled(values).view(1, -1, 1)
    bias = linear.bias.view(HORIZON, len(target), levels)
    torch.testing.assert_close(found, expected + bias, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("contamination", [0.0, 0.3])
@pytest.mark.parametrize("target", [("a",), ("a", "b")])
def test_without_weights_it_is_the_naive_forecast_in_units_of_the_target(
    path: Path, target: tuple[str, ...], contamination: float
) -> None:
    """Also where outliers among the targets change what losses see."""
    source, data = loaded(path, target, seed=2, contamination=contamination)
    module, linear = built(data, 1)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    naive = source.baselines()["naive"](data, data.test)["value"]
    with torch.no_grad():
        found = module(data.inputs[data.test.rows]).view(naive.shape)
    torch.testing.assert_close(data.units["continuous"].own(found.double()), naive, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("losses", [("mse", "mae"), ("quantiles",)], ids=["values", "quantiles"])
def test_members_whose_targets_differ_have_alone_the_numbers_that_they_have_in_company(
    path: Path, composed: Callable[..., DictConfig], losses: tuple[str, ...]
) -> None:
    """Each with the units of its own targets, of its seed and of its share of outliers."""
    words = (
        f"data=series data.path={path} data.time=t data.target=a data.past={PAST} data.horizon=3 "
        "model=nlinear trainer.max_epochs=2 trainer.batch_size=32 trainer.accelerator=cpu"
    )
    each = [
        f"loss={loss} seed={seed} data.contamination={share}"
        for loss in losses
        for seed in (0, 1)
        for share in (0, 0.3)
    ]
    jobs = jobs_from([composed(*words.split(), *own.split()) for own in each])
    pack = [job.member for job in jobs]
    for mode in ("vmap", "loop"):
        packed = fit(pack, mode)
        assert {result.outcome for result in packed} == {"finished"}
        assert [fit([member], mode)[0] for member in pack] == packed


def test_what_it_cannot_read_or_give_is_refused_with_a_remedy(path: Path) -> None:
    with pytest.raises(InputError, match=r"Inputs\.past, or choose model=rnn"):
        NLinear(name="nlinear").build(Inputs("series", (6, 2)), 3)
    _, data = loaded(path, ("a", "b"))
    with pytest.raises(InputError, match="predicts 6 numbers, or several of each, and the loss asks for 7"):
        NLinear(name="nlinear").build(data.description.inputs, 7)
