"""Whether members are stacked or train in turns, and why."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lossbench.data.source import DataSet
from lossbench.job import Member
from lossbench.models.dropout import Dropout
from lossbench.pack.draws import drawn_outside_torch
from lossbench.pack.engine import Read
from lossbench.pack.noise import arguments, drawn
from lossbench.pack.turns import has_convolutions
from lossbench.trees import mapped, part

_DRAWS = (
    "the model draws random numbers, for each member its own in turns "
    f"(dropout that stacks is {Dropout.__module__}.Dropout)"
)


def on_gpu(member: Member) -> bool:
    """Whether a member trains on an accelerator, which packs then share one after another."""
    return member.trainer.accelerator != "cpu" and torch.cuda.is_available()


def choose_mode(member: Member, module: nn.Module, data: DataSet, wanted: str) -> tuple[str, str]:
    """`vmap` or `loop`, and why, in words for the log.

    The choice does not depend on the number of members: a run alone then has the arithmetic, and the
    numbers, of the same run in a pack.

    Measured on two cores: a stack of small dense models trains 8 to 20 times as fast as its members in turn;
    convolutions train faster in turn on a CPU. On a GPU everything that stacks is stacked.
    """
    if wanted == "loop":
        return "loop", "it was asked for"
    obstacle = cannot_stack(member, module, data)
    if obstacle is not None:
        return "loop", obstacle
    if wanted == "vmap":
        return "vmap", "it was asked for"
    if has_convolutions(module) and not on_gpu(member):
        return "loop", "convolutions train faster in turns on a CPU"
    return "vmap", "its members stack"


def cannot_stack(member: Member, module: nn.Module, data: DataSet) -> str | None:
    """Why this member and its like do not stack, or None."""
    if not member.loss.stackable:
        return f"loss {member.loss.name} does not stack"
    for name, layer in module.named_modules():
        if isinstance(layer, nn.modules.batchnorm._NormBase) and layer.track_running_stats:
            return f"the batch statistics of {name} ({type(layer).__name__}) do not stack"
    if frozen := [name for name, weight in module.named_parameters() if not weight.requires_grad]:
        return f"weights that are not trained ({frozen[0]}) do not stack"
    return _refused_by_vmap(module, probed(member, data, data.train.rows[:2]))


def probed(member: Member, data: DataSet, rows: Tensor) -> Read:
    """What the module of a member is called with, for a probe on these rows of the inputs."""
    noise = drawn(member.model.noise(data.description.inputs), [member.seed], len(rows), "probe")
    return arguments(part(data.inputs, rows), part(noise, 0))


def _refused_by_vmap(module: nn.Module, read: Read) -> str | None:
    """Whether and why the model cannot be computed for several members at once, in training or evaluation."""
    read = mapped(lambda tensor: tensor.unsqueeze(0), read)
    state = {name: value.unsqueeze(0) for name, value in module.state_dict().items()}
    mode = module.training
    try:
        for training in (True, False):
            module.train(training)
            before = drawn_outside_torch()
            torch.vmap(lambda s, x: torch.func.functional_call(module, s, x))(state, read)
            if drawn_outside_torch() != before:
                return _DRAWS
    except Exception as error:
        reason = str(error).splitlines()[0]
        if "randomness" in reason:  # vmap's word for it
            return _DRAWS
        return f"torch.func.vmap refuses the model ({type(error).__name__}: {reason})"
    finally:
        module.train(mode)
    return None
