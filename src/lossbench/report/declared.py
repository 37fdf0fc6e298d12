"""What the YAML of an experiment declares: its question, its metrics, its claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from lossbench.folders import choices, roots
from lossbench.naming import is_file_name
from lossbench.tracking.runs import SELECT

if TYPE_CHECKING:
    import pandas as pd

    from lossbench.report.claims import Experiment


def shipped(folder: Path | None = None) -> list[str]:
    """Names of the experiments in `conf/experiment`, and of those in a folder of the user's."""
    return list(choices(folder, "experiment"))


def load_experiment(
    name: str, folder: Path | None = None, instead: Mapping[str, str] | None = None
) -> Experiment:
    """The experiment of a YAML, or a plain one of that name, without claims.

    Args:
        name: of the experiment.
        folder: looked through before `conf/`; its losses, data sets and models may stand in claims.
        instead: parts of the `experiment` node that a command line gives instead of the YAML's.

    Raises:
        InputError: its claims are at fault.
    """
    from lossbench.report.claims import parse_experiment
    from lossbench.report.known import Known

    given = dict(instead or {})
    overrides = tuple(f"experiment.{key}={value}" for key, value in given.items())
    root = next((root for root in roots(folder) if _file(root, name)), None)
    if root is None:
        plain = parse_experiment({"name": name, **given}, Known({}))
        return replace(plain, overrides=tuple(text for text in overrides if ".name=" not in text))
    tree: Any = OmegaConf.to_container(OmegaConf.load(root / "experiment" / f"{name}.yaml"))
    node = {"name": name, **(tree.get("experiment") or {}), **given}
    parsed = parse_experiment(node, Known.of(roots(folder)) if node.get("claims") else Known({}))
    own = ("--config-dir", str(folder)) if root == folder else ()
    return replace(parsed, config=(*own, f"experiment={name}"), overrides=overrides)


def _file(root: Path, name: str) -> bool:
    """Whether a folder of configs has an experiment of this name, which may lie in a folder of its own."""
    return all(map(is_file_name, name.split("/"))) and (root / "experiment" / f"{name}.yaml").is_file()


def select_of(runs: pd.DataFrame) -> str | None:
    """The metric by which the data set of the runs chooses, as recorded with them; None of older records."""
    told = runs[SELECT].dropna() if SELECT in runs.columns else ()
    return str(next(iter(told))) if len(told) else None
