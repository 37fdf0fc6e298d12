"""`python -m lossbench`: one run, or with -m a sweep."""

from __future__ import annotations

from lossbench.app import run

run()
