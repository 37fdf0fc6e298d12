"""Products of matrices that round alike wherever a number stands, on processors of any maker."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_SETTING = (
    "MKL_CBWR"  # Intel's "conditional numerical reproducibility", of the library that torch multiplies by
)
_INTEL = "GenuineIntel"


def settle_products() -> None:
    """Let a member have the same numbers alone and in company on processors that are not Intel's.

    There MKL rounds a product of few rows by its place among others, unless it is told not to (measured with
    MKL 2024.2 on an AMD EPYC: recurrent nets differed; 120 products of 64 x 64 take as long). On Intel's
    nothing of the kind was seen, and nothing is set. A setting of the user's own stays. It counts from the
    first product of a process on: one that was made before lossbench was imported has settled it.
    """
    if _maker() != _INTEL:
        os.environ.setdefault(_SETTING, "AUTO")


def _maker() -> str:
    """Who made the processor, as it says itself; Intel's where it says nothing of it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:  # not Linux
        name = platform.processor()
        return "AuthenticAMD" if "AMD" in name else _INTEL
    told = (line.partition(":")[2].strip() for line in lines if line.startswith("vendor_id"))
    return next(told, _INTEL)
