"""Inputs of lanes: each held once, and read alike whether they are joined or stay apart."""

from __future__ import annotations

import pytest
import torch

from lossbench.data.pool import Pool

ONE, OTHER = (torch.arange(12.0).view(6, 2) + start for start in (0, 100))
ROWS = torch.tensor([[0, 5], [2, 2], [1, 3]])


def wanted() -> torch.Tensor:
    return torch.stack([ONE[ROWS[0]], OTHER[ROWS[1]], ONE[ROWS[2]]])


@pytest.mark.parametrize("joined", [0, 10**9], ids=["apart", "joined"])
class TestLanesReadTheirOwnInputs:
    def test_all_at_once_and_one(self, joined: int) -> None:
        pool = Pool([ONE, OTHER, ONE], joined=joined)
        assert torch.equal(pool.at(ROWS), wanted())
        for lane in range(3):
            assert torch.equal(pool.of(lane, ROWS[lane]), wanted()[lane])

    def test_by_name(self, joined: int) -> None:
        named = [{"a": own, "b": own[:, 0].long()} for own in (ONE, OTHER)]
        pool = Pool([named[0], named[1], named[0]], joined=joined)
        found = pool.at(ROWS)
        assert torch.equal(found["a"], wanted())
        assert torch.equal(found["b"], wanted()[..., 0].long())
        assert pool.numbers == 3

    def test_what_lanes_have_in_common_is_read_by_each(self, joined: int) -> None:
        codes = torch.arange(6, dtype=torch.uint8)
        pool = Pool([{"a": own, "codes": codes} for own in (ONE, OTHER, ONE.clone())], joined=joined)
        found = pool.at(ROWS)
        assert torch.equal(found["a"], wanted())
        assert torch.equal(found["codes"], codes[ROWS])

    def test_on_a_device_as_well(self, joined: int) -> None:
        pool = Pool([ONE, OTHER, ONE], joined=joined).to(torch.device("cpu"))
        assert torch.equal(pool.at(ROWS), wanted())


def test_lanes_that_share_inputs_hold_no_copy_of_them() -> None:
    assert [part.data_ptr() for part in Pool([ONE, ONE])._parts] == [ONE.data_ptr()]


def test_large_inputs_of_different_lanes_are_not_copied() -> None:
    pool = Pool([ONE, OTHER], joined=ONE.nbytes)
    assert [part.data_ptr() for part in pool._parts] == [ONE.data_ptr(), OTHER.data_ptr()]


def test_an_example_of_one_number_is_known() -> None:
    assert Pool([ONE[:, :1]]).one_number
    assert not Pool([ONE]).one_number
    assert not Pool([{"x": ONE[:, :1]}]).one_number
