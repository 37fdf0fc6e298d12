"""Train one pack from its members' descriptions to their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from lossbench.config import Member
from lossbench.data.module import PackData
from lossbench.lightning import Callback, LightningModule, Trainer, quiet
from lossbench.models.dropout import Dropout
from lossbench.pack.engine import build_modules
from lossbench.pack.fate import MemberResult
from lossbench.pack.module import Pack
from lossbench.pack.turns import draws_globally, has_convolutions

# Told after each epoch of how many members are still training.
OnEpoch = Callable[[int], None]


@dataclass(frozen=True)
class Fitted:
    """The results of a pack, and how it trained."""

    results: list[MemberResult]
    mode: str
    because: str


def fit(members: Sequence[Member], mode: str = "auto", on_epoch: OnEpoch | None = None) -> Fitted:
    """Load the data, train all members in one Lightning fit, test them once.

    Args:
        members: of one pack (see `pack.grouping`).
        mode: `vmap`, `loop` or `auto`.
        on_epoch: called after each epoch with the number of members still training.

    Raises:
        InputError: the data cannot be loaded.
    """
    first = members[0]
    datasets = [member.source.load(member.seed, member.reads) for member in members]
    data = PackData(datasets, [member.seed for member in members], first.trainer.batch_size)
    mode, because = choose_mode(members, data, mode)
    pack = Pack(members, data, mode)
    with quiet():
        trainer = Trainer(
            max_epochs=first.trainer.max_epochs,
            accelerator=first.trainer.accelerator,
            devices=1,
            callbacks=[_Epochs(on_epoch)] if on_epoch else [],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        trainer.fit(pack, datamodule=data)
        trainer.test(pack, datamodule=data, verbose=False)
    return Fitted(pack.results(), mode, because)


class _Epochs(Callback):
    def __init__(self, on_epoch: OnEpoch) -> None:
        self.on_epoch = on_epoch

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, Pack)
        self.on_epoch(int(pl_module.active.sum()))


def choose_mode(members: Sequence[Member], data: PackData, wanted: str) -> tuple[str, str]:
    """`vmap` or `loop`, and why, in words for the log.

    The choice does not depend on the number of members: a run alone then has the arithmetic, and the
    numbers, of the same run in a pack.

    Measured on two cores: a stack of small dense models trains 8 to 20 times as fast as its members in turn;
    convolutions train faster in turn on a CPU. On a GPU everything that stacks is stacked.
    """
    if wanted == "loop":
        return "loop", "it was asked for"
    module = build_modules(members[:1], data.description.inputs)[0]
    obstacle = cannot_stack(members, module, data)
    if obstacle is not None:
        return "loop", obstacle
    if wanted == "vmap":
        return "vmap", "it was asked for"
    if has_convolutions(module) and not torch.cuda.is_available():
        return "loop", "convolutions train faster in turns on a CPU"
    return "vmap", "its members stack"


def cannot_stack(members: Sequence[Member], module: nn.Module, data: PackData) -> str | None:
    """Why these members do not stack, or None."""
    for member in members:
        if not member.loss.stackable:
            return f"loss {member.loss.name} does not stack"
    for name, part in module.named_modules():
        if isinstance(part, nn.modules.batchnorm._NormBase) and part.track_running_stats:
            return f"the batch statistics of {name} ({type(part).__name__}) do not stack"
    if draws_globally(module):
        return f"nn.Dropout draws from a global generator; {Dropout.__module__}.Dropout stacks"
    return _refused_by_vmap(members[0], module, data)


def _refused_by_vmap(member: Member, module: nn.Module, data: PackData) -> str | None:
    inputs = data.pool[data.rows["train"][:1, :2]]
    state = {name: value.unsqueeze(0) for name, value in module.state_dict().items()}
    try:
        torch.vmap(lambda s, x: torch.func.functional_call(module, s, (x,)))(state, inputs)
    except Exception as error:
        return f"torch.func.vmap refuses the model ({type(error).__name__}: {str(error).splitlines()[0]})"
    return None
