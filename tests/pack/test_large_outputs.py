"""Of many tokens the outputs of a split are never there all at once, only what measures keep of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from lossbench.data.cache import DataCache
from lossbench.data.corpus import CorpusSource
from lossbench.data.module import evaluation_size
from lossbench.job import Member
from lossbench.losses.cce import CCE
from lossbench.losses.mse import MSE
from lossbench.models.rnn import RNN
from lossbench.optimizer import Adam
from lossbench.pack.baselines import measured
from lossbench.pack.fit import fit
from lossbench.trainer import TrainerOptions
from lossbench.trees import leaves

CONTEXT, TESTED = 8, 2500


class Largest(TorchDispatchMode):
    """The bytes of the largest tensor that an operation made."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        tensors = leaves(tuple(found) if isinstance(found, (list, tuple)) else (found,))
        # What is expanded holds no more memory than the tensor that it shows.
        held = [one.untyped_storage().nbytes() for one in tensors if isinstance(one, Tensor)]
        self.bytes = max([self.bytes, *held])
        return found


def words(folder: Path) -> CorpusSource:
    draw = np.random.default_rng(0)
    text = " ".join(f"w{number}" for number in draw.integers(500, size=25_000 + 30_000))
    (folder / "words.txt").write_text(text)
    return CorpusSource(
        name="corpus",
        path=str(folder / "words.txt"),
        tokens="words",
        context=CONTEXT,
        test_share=0.45,
        train_size=128,
        val_size=64,
        test_size=TESTED,
    )


@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_outputs_are_held_of_some_windows_at_a_time(tmp_path: Path, mode: str) -> None:
    source = words(tmp_path)
    (target,) = source.targets()
    trainer, model = TrainerOptions(name="default", max_epochs=1), RNN(name="rnn", hidden=4, word_size=4)
    members = [
        Member(0, source, model, loss, Adam(name="adam"), trainer, "causal_tokens", target)
        for loss in (CCE(), MSE(softmax=True))
    ]
    with Largest() as largest:
        results = fit(members, mode, DataCache())
    assert [one.reason for one in results] == [None, None]
    a_window = len(members) * CONTEXT * target.size * 4  # bytes, in single precision
    chunk = evaluation_size(CONTEXT)
    assert 4 * chunk < TESTED
    assert largest.bytes <= 2.5 * chunk * a_window  # spare members included
    assert largest.bytes < TESTED * a_window / 2


def test_a_baseline_of_many_tokens_is_measured_some_windows_at_a_time(tmp_path: Path) -> None:
    source = words(tmp_path)
    data = source.load(0, "causal_tokens")
    with Largest() as largest:
        measured(source, data, "frequencies")
    assert largest.bytes < TESTED * CONTEXT * source.targets()[0].size  # less than a byte for each output
