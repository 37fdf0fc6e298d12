"""What the bench measures: for each part, the competitors, their sizes and their commands."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import big_table
import plain_loops
import sweep

HERE = Path(__file__).parent
OURS = "lossbench"
BASIC = "hydra/launcher=basic"
SCRIPT = "Lightning script"
LOOP = "PyTorch loop, no record"
TORCH_STACK = "torch.func stack, no record"
JAX_STACK = "JAX stack, no record"
STACKED = "stacked"
TURNS = "one after another"


@dataclass(frozen=True)
class Competitor:
    """name, the numbers of runs at which it is timed, and the command for one of them.

    records: it leaves one finished run in MLflow per run.
    before: a command that makes the folder ready, and is not timed.
    """

    name: str
    sizes: tuple[int, ...]
    command: Callable[[int], list[str]]
    records: bool = True
    exit_code: int = 0
    before: list[str] | None = None


@dataclass(frozen=True)
class Part:
    key: str
    title: str
    competitors: tuple[Competitor, ...]
    full: int = 0  # runs that the table speaks of; 0: each size stands for itself
    words: str = field(default="", kw_only=True)
    memory: bool = field(default=False, kw_only=True)  # that of its largest process is shown
    together: bool = field(default=False, kw_only=True)  # and that of all of them at once
    long: bool = field(default=False, kw_only=True)  # minutes: it is measured once


def listed(values: tuple[object, ...]) -> str:
    return ",".join(map(str, values))


def typed(*overrides: str) -> list[str]:
    return [sys.executable, "-m", "lossbench", *overrides]


def seeds_of(count: int) -> str:
    return f"seed={listed(tuple(range(count)))}"


def _mlps(runs: int, *more: str) -> list[str]:
    return typed(
        "-m", "data=outliers", "model=mlp", "optimizer=adam", f"trainer.max_epochs={sweep.EPOCHS}",
        f"trainer.batch_size={sweep.BATCH}", f"loss={listed(sweep.LOSSES)}",
        f"optimizer.lr={listed(sweep.RATES)}", seeds_of(runs // sweep.CONDITIONS), *more,
    )  # fmt: skip


def _script(name: str) -> Callable[[int], list[str]]:
    return lambda runs: [sys.executable, str(HERE / name), f"--runs={runs}"]


def big_sweep(runs: int) -> Part:
    """(a); the slow competitors are timed at half of `runs` and at `runs`, and extended from there to 240.

    The JAX stack is timed where the extra `bench` is installed.
    """
    sizes, many = (runs // 2, runs), (240, 960)
    with_jax = all(find_spec(name) for name in ("jax", "optax"))
    compiled = [Competitor(JAX_STACK, many, _script("jax_stack.py"), records=False)] if with_jax else []
    return Part(
        "a",
        "240 runs of an MLP on 1,000 rows",
        (
            Competitor(OURS, many, _mlps),
            Competitor(BASIC, sizes, lambda runs: _mlps(runs, "hydra/launcher=basic")),
            Competitor(SCRIPT, sizes, _script("lightning_script.py")),
            Competitor(LOOP, sizes, _script("bare_loop.py"), records=False),
            Competitor(TORCH_STACK, many, _script("torch_stack.py"), records=False),
            *compiled,
        ),
        full=240,
        words="Outliers, MLP 10-64-64-1, mse/mae/huber x 8 learning rates x 10 seeds, 20 epochs, batch 64",
    )


def _against_basic(key: str, title: str, words: str, runs: int, *overrides: str) -> Part:
    command = typed("-m", *overrides)
    return Part(
        key,
        title,
        (
            Competitor(OURS, (runs,), lambda _: command),
            Competitor(BASIC, (runs,), lambda _: [*command, "hydra/launcher=basic"]),
        ),
        words=words,
    )


def images() -> Part:
    return _against_basic(
        "b", "12 runs of a CNN on 5,000 digits", "MNIST 5k, cnn, mse/bce/cce/hinge x 3 seeds, 3 epochs", 12,
        "data=mnist_5k", "model=cnn", "loss=mse,bce,cce,hinge", seeds_of(3), "trainer.max_epochs=3",
    )  # fmt: skip


def small_images() -> Part:
    """Each member keeps 0.2 MB for backward, so that they stack."""
    return _against_basic(
        "g", "12 runs of a small CNN on 5,000 digits",
        "MNIST 5k, cnn of 2, 4 and 8 channels, mse/bce/cce/hinge x 3 seeds, 5 epochs, batch 10", 12,
        "data=mnist_5k", "model=cnn", "model.channels=[2,4,8]", "model.hidden=16", "trainer.batch_size=10",
        "loss=mse,bce,cce,hinge", seeds_of(3), "trainer.max_epochs=5",
    )  # fmt: skip


def texts() -> Part:
    return _against_basic(
        "c", "24 runs of a text model", "Sentiment, text, mse/bce/cce/hinge x 6 seeds, 3 epochs", 24,
        "data=sentiment", "model=text", "loss=mse,bce,cce,hinge", seeds_of(6), "trainer.max_epochs=3",
    )  # fmt: skip


def wider() -> list[Part]:
    """24 runs of wider models on real data, beside a loop of the same kind."""
    told = {
        "digits": ("p", "an MLP of 256 on 5,000 digits"),
        "words": ("q", "a text model with a table of 10,000 words"),
        "convolutions": ("r", "a CNN on 5,000 digits, beside a loop"),
    }
    return [_against_loop(kind, *words) for kind, words in told.items()]


def _against_loop(kind: str, key: str, title: str) -> Part:
    rates = f"optimizer.lr={listed(plain_loops.RATES)}"
    common = (f"trainer.max_epochs={plain_loops.EPOCHS}", f"trainer.batch_size={plain_loops.BATCH}")
    ours = typed("-m", *plain_loops.KINDS[kind].words, "optimizer=adam", rates, seeds_of(6), *common)
    loop = [sys.executable, str(HERE / "plain_loops.py"), kind, "--runs=24"]
    return Part(
        key,
        f"24 runs of {title}",
        (Competitor(OURS, (24,), lambda _: ours), Competitor(LOOP, (24,), lambda _: loop, records=False)),
        words=f"{' '.join(plain_loops.KINDS[kind].words)}, 4 learning rates x 6 seeds, "
        f"{plain_loops.EPOCHS} epochs, batch {plain_loops.BATCH}; the loop neither validates nor records",
    )


def recurrent() -> Part:
    return _against_basic(
        "k", "24 GRUs on windows of 64 steps",
        "Demand, a GRU of 64 on its last 64 hours, mse/mae/huber x 8 seeds, 2 epochs", 24,
        "data=demand", "data.past=64", "model=rnn", "loss=mse,mae,huber", seeds_of(8), "trainer.max_epochs=2",
    )  # fmt: skip


def members() -> Part:
    def command(runs: int) -> list[str]:
        return typed(
            "-m",
            "data=outliers",
            "model=mlp",
            "loss=huber",
            seeds_of(runs),
            "hydra.launcher.max_members=512",
            "hydra.launcher.n_jobs=1",
        )

    return Part(
        "d",
        "One more member of a pack",
        (Competitor(OURS, (1, 8, 32, 128, 512), command),),
        words="Outliers, MLP 10-64-64-1, huber, 20 epochs; one pack in one process on one core holds all",
        memory=True,
    )


def start() -> Part:
    first = [sys.executable, str(HERE / "first_step.py"), "data=outliers", "loss=huber"]
    refused = typed("data=outliers", "loss=cce")
    return Part(
        "e",
        "From the shell",
        (
            Competitor("to the end of the first training step", (1,), lambda _: first, records=False),
            Competitor("to a refused config", (1,), lambda _: refused, records=False, exit_code=2),
            Competitor(
                "to the end of a sweep that is finished already",
                (2,),
                lambda _: typed("-m", *FINISHED),
                records=False,
                before=typed("-m", *FINISHED),
            ),
        ),
        words="cce does not fit outliers",
    )


def many_records() -> Part:
    fill = [sys.executable, str(HERE / "many_runs.py")]
    finished = typed("-m", *FINISHED)
    report = [sys.executable, "-m", "lossbench.report", f"experiment={MANY}"]
    return Part(
        "o",
        "Among many recorded runs",
        (
            *(
                Competitor(
                    "to the end of a sweep that is finished already",
                    (number,),
                    lambda _: finished,
                    records=False,
                    before=[*fill, "beside", str(number)],
                )
                for number in (10_000, 100_000)
            ),
            Competitor(
                "to the end of a report",
                (10_008,),
                lambda _: report,
                records=False,
                before=[*fill, "copies", "10008"],
            ),
        ),
        words="Two runs are wanted, and so many of other keys stand there; the report is on runs of "
        "three losses at eight rates",
        memory=True,
        long=True,
    )


# What `many_runs.py` trains before it records more runs of the same experiment.
FINISHED = ("data=outliers", "seed=0,1", "trainer.max_epochs=1")
MANY = "many"
COPIED = (
    *("data=outliers", f"loss={listed(sweep.LOSSES)}", f"optimizer.lr={listed(sweep.RATES)}", "seed=0"),
    *("trainer.max_epochs=20", f"experiment.name={MANY}"),
)


def own_table() -> Part:
    command = [sys.executable, str(HERE / "own_table.py")]
    return Part(
        "f",
        "The whole answer for a table of one's own",
        (Competitor("sweep and report", (150,), lambda _: command),),
        words="5,000 rows and 20 columns; mse, mae, huber x 5 learning rates x 10 seeds; all figures",
    )


def large_table() -> Part:
    script = [sys.executable, str(HERE / "big_table.py")]
    first = [sys.executable, str(HERE / "first_step.py"), *big_table.TABLE]
    return Part(
        "h",
        "A table of 100,000 rows and 50 columns",
        (
            Competitor(
                "to the end of the first training step",
                (1,),
                lambda _: [*first, "loss=cce"],
                records=False,
                before=script,
            ),
            Competitor("sweep and report", (150,), lambda _: [*script, "sweep"], before=script),
        ),
        words="A class of three to predict; cce, bce, hinge x 5 learning rates x 10 seeds; all figures",
        memory=True,
        together=True,
        long=True,
    )


def frozen_features() -> Part:
    script = [sys.executable, str(HERE / "own_images.py")]
    return Part(
        "i",
        "240 runs on the features of a network",
        (Competitor(OURS, (240,), lambda _: [*script, "features"], before=[*script, "digits"]),),
        words="1,797 images, resnet18 frozen, its 512 features in the cache, a linear layer on them, "
        "cce/bce/hinge x 8 learning rates x 10 seeds, 1,000 updates",
    )


def streamed_images() -> Part:
    script = [sys.executable, str(HERE / "own_images.py")]
    return Part(
        "j",
        "20,000 images of 64 x 64, read batch by batch",
        (Competitor(OURS, (1,), lambda _: [*script, "stream"], before=[*script, "many"]),),
        words="cnn, cce, one epoch, from the files on; waiting is the share of training without data",
        memory=True,
    )


def own_clicks() -> Part:
    script = [sys.executable, str(HERE / "own_clicks.py")]
    return Part(
        "l",
        "A file of 1,000,000 clicks",
        (Competitor(OURS, (27,), lambda _: [*script, "sweep"], before=script),),
        words="10,000 users, 5,000 items, towers of 16 numbers, bpr/warp/bce x 3 learning rates x 3 seeds, "
        "batch 2048, 4 items drawn for each click, judged among all items after each epoch",
        memory=True,
        together=True,
        long=True,
    )


def towers() -> Part:
    def command(mode: str) -> Callable[[int], list[str]]:
        return lambda runs: typed(
            "-m", "data=movielens", "model=towers", "loss=bpr", "optimizer.lr=0.003,0.005,0.01,0.02",
            seeds_of(runs // 4), "trainer.max_epochs=1", "trainer.batch_size=64", f"pack.mode={mode}",
            "hydra.launcher.n_jobs=1",
        )  # fmt: skip

    return Part(
        "m",
        "32 towers on MovieLens",
        (Competitor(STACKED, (32,), command("vmap")), Competitor(TURNS, (32,), command("loop"))),
        words="943 users and 1,682 films, towers of 16 numbers, bpr x 4 learning rates x 8 seeds, one epoch, "
        "batch 64; one process",
    )


def growth() -> Part:
    """One thing grows at a time, from a sweep of 24 MLPs on 1,000 rows."""
    few = ("optimizer.lr=0.001,0.002,0.003", seeds_of(4))
    base = ("-m", "data=outliers", "model=mlp", f"trainer.max_epochs={sweep.EPOCHS}")
    two = "loss=mse,huber"

    def runs(count: int) -> list[str]:
        return typed(*base, "loss=huber", f"seed=range(0,{count})")

    def rows(count: int) -> list[str]:
        sizes = (
            f"data.{part}_size={count // share}" for part, share in (("train", 1), ("val", 2), ("test", 1))
        )
        return typed(*base, two, *few, *sizes)

    def weights(width: int) -> list[str]:
        return typed(*base, two, *few, f"model.hidden=[{width},{width}]")

    def losses(count: int) -> list[str]:
        return typed(*base, f"loss={listed(LOSSES[:count])}", "optimizer.lr=0.001", seeds_of(24 // count))

    return Part(
        "n",
        "As work grows",
        (
            Competitor("runs", (1, 10, 100, 1_000, 10_000), runs),
            Competitor("rows of 24 runs", (1_000, 10_000, 100_000), rows, records=False),
            Competitor("width of both layers of 24 runs", (16, 64, 256, 512), weights, records=False),
            Competitor("losses of 24 runs", (1, 2, 4, 8), losses, records=False),
        ),
        words="Outliers, MLP 10-64-64-1 on 1,000 rows, 20 epochs, batch 64, unless said",
        memory=True,
        together=True,
        long=True,
    )


# What `losses` of the part on growth takes from its beginning; all train on a number.
LOSSES = ("mse", "mae", "huber", "log_cosh", "pinball", "mape", "smape", "berhu")
