"""What the jobs of a sweep return to its sweeper."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf, open_dict

from hydra_plugins.lossbench_launcher._quick import without

if TYPE_CHECKING:
    from hydra.conf import HydraConf
    from omegaconf import DictConfig

    from hydra_plugins.lossbench_launcher._held import Numbered


class Return(JobReturn):
    """A job that failed raises what ended it, without Hydra's line on stderr about the first such job alone.

    The trainer has said of every job how it ended.
    """

    @property
    def return_value(self) -> Any:
        if self.status == JobStatus.FAILED:
            raise self._return_value
        return super().return_value

    @return_value.setter
    def return_value(self, value: Any) -> None:
        self._return_value = value

    @classmethod
    def of(cls, ended: JobReturn, job: Numbered) -> Self:
        """What `run_job` gives for a job; the launcher wants no more of its config."""
        job.let_go()
        return cls(**vars(ended))


class LightReturn(Return):
    """That of one of thousands of jobs: it has its configs, .12 MiB, when it is asked for them."""

    job: Numbered

    @classmethod
    def of(cls, ended: JobReturn, job: Numbered) -> Self:
        light = super().of(ended, job)
        light.cfg = light.hydra_cfg = None
        light.job = job
        return light

    def __getattribute__(self, name: str) -> Any:
        if name not in ("cfg", "hydra_cfg"):
            return super().__getattribute__(name)
        before = HydraConfig.instance().cfg
        try:
            whole = placed(copy.deepcopy(self.job.config))
        finally:
            HydraConfig.instance().cfg = before
        return without(whole, "hydra") if name == "cfg" else OmegaConf.masked_copy(whole, "hydra")


def placed(job: DictConfig) -> DictConfig:
    """A job that knows its folder, and is what HydraConfig knows."""
    # What names the folder may ask for it, as ${hydra:job.num} does.
    HydraConfig.instance().cfg = cast("HydraConf", job)
    output = Path(str(job.hydra.sweep.dir)) / str(job.hydra.sweep.subdir)
    with open_dict(job.hydra.runtime):
        job.hydra.runtime.output_dir = os.path.abspath(output)  # noqa: PTH100 - what run_job writes
    return job
