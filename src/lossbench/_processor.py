"""Products of matrices that round alike wherever a number stands, on processors of any maker."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_SETTING = "MKL_CBWR"  # "conditional numerical reproducibility" of the library that torch multiplies by
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


def told(field: str) -> str | None:
    """What Linux says of the first processor, as its `model name`; None elsewhere, and where it does not."""
    try:
        with Path("/proc/cpuinfo").open(errors="replace") as lines:  # as far as needed: one may have hundreds
            return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), None)
    except OSError:
        return None


def _maker() -> str:
    """Who made the processor, as it says itself; Intel's where it says nothing of it."""
    return told("vendor_id") or ("AuthenticAMD" if "AMD" in platform.processor() else _INTEL)
