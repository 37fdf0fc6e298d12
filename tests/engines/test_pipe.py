"""What a worker sends arrives as it was, and its arrays are held once."""

from __future__ import annotations

import pickle
import threading
import tracemalloc
from multiprocessing import Pipe
from typing import Any

import numpy as np
import pytest

from lossbench.engines import pipe


def sent(value: Any) -> Any:
    one, other = Pipe()
    sending = threading.Thread(target=pipe.send, args=(one, value))
    sending.start()
    found = pipe.receive(other)
    sending.join()
    return found


@pytest.mark.parametrize("large", [0, 10**9], ids=["apart", "within"])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(24.0).reshape(4, 6),
        np.asfortranarray(np.arange(24.0).reshape(4, 6)),
        np.arange(24).reshape(4, 6)[:, ::2],
        np.zeros((0, 3), np.float32),
        np.array(["a", "long"]),
        np.array([True, False]),
        np.array(1.5),
    ],
)
def test_arrays_arrive_as_they_were_and_can_be_written_to(
    array: np.ndarray[Any, Any], large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipe, "_LARGE", large)
    over, found = sent((True, {"told": "as it is", "one": array, "again": array}))
    assert over is True
    assert found["told"] == "as it is"
    assert (found["one"].dtype, found["one"].shape) == (array.dtype, array.shape)
    assert np.array_equal(found["one"], array)
    assert found["one"].flags.writeable
    assert found["one"].strides == pickle.loads(pickle.dumps(array)).strides
    assert found["again"] is found["one"]


def test_neither_end_holds_large_arrays_twice() -> None:
    value = [np.ones(500_000) for _ in range(5)]
    size = sum(one.nbytes for one in value)
    tracemalloc.start()
    try:
        found = sent(value)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == 5
    assert most < 1.5 * size  # what has arrived, and one array on its way


def test_a_sender_that_is_gone_before_all_has_come_is_an_end() -> None:
    one, other = Pipe()
    one.send_bytes(pickle.dumps((b"", [1_000_000])))
    one.close()
    with pytest.raises(EOFError):
        pipe.receive(other)
