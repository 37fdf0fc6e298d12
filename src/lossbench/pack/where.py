"""What packs find where they train, as far as it decides on their number, width and kind."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace

import torch

from lossbench.engines.events import Engine
from lossbench.engines.local import Local
from lossbench.errors import InputError

# Of a GPU that this process does not see: what the smallest have that packs are given to.
_UNSEEN_BYTES = 16_000_000_000

# Packs in turns that share a GPU where nobody says: each waits for orders most of the time. Measured on an
# H100, 32 CNNs on digits, four in a pack: one pack at a time 53.8 s, two 34.7, four 26.5.
_TURNS_PER_GPU = 4


def suited(engine: Engine, accelerators: Collection[str]) -> Engine:
    """The engine for runs with these values of `trainer.accelerator`: on this machine it knows its GPUs.

    Raises:
        InputError: a run asks for an accelerator that its pack does not find.
    """
    if isinstance(engine, Local) and not engine.devices and any(asked != "cpu" for asked in accelerators):
        engine = replace(engine, devices=_devices())
    for asked in accelerators:
        _check(asked, engine, isinstance(engine, Local))
    return engine


def told(engine: Engine, accelerators: Collection[str]) -> str | None:
    """What to say where a share of a GPU was asked for that is not there."""
    if (
        not isinstance(engine, Local)
        or engine.devices
        or not engine.gpus_per_pack
        or {*accelerators} == {"cpu"}
    ):
        return None
    asked = f"hydra.launcher.gpus_per_pack={engine.gpus_per_pack:g}"
    return f"{asked}, and PyTorch finds no GPU here: packs train on the processor"


def shared_in_turns(engine: Engine, modes: Collection[str]) -> Engine:
    """The engine for packs of these modes: on this machine several share a GPU where none is a stack."""
    if not isinstance(engine, Local) or engine.gpus_per_pack is not None or set(modes) != {"loop"}:
        return engine
    return replace(engine, gpus_per_pack=1 / _TURNS_PER_GPU) if engine.devices else engine


def gpu_memory(engine: Engine) -> int:
    """Bytes of the GPU that a pack may count on; 0 where it has none."""
    share = 1.0 if engine.gpus_per_pack is None else engine.gpus_per_pack
    if isinstance(engine, Local) and torch.cuda.is_available():
        there = torch.cuda.get_device_properties(0).total_memory if engine.devices and share else 0
    else:
        there = 0 if isinstance(engine, Local) and not engine.devices else _UNSEEN_BYTES
    return int(there * share)


def _devices() -> tuple[str, ...]:
    """The GPUs that PyTorch finds here, as CUDA_VISIBLE_DEVICES names them for a worker."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return tuple(named.split(",")[:count] if named else map(str, range(count)))


def _check(asked: str, engine: Engine, own: bool) -> None:
    cuda = torch.cuda.is_available() if own else True
    mps = own and torch.backends.mps.is_available()
    if not {"cuda": cuda, "mps": mps, "gpu": cuda or mps}.get(asked, True):
        raise InputError(
            f"trainer.accelerator={asked} asks for a GPU, and PyTorch finds none here; "
            "set trainer.accelerator=auto, which takes one where there is one, or cpu."
        )
    if asked in ("cuda", "gpu") and not (own and mps) and engine.gpus_per_pack == 0:
        raise InputError(
            f"trainer.accelerator={asked} asks for a GPU, and no pack is given one: set "
            "hydra.launcher.gpus_per_pack=1, or a share such as 0.5."
        )
