"""Train one pack from its members' descriptions to their results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lossbench._memory import freed_memory_kept
from lossbench.data.cache import DataCache
from lossbench.data.module import LaneData, PackData
from lossbench.job import Member
from lossbench.lightning import Callback, LightningEnvironment, SIGTERMException, Trainer, quiet
from lossbench.pack.checkpoint import Checkpoint
from lossbench.pack.fate import MemberResult
from lossbench.pack.live import Live
from lossbench.pack.module import Pack
from lossbench.pack.precision import exactly
from lossbench.pack.said import Curves, Trained
from lossbench.pack.saving import Saving
from lossbench.pack.streamed import pack_data
from lossbench.pack.threads import one_thread

# Updates of a stack in one step of Lightning's, which costs .6 ms of Python each: as much as three losses.
# Ctrl-C is heard at once, a SIGTERM after a step.
_UPDATES_AT_ONCE = 8

OnEpoch = Callable[[Trained], None]


def fit(
    members: Sequence[Member],
    mode: str,
    cache: DataCache | None = None,
    on_epoch: OnEpoch | None = None,
    checkpoint: Checkpoint | None = None,
    *,
    keep_models: bool = False,
    on_curves: Callable[[Curves], None] | None = None,
) -> list[MemberResult]:
    """Load the data, train the members of a pack in one Lightning fit, test them once.

    Args:
        mode: `vmap` or `loop`.
        cache: data sets that were loaded before.
        on_epoch: told of each epoch.
        checkpoint: where the pack's state is written, and from where it goes on if there is one.
        keep_models: results hold the weights that were tested.
        on_curves: told now and then of what the members have reached.

    Raises:
        InputError: the data cannot be loaded.
        KeyboardInterrupt: a key was pressed.
    """
    first = members[0]
    data = pack_data(members, cache or DataCache())
    if mode == "vmap" and isinstance(data, PackData):  # whose batches are positions, and take no memory
        data.at_once = _UPDATES_AT_ONCE
    callbacks: list[Callback] = [Saving(checkpoint)] if checkpoint and checkpoint.every != 0 else []
    if on_epoch:
        callbacks.append(_Epochs(on_epoch))
    if on_curves:
        callbacks.append(Live(on_curves))
    begun = checkpoint.path if checkpoint and checkpoint.path.exists() else None
    with quiet(), one_thread(), exactly(), freed_memory_kept(), _interruptible():
        try:
            pack = _fitted(Pack(members, data, mode), data, first, callbacks, begun)
        except FileNotFoundError:
            if begun is None or begun.exists():
                raise
            # Another sweep has finished this very pack a moment ago.
            pack = _fitted(Pack(members, data, mode), data, first, callbacks, None)
        results = pack.results(keep_models=keep_models)
        pack.release()
    return results


def _fitted(
    pack: Pack, data: LaneData, first: Member, callbacks: Sequence[Callback], begun: Path | None
) -> Pack:
    """Train a pack, from a checkpoint where it has one, and test it once."""
    trainer = trainer_of(first, callbacks, max_epochs=first.trainer.epochs)
    trainer.fit(pack, datamodule=data, ckpt_path=begun, weights_only=True)
    trainer.test(pack, datamodule=data, verbose=False)
    return pack


def trainer_of(
    first: Member, callbacks: Sequence[Callback], *, max_epochs: int, limit_train_batches: int | None = None
) -> Trainer:
    """Lightning's trainer as a pack needs it, of which `first` is a member."""
    return Trainer(
        max_epochs=max_epochs,
        limit_train_batches=limit_train_batches,
        accelerator=first.trainer.accelerator,
        devices=1,
        # A pack is one process wherever it runs. Lightning would otherwise read the variables of a Slurm
        # allocation as an order to train with all of its tasks.
        plugins=[LightningEnvironment()],
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C through, which Lightning would turn into status 1, and say what SIGTERM did to a worker."""
    try:
        yield
    except SystemExit as ending:
        if isinstance(ending.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        if isinstance(ending, SIGTERMException):
            raise RuntimeError("its process was told to end by SIGTERM") from None
        raise


class _Epochs(Callback):
    def __init__(self, on_epoch: OnEpoch) -> None:
        self.on_epoch = on_epoch

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        self.on_epoch(Trained(int(pl_module.active.sum()), trainer.current_epoch + 1))
