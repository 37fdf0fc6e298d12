"""What the YAML of an experiment declares: its question, its metrics, its claims."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from lossbench.config import conf_dir
from lossbench.tracking.runs import SELECT

if TYPE_CHECKING:
    import pandas as pd

    from lossbench.report.claims import Experiment


def shipped(folder: Path | None = None) -> list[str]:
    """Names of the experiments in `conf/experiment`, and of those in a folder of the user's."""
    return sorted({path.stem for root in _roots(folder) for path in (root / "experiment").glob("*.yaml")})


def _roots(folder: Path | None) -> list[Path]:
    """Where configs lie; what ships comes first, as in Hydra's search path."""
    return [conf_dir(), *([folder] if folder else [])]


def load_experiment(name: str, folder: Path | None = None) -> Experiment:
    """The experiment of a YAML, or a plain one of that name, without claims.

    Args:
        name: of the experiment.
        folder: looked through after `conf/`; its losses, data sets and models may stand in claims.

    Raises:
        InputError: its claims are at fault.
    """
    from lossbench.report.claims import Experiment, parse_experiment
    from lossbench.report.known import Known

    files = (root / "experiment" / f"{name}.yaml" for root in _roots(folder))
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        return Experiment(name)
    tree: Any = OmegaConf.to_container(OmegaConf.load(file))
    node = {"name": name, **(tree.get("experiment") or {})}
    parsed = parse_experiment(node, Known.of(_roots(folder)) if node.get("claims") else Known({}))
    own = file.parent.parent == folder
    return replace(parsed, config=(*(("--config-dir", str(folder)) if own else ()), f"experiment={name}"))


def select_of(runs: pd.DataFrame) -> str | None:
    """The metric by which the data set of the runs chooses, as recorded with them; None of older records."""
    told = runs[SELECT].dropna() if SELECT in runs.columns else ()
    return str(next(iter(told))) if len(told) else None
