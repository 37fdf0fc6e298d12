"""The end of a sweep: its summary runs are made and linked to, and nothing here makes the sweep fail."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from lossbench.errors import first_line

_log = logging.getLogger(__name__)


def conclude(uri: str, experiments: Iterable[Mapping[str, Any]], trained: bool = True) -> None:
    """Make the summary runs of the experiments of a sweep, and log the links to them.

    What goes wrong is one warning, for the runs are recorded already.

    Args:
        experiments: `experiment` nodes of configs, with `name`, `judge` and `select`; equal names count once.
        trained: whether the sweep recorded anything new; if not, summary runs are made only where they are
            missing or older than a run: an earlier sweep may have been killed before it made them.
    """
    from lossbench.review.answer_note import report_of
    from lossbench.review.links import links, served, usable

    nodes = {str(node["name"]): node for node in experiments}
    wanted = nodes.keys() if trained else _outdated(uri)
    for name, node in nodes.items():
        if name not in wanted or make(uri, name, node.get("judge"), node.get("select")):
            try:
                port = usable()
                for one in links(uri, name, port):
                    _log.info("%s\n%s", served(uri, name, port), "\n".join(one.lines()))
                _log.info("which loss, and how sure that is:  %s", report_of(uri, name))
            except Exception as error:
                _warn(f"The links to {name} could not be made", error)


def _outdated(uri: str) -> Collection[str]:
    try:
        from lossbench.review.refresh import outdated

        return outdated(uri)
    except Exception as error:
        _warn("Which summary runs are missing could not be seen", error)
        return ()


def make(uri: str, experiment: str, judge: str | None = None, select: str | None = None) -> bool:
    """`refresh`, whose failure is a warning; whether it succeeded."""
    try:
        from lossbench.review.refresh import refresh

        refresh(uri, experiment, judge, select)
    except Exception as error:
        again = f"python -m lossbench.review {shlex.quote(f'experiment={experiment}')} tries again"
        _warn(f"The summary runs of {experiment} could not be made; {again}", error)
        return False
    return True


def _warn(what: str, error: Exception) -> None:
    _log.warning("%s (%s).", what, first_line(error))
    _log.debug("", exc_info=True)
