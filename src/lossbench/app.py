"""The command line: Hydra composes, `train_many` trains, and a fault of the input is told in one sentence."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import sys
from typing import NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from lossbench import foresight
from lossbench.arguments import arranged
from lossbench.config import conf_dir
from lossbench.errors import RunFailedError
from lossbench.refusals import check_chosen, is_told, sentence

_VERBOSE = os.environ.get("HYDRA_FULL_ERROR") == "1"


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")
def main(config: DictConfig) -> float:
    """Train one run and return its selection metric on validation."""
    try:
        from lossbench.train import train_many

        if HydraConfig.initialized():  # not where Python calls this with a config of its own
            check_chosen(HydraConfig.get().runtime.choices, config)
        outcome = train_many([config])[0]
    except Exception as error:
        if _VERBOSE or not is_told(error):
            raise
        _refuse(error)  # here, before Hydra adds its own line about the job
    return outcome.result()


def run() -> None:
    """`main`, with faults of the input as one sentence on stderr; HYDRA_FULL_ERROR=1 shows tracebacks.

    Exits with 2 where the input is refused, with 1 where a run failed, with 130 where Ctrl-C ended
    it, and with 143 where SIGTERM did.
    """
    # A log file on a full disk is not worth a traceback for every line; the terminal has the line as well.
    logging.raiseExceptions = False
    # Python would search all of torch and MLflow for garbage before it ends: 2 s, and Ctrl-C waits for it.
    atexit.register(gc.freeze)
    # Hydra would print its own, longer story of an error; so it raises it instead.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        arguments = arranged(sys.argv[1:])
        if arguments.help:
            from lossbench.usage import usage

            print(usage())
            return
        sys.argv[1:] = arguments.line
        foresight.begin(arguments.line)
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except RunFailedError as error:
        if _VERBOSE:
            raise
        # What failed, and why, was listed when training ended.
        print(
            f"lossbench: a run failed ({error}); its record in MLflow holds the traceback.", file=sys.stderr
        )
        sys.exit(1)
    except Exception as error:
        if _VERBOSE or not is_told(error):
            raise
        _refuse(error)


def _refuse(error: Exception) -> NoReturn:
    print(f"lossbench: {sentence(error, sys.argv[1:])}", file=sys.stderr)
    sys.exit(2)
