"""What every engine promises: this machine, a real Slurm and a real Ray cluster."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import cluster_tasks
import pytest

from lossbench.engines.events import Died, Ended, Event, Said, Started

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.parametrize("engine", ["local", "slurm", "ray"], indirect=True),
]


def results(events: list[Event]) -> dict[int, Any]:
    return {event.index: event.result for event in events if isinstance(event, Ended)}


def test_each_item_starts_speaks_and_ends_in_this_order(engine: Any) -> None:
    events = list(engine.run(cluster_tasks.square, [3, 4, 5]))
    assert results(events) == {0: 9, 1: 16, 2: 25}
    for index, item in enumerate([3, 4, 5]):
        started, said, ended = (event for event in events if event.index == index)
        assert (started, ended) == (Started(index), Ended(index, item * item))
        assert isinstance(said, Said)
        assert said.message[0] == item


def test_no_item_is_no_event(engine: Any) -> None:
    assert list(engine.run(cluster_tasks.square, [])) == []


def test_a_worker_that_dies_takes_only_its_own_item(engine: Any) -> None:
    items = ["a", "killed", "left", "raised", "unpicklable", "killed", "e"]
    events = list(engine.run(cluster_tasks.fate, items))
    ended = results(events)
    assert {items[i]: r for i, r in ended.items() if not isinstance(r, Died)} == {"a": "a", "e": "e"}
    for index in range(len(items)):
        own = [type(event) for event in events if event.index == index]
        assert own == [Started, Ended]
    words = {index: died.reason for index, died in ended.items() if isinstance(died, Died)}
    lost = ("Slurm has ended its job", "Ray has lost its worker", "its worker process ")
    assert all(words[index].startswith(lost) for index in (1, 2, 5)), words
    assert words[3] == "ValueError: no such luck"
    assert isinstance(ended[3].error, ValueError)
    assert "pickle" in words[4]


def test_messages_arrive_complete_in_order_and_before_the_result(engine: Any) -> None:
    events = list(engine.run(cluster_tasks.chatter, [0, 1]))
    for item in range(2):
        own = [event for event in events if event.index == item]
        assert own[1:-1] == [Said(item, (item, number)) for number in range(300)]


def test_a_worker_has_the_environment_and_folder_of_its_parent_and_one_thread(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLOUR", "green")
    monkeypatch.chdir(tmp_path)
    events = list(engine.run(cluster_tasks.surroundings, [0]))
    assert results(events) == {0: ("green", str(tmp_path), "1", "")}


def test_closing_ends_all_work(engine: Any, slurm: Path | None) -> None:
    pids = []
    going = engine.run(cluster_tasks.hang, [0, 1, 2])
    for event in going:
        if isinstance(event, Said):
            pids.append(event.message)
        if len(pids) == 3:
            break
    going.close()
    assert all(cluster_tasks.gone(pid) for pid in pids)
    if slurm:
        assert subprocess.check_output(["squeue", "--noheader"], text=True) == ""


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_many_items_pass_through_a_queue_of_two(engine: Any, count: int) -> None:
    running: set[int] = set()
    widest, ended = 0, {}
    for event in engine.run(cluster_tasks.square, range(count)):
        if isinstance(event, Started):
            running.add(event.index)
        if isinstance(event, Ended):
            running.remove(event.index)
            ended[event.index] = event.result
        widest = max(widest, len(running))
    assert ended == {item: item * item for item in range(count)}
    assert widest <= 2
