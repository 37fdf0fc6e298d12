"""The engine that a sweep trains on, as the options of its launcher ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from lossbench.engines.events import Engine
from lossbench.engines.local import Local
from lossbench.errors import InputError, suggestion

ENGINES = ("local", "ray", "slurm")
FOLDER = "lossbench-jobs"
_OPTIONS = ("engine", "n_jobs", "cpus_per_pack", "gpus_per_pack", "ray", "slurm", "folder")


def engine_in(launcher: Mapping[str, Any] | DictConfig) -> Engine:
    """What the options of a node `hydra.launcher` ask for; see `engine_of`. Another launcher has none."""
    own = "engine" in launcher  # another's `n_jobs` or `ray` mean something else
    return engine_of(**{name: _plain(launcher[name]) for name in _OPTIONS}) if own else Local()


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if isinstance(value, DictConfig) else value


def engine_of(
    engine: str = "local",
    *,
    n_jobs: int | None = None,
    cpus_per_pack: int = 1,
    gpus_per_pack: float | None = None,
    ray: Mapping[str, Any] | None = None,
    slurm: Mapping[str, Any] | None = None,
    folder: str | None = None,
) -> Engine:
    """The engine; Ray and submitit are imported only where they are asked for.

    Raises:
        InputError: an option is at fault, or its extra is not installed.
    """
    _check(engine, n_jobs, cpus_per_pack, gpus_per_pack)
    for name, owner, given in (("ray", "ray", ray), ("slurm", "slurm", slurm), ("folder", "slurm", folder)):
        if given and engine != owner:
            raise InputError(
                f"hydra.launcher.{name} is for engine={owner}, and hydra.launcher.engine={engine}: "
                "leave one of them out."
            )
    if engine == "local":
        return Local(n_jobs or 0, cpus_per_pack, gpus_per_pack)
    shares: dict[str, Any] = {
        "cpus_per_pack": cpus_per_pack,
        "gpus_per_pack": gpus_per_pack or 0,
        "n_jobs": n_jobs or None,
    }
    if engine == "ray":
        from lossbench.engines.ray import Ray

        return Ray(init=dict(ray or {}), **shares)
    from lossbench.engines.slurm import Slurm

    return Slurm(folder=Path(folder or FOLDER), parameters=dict(slurm or {}), **shares)


def _check(engine: str, n_jobs: int | None, cpus_per_pack: int, gpus_per_pack: float | None) -> None:
    if engine not in ENGINES:
        raise InputError(f"hydra.launcher.engine={engine} is unknown ({suggestion(engine, ENGINES)}).")
    if n_jobs is not None and n_jobs < 0:
        raise InputError(f"hydra.launcher.n_jobs must be 0 (one per core) or more; got {n_jobs}.")
    if cpus_per_pack < 1:
        raise InputError(f"hydra.launcher.cpus_per_pack must be at least 1; got {cpus_per_pack}.")
    if gpus_per_pack is not None and not 0 <= gpus_per_pack <= 1:
        raise InputError(
            "hydra.launcher.gpus_per_pack must be 0, 1 or a share such as 0.5, for a pack trains on one GPU; "
            f"got {gpus_per_pack:g}."
        )
