"""Diamonds are read without their faults, and their logarithm is seen by losses alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lossbench.data.price import Price
from lossbench.data.table import Table
from lossbench.errors import InputError


def test_entry_errors_and_repeats_are_left_out() -> None:
    table = Price(name="price").columns()
    assert len(table.target) == 53_772
    assert not table.frame.assign(price=table.target).duplicated().any()
    sizes = table.frame[["x", "y", "z"]].astype(float)
    assert sizes.min().min() > 0
    assert sizes.max().max() < 20
    assert (table.target.min(), table.target.max()) == (326, 18_823)
    assert set(table.categories) == {"cut", "color", "clarity"}


def test_a_loss_sees_the_logarithm_and_the_rest_is_as_without() -> None:
    plain, logarithm = (Price(name="price", log_target=log).load(0, "vector") for log in (False, True))
    assert plain.inputs is logarithm.inputs
    for part in ("train", "val", "test"):
        own, other = (getattr(data, part) for data in (plain, logarithm))
        assert torch.equal(own.rows, other.rows)
        assert torch.equal(own.targets["continuous"], other.targets["continuous"])
    seen = logarithm.units["continuous"].scaled(logarithm.train.targets["continuous"])
    assert float(seen.median().abs()) < 0.01
    assert float(seen.max()) < 3
    assert float(plain.units["continuous"].scaled(plain.train.targets["continuous"]).max()) > 3.5


def test_what_has_no_logarithm_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("table") / "rows.csv"
    values = np.random.default_rng(0).normal(size=(60, 2))
    place.write_text("a,b\n" + "\n".join(f"{a:.3f},{b:.3f}" for a, b in values))
    with pytest.raises(InputError, match=r"data\.log_target takes the logarithm of b, .* leave it out"):
        Table(name="table", path=str(place), target="b", log_target=True).columns()
