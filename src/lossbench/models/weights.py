"""Weights of torchvision's networks: under its own names, or in a file."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossbench.errors import InputError, first_line, suggestion

if TYPE_CHECKING:
    from torch import Tensor, nn

_IN_TRAINING = ("aux", "AuxLogits")  # more heads, which are left out
_AROUND = ("module.", "net.")  # what the names in a file may all begin with
_SHOWN = 3  # names of weights in a sentence
_NEAR = 5  # names of architectures in a sentence


@lru_cache(maxsize=8)
def named(architecture: str, name: str) -> Any:
    """The weights that torchvision has under a name.

    Raises:
        InputError: it has no such architecture, or no such weights of it.
    """
    from torchvision import models

    check_known(architecture)
    offered = models.get_model_weights(architecture)
    if name not in offered.__members__:
        raise InputError(
            f"model.weights={name} is no name of weights of {architecture} "
            f"({suggestion(name, offered.__members__)}); a file is named with its suffix, as {name}.pt."
        )
    return offered[name]


def check_known(architecture: str) -> None:
    """Refuse what torchvision does not know."""
    from torchvision import models

    known = models.list_models(module=models)
    if architecture not in known:
        near = difflib.get_close_matches(architecture.lower(), known, n=_NEAR, cutoff=0.0)
        raise InputError(
            f"model.architecture={architecture} is unknown ({suggestion(architecture, near)}, ...): name "
            "one of torchvision.models.list_models(module=torchvision.models)."
        )


def digest_of(file: Path) -> str:
    """sha256 of a file of weights.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return _digest(file, file.stat().st_mtime_ns)
    except OSError as error:
        raise InputError(
            f"model.weights={file} cannot be read ({error.strerror}), seen from {Path.cwd()}: name a file of "
            "weights, or weights of torchvision such as DEFAULT."
        ) from error


@lru_cache(maxsize=4)
def _digest(file: Path, _changed: int) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@lru_cache(maxsize=1)  # each seed of a pack has a network with them
def state_of(architecture: str, weights: str, file: Path | None, _content: str) -> Mapping[str, Tensor]:
    """Weights by name, of a file or as torchvision has them.

    Raises:
        InputError: they cannot be read, or not be downloaded.
    """
    import torch

    if file is not None:
        try:
            found = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # of a file of any kind
            raise InputError(
                f"model.weights={weights} cannot be read ({first_line(error):.120}): save a state_dict with "
                "torch.save(network.state_dict(), FILE)."
            ) from error
        found = found.get("state_dict", found) if isinstance(found, Mapping) else {}
        state: dict[str, Tensor] = dict(found)
        for around in _AROUND:
            if all(name.startswith(around) for name in state):
                state = {name.removeprefix(around): own for name, own in state.items()}
        return state
    own = named(architecture, weights)
    try:
        downloaded: Mapping[str, Tensor] = own.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:  # no network, or half of a file
        place = Path(torch.hub.get_dir(), "checkpoints")
        raise InputError(
            f"The weights {weights} of {architecture} could not be downloaded ({first_line(error):.120}): "
            f"put {own.url} into {place}, or set model.weights to a file that holds them."
        ) from error
    return downloaded


def give(network: nn.Module, state: Mapping[str, Tensor], last: str, architecture: str, owner: str) -> None:
    """Give a network its weights, but for the last layer and for heads that only training has.

    Args:
        last: the name of the last layer.
        owner: where the weights come from, in a sentence.

    Raises:
        InputError: they are those of another architecture.
    """
    before = f"{last}."
    wanted = {name: own.shape for name, own in network.state_dict().items() if not name.startswith(before)}
    given = {name: own for name, own in state.items() if not name.startswith((before, *_IN_TRAINING))}
    counters = {name for name in wanted if name.endswith("num_batches_tracked")}  # which old files lack
    lacking = [name for name in wanted if name not in given and name not in counters]
    others = [name for name, own in given.items() if wanted.get(name) != own.shape]
    if lacking or others:
        what = "lacks" if lacking else "has another"
        raise InputError(
            f"model.weights={owner} holds no weights of {architecture}: it {what} "
            f"{', '.join((lacking or others)[:_SHOWN])}; name the architecture that they are of."
        )
    network.load_state_dict(given, strict=False)
