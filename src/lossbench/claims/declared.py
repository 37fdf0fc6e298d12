"""What the YAML of an experiment declares: its question, its metrics, its claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lossbench.config.folders import choices, node_in, root_of, roots
from lossbench.config.naming import check_written

if TYPE_CHECKING:
    from lossbench.claims.claim import Experiment


def shipped(folder: Path | None = None) -> list[str]:
    """Names of the experiments in `conf/experiment`, and of those in a folder of the user's."""
    return list(choices("experiment", roots(folder)))


def load_experiment(
    name: str, folder: Path | None = None, instead: Mapping[str, str] | None = None
) -> Experiment:
    """The experiment of a YAML, or a plain one of that name, without claims.

    Args:
        name: of the experiment.
        folder: looked through before `conf/`; its losses, data sets and models may stand in claims.
        instead: parts of the `experiment` node that a command line gives instead of the YAML's.

    Raises:
        InputError: its claims are at fault, or its name is no text.
    """
    from lossbench.claims.known import Known
    from lossbench.claims.parsing import parse_experiment

    given = dict(instead or {})
    overrides = tuple(f"experiment.{key}={value}" for key, value in given.items())
    root = root_of(folder, name)
    if root is None:
        plain = parse_experiment({"name": name, **given}, Known({}))
        return replace(plain, overrides=tuple(text for text in overrides if ".name=" not in text))
    file = root / "experiment" / f"{name}.yaml"
    if "name" not in given:
        check_written(file)
    node = {"name": file.stem, **(node_in(file).get("experiment") or {}), **given}
    parsed = parse_experiment(node, Known.of(roots(folder)) if node.get("claims") else Known({}))
    own = ("--config-dir", str(folder)) if root == folder else ()
    return replace(parsed, config=(*own, f"experiment={name}"), overrides=overrides)
