"""Ids of runs: unique, and rising with time, as RFC 9562 has them."""

from __future__ import annotations

import time
import uuid

import pytest

from lossbench.tracking.rising_id import rising_id


def test_an_id_is_a_uuid_of_version_7_that_says_when_it_was_made() -> None:
    before = time.time_ns() // 1_000_000
    found = uuid.UUID(rising_id())
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    assert before <= found.int >> 80 <= time.time_ns() // 1_000_000


def test_ids_rise_with_time_down_to_a_microsecond(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [1_764_000_000_000_000_000 + step for step in (0, 1_000, 999_000, 1_000_000, 10**15)]
    clock = iter(moments)
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))
    ids = [rising_id() for _ in moments]
    assert ids == sorted(ids)
    assert all(len(own) == 32 for own in ids)


def test_ids_of_one_moment_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_764_000_000_000_000_000)
    assert len({rising_id() for _ in range(1000)}) == 1000
