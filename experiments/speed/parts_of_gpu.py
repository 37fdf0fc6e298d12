"""What the bench measures where there is a GPU: packs of each kind of model, a sweep, packs that share it."""

from __future__ import annotations

import sys
from collections.abc import Callable

import sweep
from parts import HERE, STACKED, TURNS, Competitor, Part, listed, seeds_of, typed


def parts() -> list[Part]:
    """All that need one."""
    return [
        _pack(
            "gpu-mlp",
            "On a GPU: MLPs on 1,000 rows",
            "data=outliers model=mlp loss=huber trainer.max_epochs=20",
            (1, 32, 256, 1024),
            (1, 8),
        ),
        _pack(
            "gpu-cnn",
            "On a GPU: CNNs on 5,000 digits",
            "data=mnist_5k model=cnn loss=cce trainer.max_epochs=3",
            (1, 8, 32),
            (1, 32),
        ),
        _pack(
            "gpu-gru",
            "On a GPU: GRUs on 168 steps",
            "data=electricity model=rnn loss=mse trainer.max_epochs=1",
            (1, 24),
            (1, 4),
        ),
        _pack(
            "gpu-towers",
            "On a GPU: towers on MovieLens",
            "data=movielens model=towers loss=bpr trainer.max_epochs=1 trainer.batch_size=64",
            (1, 32),
            (1, 4),
        ),
        _whole_sweep(),
        _shared(),
    ]


def _pack(key: str, title: str, words: str, stacked: tuple[int, ...], turns: tuple[int, ...]) -> Part:
    def command(mode: str) -> Callable[[int], list[str]]:
        return lambda runs: [sys.executable, str(HERE / "one_pack.py"), mode, str(runs), *words.split()]

    return Part(
        key,
        title,
        (
            Competitor(STACKED, stacked, command("vmap"), records=False),
            Competitor(TURNS, turns, command("loop"), records=False),
        ),
        words=f"`{words}`, one pack of 4 learning rates and as many seeds as it takes; seconds are those of "
        "the whole process, most of them imports",
        memory=True,
        long=True,
    )


def _whole_sweep() -> Part:
    def command(*more: str) -> Callable[[int], list[str]]:
        return lambda runs: typed(
            "-m", "data=outliers", "model=mlp", f"loss={listed(sweep.LOSSES)}",
            f"optimizer.lr={listed(sweep.RATES)}", seeds_of(runs // sweep.CONDITIONS),
            f"trainer.max_epochs={sweep.EPOCHS}", *more,
        )  # fmt: skip

    return Part(
        "gpu-sweep",
        "On a GPU: the sweep of (a)",
        (
            Competitor("on the GPU", (240, 960), command()),
            Competitor("on the cores", (240, 960), command("trainer.accelerator=cpu")),
        ),
        words="3 losses x 8 learning rates x 10 and 40 seeds, with all records, from the shell to the end",
        memory=True,
        long=True,
    )


def _shared() -> Part:
    def command(packs: int) -> Callable[[int], list[str]]:
        return lambda runs: typed(
            "-m", "data=mnist_5k", "model=cnn", "loss=cce", "optimizer.lr=0.001,0.002,0.005,0.01",
            seeds_of(runs // 4), "trainer.max_epochs=5", "pack.mode=loop",
            f"hydra.launcher.gpus_per_pack={1 / packs:g}",
        )  # fmt: skip

    return Part(
        "gpu-shared",
        "On a GPU: packs that share it",
        tuple(Competitor(f"{packs} at a time", (32,), command(packs)) for packs in (1, 2, 4)),
        words="32 CNNs on 5,000 digits, 5 epochs, that train in turns, four in a pack; "
        "`hydra.launcher.gpus_per_pack` 1, 0.5 and 0.25",
        long=True,
    )
