"""Logging of one job after another is what Hydra's own would be, and each job's lines are in its own file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra.core.utils import configure_log
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.lossbench_launcher._logs import Logs

log = logging.getLogger("of.a.job")


@pytest.fixture(autouse=True)
def before() -> Iterator[None]:
    """The root logger as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:], root.level = handlers, level


def wanted(path: Path, **more: Any) -> DictConfig:
    """As in conf: a terminal and a file."""
    file = {"class": "logging.FileHandler", "formatter": "plain", "filename": str(path), **more}
    return OmegaConf.create(
        {
            "version": 1,
            "formatters": {"plain": {"format": "[%(name)s] %(message)s"}},
            "handlers": {
                "console": {"class": "logging.StreamHandler", "formatter": "plain", "stream": "ext://sys.stdout"},
                "file": file,
            },
            "root": {"level": "INFO", "handlers": ["console", "file"]},
            "disable_existing_loggers": False,
        }
    )  # fmt: skip


@pytest.fixture
def asked() -> list[Any]:
    """Every call of Hydra's function."""
    return []


@pytest.fixture
def logs(asked: list[Any]) -> Logs:
    def configure(*given: Any) -> None:
        asked.append(given)
        configure_log(*given)

    return Logs(configure)


def test_each_job_has_a_file_of_its_own_and_hydra_is_asked_once(
    logs: Logs, asked: list[Any], tmp_path: Path
) -> None:
    for name in "abc":
        logs.configure(wanted(tmp_path / name), False)
        assert (tmp_path / name).read_text() == ""  # as Hydra's, there is a file where nothing is said
        if name != "b":
            log.info("of %s", name)
            log.debug("not told")
    assert {name: (tmp_path / name).read_text() for name in "abc"} == {
        "a": "[of.a.job] of a\n",
        "b": "",
        "c": "[of.a.job] of c\n",
    }
    assert len(asked) == 1
    assert sorted(str(handler.name) for handler in logging.getLogger().handlers) == ["console", "file"]


def test_what_was_written_before_stays(logs: Logs, tmp_path: Path) -> None:
    for name in "aba":
        logs.configure(wanted(tmp_path / name), False)
        log.info("again")
    assert (tmp_path / "a").read_text() == "[of.a.job] again\n" * 2


@pytest.mark.parametrize(
    "more", [{"mode": "w"}, {"delay": True}, {"class": "logging.handlers.WatchedFileHandler"}]
)
def test_handlers_that_write_in_another_way_are_left_to_hydra(
    logs: Logs, asked: list[Any], tmp_path: Path, more: dict[str, Any]
) -> None:
    for name in "ab":
        logs.configure(wanted(tmp_path / name, **more), False)
        log.info("of %s", name)
        assert (tmp_path / name).read_text() == f"[of.a.job] of {name}\n"
    assert len(asked) == 2


def test_a_job_that_logs_otherwise_is_left_to_hydra(logs: Logs, asked: list[Any], tmp_path: Path) -> None:
    louder = wanted(tmp_path / "c")
    louder.root.level = "DEBUG"
    for config, verbose in ((wanted(tmp_path / "a"), False), (wanted(tmp_path / "b"), True), (louder, False)):
        logs.configure(config, verbose)
        log.debug("a detail")
    found = {name: bool((tmp_path / name).read_text()) for name in "abc"}
    assert found == {"a": False, "b": True, "c": True}
    assert len(asked) == 3


def test_handlers_that_something_else_has_replaced_are_made_anew(
    logs: Logs, asked: list[Any], tmp_path: Path
) -> None:
    logs.configure(wanted(tmp_path / "a"), False)
    for handler in list(logging.getLogger().handlers):
        logging.getLogger().removeHandler(handler)
        handler.close()
    logs.configure(wanted(tmp_path / "b"), False)
    log.info("of b")
    assert (tmp_path / "b").read_text() == "[of.a.job] of b\n"
    assert len(asked) == 2


def test_without_a_config_hydra_is_asked(logs: Logs, asked: list[Any]) -> None:
    logs.configure(None)
    assert asked == [(None, False)]
