from __future__ import annotations

import pickle
import traceback
from typing import Any

from lossbench.engines.events import Died, Send, call


class TwoWords(Exception):  # noqa: N818
    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


def give(item: Any, send: Send) -> Any:
    send("here")
    if isinstance(item, Exception):
        raise item
    return item


def test_what_an_item_comes_to_can_travel_whatever_it_is() -> None:
    said: list[str] = []
    assert call(give, 3, said.append) == 3
    for item, kind, reason in (
        (ValueError("no such luck"), ValueError, "ValueError: no such luck"),
        (KeyError(), KeyError, "KeyError"),
        (TwoWords("this", "that"), RuntimeError, "TwoWords: this and that"),  # it cannot be unpickled
    ):
        died = pickle.loads(pickle.dumps(call(give, item, said.append)))
        assert isinstance(died, Died)
        assert (type(died.error), died.reason) == (kind, reason)
        assert "raise item" in "".join(traceback.format_exception(died.error))
    died = call(give, lambda: None, said.append)
    assert isinstance(died, Died)
    assert "pickle" in died.reason
    assert said == ["here"] * 5
