"""What a member keeps in memory between forward and backward."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from lossbench.data.source import DataSet
from lossbench.job import Member
from lossbench.losses.reduction import weighted_mean
from lossbench.pack.groups import read_by
from lossbench.pack.modes import probed
from lossbench.pack.own_units import output_of
from lossbench.pack.recurrence import decomposed
from lossbench.pack.rehearsal import read_beside
from lossbench.trees import leaves


def kept_for_backward(member: Member, module: nn.Module, data: DataSet) -> int:
    """Bytes that one member of a stack keeps for backward in a full batch: activations, masks, indices.

    Each piece of memory counts once, and what a member holds anyway does not count: parameters, buffers,
    inputs and targets. The number follows from the shapes alone, so it is the same for a member alone and in
    company, for every seed, and with any number of threads. Where the model or the loss raises it is 0.
    """
    places = torch.arange(min(member.trainer.batch_size, len(data.train)))
    read, beside = probed(member, data, data.train.rows[places]), read_beside(member, data, places)
    held: list[Tensor] = []  # alive to the end: memory that is freed may be given out a second time
    module.train()
    try:
        keeping = torch.autograd.graph.saved_tensors_hooks(held.append, lambda _: torch.empty(0))
        with keeping, decomposed(module):
            given = read_by(member.loss, member.target, member.layout, module(*read))
            output = output_of(member, data, given)
            weighted_mean(member.loss(output, beside.read, member.target), beside.weight)
    except Exception:
        return 0
    own = _memory([*module.parameters(), *module.buffers(), *leaves(read), *beside.known.values()])
    return sum(size for place, size in _memory(held).items() if place not in own)


def _memory(tensors: Iterable[Tensor]) -> dict[int, int]:
    """Where the memory behind the tensors begins, and how many bytes it has."""
    storages = [tensor.untyped_storage() for tensor in tensors]
    return {storage.data_ptr(): storage.nbytes() for storage in storages}
