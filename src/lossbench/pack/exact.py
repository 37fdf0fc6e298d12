"""Where numbers in the task's own units are computed: in double precision, on a device that has it."""

from __future__ import annotations

import torch


def exact_device(device: torch.device) -> torch.device:
    """The device itself, or the CPU where it refuses double precision, as Apple's MPS does.

    A target of 1.7e9 in single precision is known to 128 only. Training sees shifted and scaled targets and
    needs no more than single precision; metrics, their sums and predictions in the task's units do.
    """
    try:
        torch.zeros((), dtype=torch.float64, device=device)
    except (TypeError, RuntimeError):
        return torch.device("cpu")
    return device
