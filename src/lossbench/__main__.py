"""`python -m lossbench`: one run, or with -m a sweep."""

from __future__ import annotations

import sys

try:  # from the first import on: Ctrl-C is no fault of the program
    # Before Hydra, whose import takes longer than this answer; with other words `app` answers.
    if sys.argv[1:] in ([], ["-h"], ["--help"]):
        from lossbench.cli import kept_usage

        kept_usage.show()

    from lossbench.cli.app import run

    run()
except KeyboardInterrupt:
    sys.exit(130)
