"""What a sweep will need is begun before Hydra has read the command line.

Worker processes import torch and Lightning for 2 to 3 s on one core, while this process composes the configs
of the sweep on another. A guess that is too high costs nothing but that core's time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from lossbench.engines.local import cores
from lossbench.engines.server import warm

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

SEVERAL_RUNS = 8  # of a sweep that probably trains long enough for workers
NEEDED = ("lossbench.pack.plan", "lossbench.pack.fit")
# Options of the command line under which nothing trains, or not in worker processes.
_OTHERWISE = ("cfg", "info", "hydra_help", "shell_completion")


def begin(line: Sequence[str]) -> None:
    """Start the imports of worker processes where a command line asks for a sweep of several runs.

    Args:
        line: arguments that Hydra's own parser takes.
    """
    with suppress(Exception):  # a fault of the command line is Hydra's to tell
        if several(line) and cores() > 1:
            warm(NEEDED)


def several(line: Sequence[str]) -> bool:
    """Whether a command line asks for a sweep of several runs, as far as it tells by itself."""
    from hydra._internal.utils import get_args_parser
    from hydra.core.override_parser.overrides_parser import OverridesParser

    options = get_args_parser().parse_args(list(line))
    if not options.multirun or any(getattr(options, name) for name in _OTHERWISE):
        return False
    overrides = OverridesParser.create().parse_overrides(options.overrides)
    values = {override.key_or_group: override for override in overrides}
    jobs = values.get("hydra.launcher.n_jobs")
    other = values.get("hydra.launcher.engine")
    if "hydra/launcher" in values or (jobs and jobs.value() == 1) or (other and other.value() != "local"):
        return False
    swept = [override for override in overrides if override.is_sweep_override()]
    # The sweep of an experiment stands in its YAML, and none has few runs.
    return "experiment" in values or math.prod(map(_length, swept)) >= SEVERAL_RUNS


def _length(override: Override) -> int:
    """How many values an override sweeps over; of very many, enough of them."""
    return sum(1 for _ in islice(override.sweep_string_iterator(), SEVERAL_RUNS))
