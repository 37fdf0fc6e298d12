"""The configs of a sweep's jobs: the first are held, further ones are composed again when they are wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.raw import inside

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from hydra_plugins.lossbench_launcher._halving import Place

# A config takes .13 MiB, Hydra's part most of it, and composing it again 1.3 ms.
KEPT = 2_000


class Held:
    """Composes configs, and keeps some; jobs of the same overrides have one, which they number anew."""

    def __init__(self, compose: Callable[[Sequence[str]], DictConfig]) -> None:
        self._compose = compose
        self._kept: dict[tuple[str, ...], DictConfig] = {}

    def __call__(self, overrides: Sequence[str]) -> DictConfig:
        """The config of a job."""
        key = tuple(overrides)
        config = self._kept.get(key)
        if config is None:
            config = self._compose(overrides)
            if len(self._kept) < KEPT:
                self._kept[key] = config
        return config

    def let_go(self, overrides: Sequence[str]) -> None:
        """Of what is not wanted again soon."""
        self._kept.pop(tuple(overrides), None)


@dataclass(frozen=True)
class Planned:
    """A job: its overrides, where its config comes from, and which trial it is; None where there are none."""

    overrides: list[str]
    held: Held
    place: Place | None = None

    @property
    def config(self) -> DictConfig:
        return self.held(self.overrides)


@dataclass(frozen=True)
class Numbered:
    """A job with its number in the sweep."""

    planned: Planned
    number: int

    @property
    def config(self) -> DictConfig:
        """As Hydra hands it to the job; it holds until another job of the same overrides is asked."""
        job = self.planned.config
        for key in ("id", "num"):  # without OmegaConf's way there, which takes most of its time
            inside(job, "hydra", "job", key)._set_value(self.number)
        return job

    def let_go(self) -> None:
        self.planned.held.let_go(self.planned.overrides)
