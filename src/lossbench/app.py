"""The command line: Hydra composes, `train_many` trains, and a fault of the input is told in one sentence."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from lossbench.config import conf_dir
from lossbench.errors import InputError
from lossbench.refusals import sentence

_VERBOSE = os.environ.get("HYDRA_FULL_ERROR") == "1"


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")
def main(config: DictConfig) -> float:
    """Train one run and return its selection metric on validation."""
    try:
        from lossbench.train import train_many

        outcome = train_many([config])[0]
    except InputError as error:
        if _VERBOSE:
            raise
        _refuse(error)  # here, before Hydra adds its own line about the job
    return outcome.result()


def run() -> None:
    """`main`, with faults of the input as one sentence on stderr; HYDRA_FULL_ERROR=1 shows tracebacks."""
    # Hydra would print its own, longer story of an error; so it raises it instead.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except (InputError, HydraException, OmegaConfBaseException) as error:
        if _VERBOSE:
            raise
        _refuse(error)


def _refuse(error: Exception) -> NoReturn:
    print(f"lossbench: {sentence(error, sys.argv[1:])}", file=sys.stderr)
    sys.exit(2)
