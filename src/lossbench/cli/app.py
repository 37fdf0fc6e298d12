"""The command line: Hydra composes, `train_many` trains, and a fault of the input is told in one sentence."""

from __future__ import annotations

import atexit
import contextlib
import gc
import logging
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NoReturn

import hydra
from hydra._internal.hydra import Hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from lossbench.cli import command, dry_run, streams
from lossbench.cli.arguments import Arguments, arranged, before_shipped
from lossbench.cli.command import wrapped
from lossbench.cli.refusals import is_told, sentence
from lossbench.config.chosen import check_chosen
from lossbench.config.folders import conf_dir, shadowing
from lossbench.engines import foresight
from lossbench.engines.choice import engine_in
from lossbench.engines.events import Engine
from lossbench.errors import RunFailedError

_VERBOSE = os.environ.get("HYDRA_FULL_ERROR") == "1"


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")
def main(config: DictConfig) -> float:
    """Train one run and return its selection metric on validation."""
    try:
        if not HydraConfig.initialized():  # where Python calls this with a config of its own
            return _trained(config)
        hydra_node = HydraConfig.get()
        runtime = hydra_node.runtime
        check_chosen(runtime.choices, config, hydra_node.overrides.task, runtime.config_sources)
        # As in a sweep, whatever hydra.job.chdir says: one database, and the paths of the command line.
        with contextlib.chdir(hydra_node.runtime.cwd):
            if hydra_node.launcher.get("trainer") != dry_run.TRAINER:
                return _trained(config, engine_in(hydra_node.launcher))
            with contextlib.suppress(dry_run.Shown):  # in here, or Hydra tells of an error in a job
                dry_run.show([config])
            return 0.0
    except RunFailedError as error:
        if _VERBOSE or not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.RUN:
            raise  # the other jobs of a sweep go on
        _fail(error)  # here, before Hydra adds its own line about the job
    except BrokenPipeError:  # who read the output has gone; here, before Hydra tells of an error in a job
        sys.exit(1)
    except Exception as error:
        if _VERBOSE or not is_told(error):
            raise
        _refuse(error)


def _trained(config: DictConfig, engine: Engine | None = None) -> float:
    from lossbench.job import jobs_from

    jobs_from([config])  # or a refusal waits for the imports of what trains
    from lossbench.train import train_many

    return train_many([config], engine=engine)[0].result()


def run() -> None:
    """`main` as a command, see `command.run`; it exits with 1 where a run failed, with 143 after SIGTERM."""
    # A log file on a full disk is not worth a traceback for every line; the terminal has the line as well.
    logging.raiseExceptions = False
    # Python would search all of torch and MLflow for garbage before it ends: 2 s, and Ctrl-C waits for it.
    atexit.register(gc.freeze)
    command.run("lossbench", _serve, None)


def _serve(line: Sequence[str]) -> None:
    # Hydra would print its own, longer story of an error; so it raises it instead.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    arguments = arranged(line)
    if arguments.help:
        from lossbench.cli.usage import usage

        print(usage(arguments.folder))
        return
    try:
        if arguments.dry_run:
            with contextlib.suppress(dry_run.Shown), dry_run.instead(arguments.line) as instead:
                _begin(replace(arguments, line=instead))
        else:
            foresight.begin(arguments.line)
            _begin(arguments)
    except RunFailedError as error:
        if _VERBOSE:
            raise
        _fail(error)
    if not arguments.prints:
        streams.flushed()  # what was to be done is done, whoever reads of it


def _begin(arguments: Arguments) -> None:
    """Let Hydra compose and call `main`.

    It takes the first file of a name, looking through the program's own folder first. So a user's folder is
    given to it as the program's, and the shipped one behind it.
    """
    sys.argv[1:] = arguments.line
    folder = arguments.folder
    if folder is None:
        with _mode_known(arguments.line):
            main()
        return
    if told := shadowing(folder):
        print(told, file=sys.stderr)
    sys.argv[1:] = before_shipped(arguments.line)
    task = main.__wrapped__
    hydra.main(version_base="1.3", config_path=str(folder.absolute()), config_name="config")(task)()


@contextlib.contextmanager
def _mode_known(line: Sequence[str]) -> Iterator[None]:
    """Let Hydra compose the config once, where it would do so twice, .13 s each.

    The first time it only looks whether the config sets `hydra.mode`. Of those that ship, experiments do; a
    command line that names one, or a config, or something of Hydra, is looked at.
    """
    if any(word.startswith(("-c", "--config")) or re.search("hydra|experiment", word) for word in line):
        yield
        return
    before = Hydra.get_mode
    Hydra.get_mode = lambda *_, **__: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        Hydra.get_mode = before  # type: ignore[method-assign]


def _fail(error: RunFailedError) -> NoReturn:
    # What failed, and why, was listed when training ended.
    told = f"lossbench: a run failed ({error}); its record in MLflow holds the traceback."
    print(wrapped(told, sys.stderr), file=sys.stderr)
    sys.exit(1)


def _refuse(error: Exception) -> NoReturn:
    print(wrapped(f"lossbench: {sentence(error, sys.argv[1:])}", sys.stderr), file=sys.stderr)
    sys.exit(2)
