"""Logging of one job after another, whose configs differ in nothing but the names of files."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lossbench.config.raw import Unusual, raw, unsettled

Configure = Callable[..., None]


class Logs:
    """Hydra's `configure_log`, which makes the same handlers anew for each job: here only files are.

    What is not alike is left to Hydra, and so are handlers that write files in another way.
    """

    def __init__(self, configure: Configure) -> None:
        self._configure = configure
        self._last: Any = None  # what was configured last, without the names of files

    def configure(self, log_config: DictConfig | None, verbose_config: Any = False) -> None:
        """As Hydra's `configure_log`."""
        content = _content(log_config)
        files = _files_taken_from(content)
        alike = [content, files and sorted(files), verbose_config]
        if files is None or alike != self._last or not _moved(files):
            self._configure(log_config, verbose_config)
        self._last = None if files is None else alike


def _content(config: DictConfig | None) -> Any:
    """A resolved config; in most, names of files alone hold interpolations, and are all that is resolved."""
    if config is None:
        return None
    try:
        content = raw(config)
        handlers = content["handlers"]
        for name, own in handlers.items():
            if "filename" in own:
                own["filename"] = str(config.handlers[name].filename)
    except (Unusual, TypeError, KeyError, AttributeError, OmegaConfBaseException):
        return OmegaConf.to_container(config, resolve=True)
    return OmegaConf.to_container(config, resolve=True) if unsettled(content) else content


def _files_taken_from(content: Any) -> dict[str, str] | None:
    """The files by the names of the handlers that write them; None, and none taken, where there is more."""
    handlers = content.get("handlers") if isinstance(content, dict) else None
    if not isinstance(handlers, dict) or content.get("root") is None or content.get("loggers"):
        return None
    if content.get("disable_existing_loggers", True):  # those that there are by then
        return None
    found = {name: own for name, own in handlers.items() if "filename" in own}
    plain = {"class", "formatter", "filename", "level"}
    if any(own.get("class") != "logging.FileHandler" or own.keys() - plain for own in found.values()):
        return None
    return {name: str(own.pop("filename")) for name, own in found.items()}


def _moved(files: dict[str, str]) -> bool:
    """Let the root's handlers write other files; whether they are those that were configured."""
    root = logging.getLogger()
    handlers = {handler.name: handler for handler in root.handlers}
    if any(type(handlers.get(name)) is not logging.FileHandler for name in files):
        return False
    for name, path in files.items():
        old = handlers[name]
        new = logging.FileHandler(path)
        new.set_name(name)
        new.setFormatter(old.formatter)
        new.setLevel(old.level)
        root.addHandler(new)
        root.removeHandler(old)
        old.close()
    return True
