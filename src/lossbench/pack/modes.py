"""Whether members are stacked or train in turns, and why."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lossbench.data.batches import EVALUATED_AT_ONCE
from lossbench.data.source import DataSet
from lossbench.errors import first_line
from lossbench.job import Member
from lossbench.models.dropout import Dropout
from lossbench.pack.draws import drawn_outside_torch
from lossbench.pack.engine import Read
from lossbench.pack.noise import arguments, drawn
from lossbench.pack.recurrence import decomposed
from lossbench.pack.turns import convolves_images
from lossbench.trees import mapped, part

_DRAWS = "draws random numbers, for each member its own in turns"
_DROPOUT = f"(dropout that stacks is {Dropout.__module__}.Dropout)"

# Measured on a core: process time of an update in turns over that in a stack of 12, by the MB that a member
# keeps for backward.
#   2-d convolutions  0.07: 3.4, 0.26: 2.0, 0.53: 1.5, 1.1: 1.1, 1.4: 1.0, 2.1: 0.8, 4.2: 0.7, 8.4: 0.6
#   1-d convolutions  0.67: 1.8, 2.6: 1.2
#   MLP               0.04: 3.1, 0.14: 1.3, 1.1: 1.1, 4.2: 1.0, 8.4: 1.0
#   GRU               0.46: 3.2, 1.2: 2.4, 4.8: 1.5, 9.5: 1.4, 18.9: 1.1
#   RNN               1.1: 1.7
#   LSTM              0.32: 2.2, 0.83: 1.7, 2.2: 1.2, 8.7: 0.8
#   transformer       0.81: 1.3, 3.2: 1.0, 6.4: 0.8, 12.7: 0.7
# Images stop earlier, since turns have a layout for them that convolves 1.3 times as fast.
_KEPT = 4_000_000
_KEPT_OF_IMAGES = 1_200_000
# So that a process for each core finds room.
_STACK_BYTES = 1_200_000_000
# Weights, best weights, gradients twice, and the optimizer's two moments, with room for what a step makes.
_BYTES_PER_WEIGHT = 4 * 8
# What is kept for backward, and as much again for the gradients that take its place; the measured memory of
# stacks of CNNs and MLPs is 0.7 to 1.3 times what these two say.
_TIMES_KEPT = 2


def on_gpu(member: Member, gpu_memory: int) -> bool:
    """Whether a member trains on an accelerator; `gpu_memory` is what packs have, 0 where there is none."""
    return member.trainer.accelerator != "cpu" and gpu_memory > 0


def widest_stack(member: Member, weights: int, kept: int, gpu_memory: int) -> int:
    """How many members of so many weights and bytes `kept` for backward a stack may have for its memory."""
    # On a GPU half of what there is.
    room = gpu_memory // 2 if on_gpu(member, gpu_memory) else _STACK_BYTES
    held = kept * max(1.0, EVALUATED_AT_ONCE / member.trainer.batch_size)
    return max(1, int(room / (_BYTES_PER_WEIGHT * weights + _TIMES_KEPT * held)))


def choose_mode(
    module: nn.Module, kept: int, wanted: str, obstacle: str | None = None, *, gpu: bool = False
) -> tuple[str, str]:
    """`vmap` or `loop`, and why, in words for the log.

    The choice does not depend on the number of members: a run alone then has the arithmetic, and the
    numbers, of the same run in a pack. It follows from the bytes `kept` for backward, but for an obstacle.
    """
    if wanted == "loop":
        return "loop", "it was asked for"
    if obstacle is not None:
        return "loop", obstacle
    if wanted == "vmap":
        return "vmap", "it was asked for"
    limit = _KEPT_OF_IMAGES if convolves_images(module) else _KEPT
    if kept > limit and not gpu:
        return "loop", f"each keeps more than {limit / 1e6:.1f} MB for backward, and then turns are faster"
    return "vmap", "its members stack"


def cannot_stack(member: Member, module: nn.Module, data: DataSet) -> str | None:
    """Why this member and its like do not stack, or None."""
    if not member.loss.stackable:
        return f"loss {member.loss.name} does not stack"
    for name, layer in module.named_modules():
        if isinstance(layer, nn.modules.batchnorm._NormBase) and layer.track_running_stats:
            return f"the batch statistics of {name} ({type(layer).__name__}) do not stack"
        # The decompositions of recurrent layers would leave out what these drop between them.
        if isinstance(layer, nn.RNNBase) and layer.dropout > 0 and layer.num_layers > 1:
            return f"the model {_DRAWS} {_DROPOUT}"
    if frozen := [name for name, weight in module.named_parameters() if not weight.requires_grad]:
        return f"weights that are not trained ({frozen[0]}) do not stack"
    read = mapped(lambda tensor: tensor.unsqueeze(0), probed(member, data, data.train.rows[:2]))
    state = {name: value.unsqueeze(0) for name, value in module.state_dict().items()}
    mode = module.training

    def compute() -> None:
        for training in (True, False):
            module.train(training)
            with decomposed(module), warnings.catch_warnings(action="ignore"):  # training warns where due
                torch.vmap(lambda s, x: torch.func.functional_call(module, s, x))(state, read)

    why = refused_by_vmap("the model", compute, f" {_DROPOUT}")
    module.train(mode)
    return why


def probed(member: Member, data: DataSet, rows: Tensor) -> Read:
    """What the module of a member is called with, for a probe on these rows of the inputs."""
    noise = drawn(member.model.noise(data.description.inputs), [member.seed], len(rows), "probe")
    return arguments(data.read(part(data.inputs, rows)), part(noise, 0))


def refused_by_vmap(what: str, compute: Callable[[], object], remedy: str = "") -> str | None:
    """Why a computation for several members at once is none, in words; or None.

    Args:
        remedy: what to say beside where it draws random numbers.
    """
    before = drawn_outside_torch()
    try:
        compute()
    except Exception as error:
        if "randomness" not in first_line(error):  # vmap's word for it
            return f"torch.func.vmap refuses {what} ({type(error).__name__}: {first_line(error):.120})"
    else:
        if drawn_outside_torch() == before:
            return None
    return f"{what} {_DRAWS}{remedy}"
