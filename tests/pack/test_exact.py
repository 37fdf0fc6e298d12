"""A device without double precision trains; metrics and sums are computed where double precision exists.

Such a device (Apple's MPS) is emulated: its tensors hold others of the CPU and call themselves `meta`, the
one device that every build of torch knows besides the CPU. As on a real one, float64 is refused there and
tensors of two devices do not mix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from lossbench.job import Job
from lossbench.lightning import Trainer
from lossbench.pack.draws import Draws
from lossbench.pack.fit import fit
from lossbench.pack.lanes import exact_device

Compose = Callable[..., list[Job]]

DEVICE = torch.device("meta")
_COPIES = ("aten::_to_copy", "aten::copy_")


class Elsewhere(torch.Tensor):
    """A tensor on the device; `near` is the one of the CPU that it holds."""

    near: torch.Tensor

    @staticmethod
    def __new__(cls, near: torch.Tensor) -> Elsewhere:
        made: Elsewhere = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            near.size(),
            strides=near.stride(),
            storage_offset=near.storage_offset(),
            dtype=near.dtype,
            device=DEVICE,
        )
        made.near = near
        return made

    def tolist(self) -> Any:
        return self.near.tolist()

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(function, args, kwargs or {})


class _Dispatch(TorchDispatchMode):
    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(function, args, kwargs or {})


class _Made(TorchFunctionMode):
    """Of numbers of Python, torch makes an empty tensor on `meta`: they are made on the CPU and moved."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = dict(kwargs or {})
        if function not in (torch.tensor, torch.Tensor.new_tensor):
            return function(*args, **given)
        device = given.pop("device", None) or (args[0].device if function != torch.tensor else "cpu")
        dtype = given.pop("dtype", None) or (args[0].dtype if function != torch.tensor else None)
        return torch.tensor(args[-1], dtype=dtype, **given).to(device)


@contextmanager
def device_without_double() -> Iterator[None]:
    """While it lasts, the device is there."""
    with _Made(), _Dispatch():
        yield


def _run(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What the function gives, computed on the CPU and put where the device would leave it."""
    schema = function._schema
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    there = [tensor for tensor in tensors if isinstance(tensor, Elsewhere)]
    if there and schema.name not in _COPIES and any(t.dim() for t in tensors if not isinstance(t, Elsewhere)):
        raise RuntimeError(f"{schema.name} got tensors of two devices")
    wanted = kwargs.get("device")
    given = kwargs if wanted is None else {**kwargs, "device": torch.device("cpu")}
    found = function(*tree_map(_near, args), **tree_map(_near, given))
    written = [place for place, a in enumerate(schema.arguments) if a.alias_info and a.alias_info.is_write]
    if written and written[0] < len(args):
        return args[written[0]]  # changed in place, as what it holds was
    if torch.device(wanted).type == DEVICE.type if wanted is not None else there:
        return tree_map(_put, found)
    return found


def _near(value: Any) -> Any:
    return value.near if isinstance(value, Elsewhere) else value


def _put(value: Any) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    if value.dtype == torch.float64:
        raise TypeError("the device has no float64")
    return Elsewhere(value)


DIGITS = (
    "data=mnist_5k model=linear data.train_size=60 data.val_size=20 data.test_size=20 trainer.max_epochs=2"
)
PACKS = {
    "values": ["loss=mse", "loss=huber seed=1"],
    "dropout": ["loss=mae model.dropout=0.3"],
    "classes": [f"{DIGITS} loss=cce", f"{DIGITS} loss=hinge"],
    "embeddings": [f"{DIGITS} loss=contrastive model.embedding_size=4"],
}


@pytest.mark.parametrize(
    ("pack", "mode"), [("values", "vmap"), ("dropout", "loop"), ("classes", "vmap"), ("embeddings", "loop")]
)
def test_a_device_that_refuses_double_precision_trains(
    jobs: Compose, monkeypatch: pytest.MonkeyPatch, pack: str, mode: str
) -> None:
    members = [job.member for job in jobs(*PACKS[pack], small="mnist" not in PACKS[pack][0])]
    # What is computed in another way on a processor, with other last bits.
    monkeypatch.setattr("lossbench.pack.stacked.perceptron_of", lambda module: None)
    monkeypatch.setattr("lossbench.pack.update._in_one_pass", lambda like: False)
    expected = fit(members, mode)
    lightning = "pytorch_lightning.strategies.SingleDeviceStrategy.root_device"
    monkeypatch.setattr(lightning, DEVICE)
    monkeypatch.setattr("pytorch_lightning.accelerators.CPUAccelerator.setup_device", lambda *_: None)
    cpu = torch.device("cpu")  # the device has no generator of its own
    monkeypatch.setattr("lossbench.pack.turns.Draws", lambda seeds, device: Draws(seeds, cpu))
    # Views of such a tensor cannot be made in inference mode.
    monkeypatch.setattr("lossbench.pack.fit.Trainer", partial(Trainer, inference_mode=False))
    with device_without_double():
        found = fit(members, mode, keep_models=True)
    for one, other in zip(expected, found, strict=True):
        assert other.outcome == "finished"
        assert other.metrics == one.metrics
        assert other.history == one.history
        assert other.model is not None


def test_where_numbers_in_task_units_are_computed() -> None:
    assert exact_device(torch.device("cpu")) == torch.device("cpu")
    with device_without_double():
        with pytest.raises(TypeError):
            torch.zeros(2, device=DEVICE).double()
        with pytest.raises(RuntimeError):
            torch.zeros(2, device=DEVICE) + torch.zeros(2)
        assert exact_device(DEVICE) == torch.device("cpu")
