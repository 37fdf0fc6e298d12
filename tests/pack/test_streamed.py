"""Packs on data that is read batch by batch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
import torch
from contract_uses import KEPT, Rows, Steps, Together, Towers, member
from made_up_streams import read_by_batches, streamed
from PIL import Image

from lossbench.data.contract import check_data
from lossbench.data.stream import Stream
from lossbench.errors import InputError
from lossbench.job import Job, jobs_from
from lossbench.losses.cce import CCE
from lossbench.losses.loss import Loss
from lossbench.losses.mse import MSE
from lossbench.models.model import Model
from lossbench.pack.fit import fit
from lossbench.pack.plan import plan
from lossbench.pack.streamed import StreamData
from lossbench.task import Target

Compose = Callable[..., list[Job]]

DIGITS = "data=mnist_5k model=linear data.train_size=200 data.val_size=50 data.test_size=100"
FACES = "data=faces model=linear"


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize("asked", ["", DIGITS, FACES])
def test_what_is_read_gives_the_numbers_of_what_is_held(jobs: Compose, asked: str, mode: str) -> None:
    losses = {"": ("mse", "huber"), DIGITS: ("cce", "triplet", "contrastive"), FACES: ("cce", "triplet")}[
        asked
    ]
    words = f"{asked} trainer.max_epochs={1 if asked == FACES else 2}"
    held = jobs(*(f"{words} loss={loss} seed={seed}" for loss in losses for seed in (0, 1)), small=not asked)
    ours = fit([job.member for job in held], mode)
    read = fit([streamed(job).member for job in held], mode)
    for one, other in zip(ours, read, strict=True):
        assert one.outcome == "finished"
        assert one.metrics == other.metrics
        assert one.history == other.history
        assert one.predictions.keys() == other.predictions.keys()
        for name, values in other.predictions.items():
            assert np.array_equal(values, one.predictions[name]), name


@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_images_that_are_read_batch_by_batch_give_the_numbers_of_those_that_are_held(
    composed: Callable[..., Any], mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOSSBENCH_CACHE", str(tmp_path / "cache"))
    generator = np.random.default_rng(0)
    for name, low in (("bright", 60), ("dark", 0)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(30):
            pixels = generator.integers(low, low + 190, (9, 7, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    words = f"data=images data.path={tmp_path / 'photos'} data.flip=true data.shift=1 data.balance=true"
    words += " model=cnn model.channels=[4] model.hidden=8 trainer.max_epochs=2 trainer.batch_size=10"
    runs = [f"{words} loss={loss} seed={seed}".split() for loss in ("bce", "hinge") for seed in (0, 1)]
    held, read = (
        [job.member for job in jobs_from([composed(*run, f"data.stream={stream}") for run in runs])]
        for stream in ("false", "true")
    )
    for one, other in zip(fit(held, mode), fit(read, mode), strict=True):
        assert one.outcome == "finished"
        assert one.metrics == other.metrics
        assert one.history == other.history


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize(("model", "loss"), [(Rows(), MSE()), (Rows(), CCE()), (Towers(), Together())])
def test_so_do_several_inputs_places_weights_units_and_noise(model: Model, loss: Loss, mode: str) -> None:
    held = [member(model, loss, seed, weighted=True) for seed in (0, 1)]
    if isinstance(loss, CCE):
        kind = type("Chosen", (Steps,), {"select": "accuracy"})
        held = [
            replace(one, source=kind(weighted=True), target=Target("multiclass", 4, shape=(3,)))
            for one in held
        ]
    read = [replace(one, source=read_by_batches(one.source)) for one in held]
    for one, other in zip(fit(held, mode), fit(read, mode), strict=True):
        assert one.outcome == "finished"
        assert (one.metrics, one.history) == (other.metrics, other.history)


def test_what_a_measure_keeps_of_a_stream(jobs: Compose) -> None:
    kind = type("Keeping", (Steps,), {"judged_by": (KEPT,), "select": "kept_mae"})
    held = replace(member(Rows(), MSE()), source=kind(weighted=True))
    read = replace(held, source=read_by_batches(held.source))
    (one,), (other,) = fit([held], "vmap"), fit([read], "vmap")
    assert "test/kept_mae" in one.metrics
    assert (one.metrics, one.history) == (other.metrics, other.history)


def test_processes_that_read_ahead_change_nothing(jobs: Compose) -> None:
    (job,) = jobs("loss=mse trainer.max_epochs=2")
    alone, ahead = (fit([streamed(job, workers=n).member], "vmap")[0] for n in (0, 2))
    assert alone.metrics == ahead.metrics


def test_a_plan_rehearses_on_a_part_of_a_stream(jobs: Compose) -> None:
    held = jobs("loss=mse", "loss=huber")
    (pack,) = plan([streamed(job) for job in held], 1, 128).packs
    (same,) = plan(held, 1, 128).packs
    assert (pack.mode, pack.because, pack.description) == (same.mode, same.because, same.description)


def sizes(stream: Stream, **said: int) -> Stream:
    description = replace(stream.description, sizes={**stream.description.sizes, **said})
    return replace(stream, description=description)


def of_val(stream: Stream, change: Callable[[Any], Any]) -> Stream:
    def evaluate(split: Any, size: int) -> Iterable[Any]:
        return (change(batch) if split == "val" else batch for batch in stream.evaluate(split, size))

    return replace(stream, evaluate=evaluate)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s: sizes(s, val=0), "sizes must say how many examples val hold"),
        (lambda s: replace(s, train=lambda *_: ()), "its stream gives no batch of train"),
        (
            lambda s: of_val(s, lambda batch: batch.inputs),
            r"gives batches \(inputs, targets by kind\), .* Tensor",
        ),
        (lambda s: of_val(s, lambda b: b._replace(inputs=b.inputs.double())), r"must be torch\.float32"),
        (lambda s: of_val(s, lambda b: b._replace(targets={})), "the val split holds nothing"),
        (lambda s: of_val(s, lambda b: b._replace(inputs=b.inputs[:, 1:])), "inputs of different shapes"),
    ],
)
def test_a_stream_that_is_not_as_promised_is_refused_before_it_trains(
    jobs: Compose, change: Callable[[Stream], Stream], sentence: str
) -> None:
    with pytest.raises(InputError, match=f"^data=outliers: .*{sentence}"):
        plan([streamed(jobs("loss=mse")[0], change=change)], 1, 128)


def test_a_stream_without_a_fingerprint_of_its_own_is_refused(jobs: Compose) -> None:
    source = streamed(jobs("loss=mse")[0]).member.source
    with pytest.raises(InputError, match=r"it loads a stream, .* let fingerprint\(seed\) say what it is"):
        check_data(source, source.load(0, "vector"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s: sizes(s, train=97), "after 96 examples of train the next batch holds 0, 1 were asked for"),
        (lambda s: sizes(s, val=39), "after 0 examples of val the next batch holds 40, 39 were asked for"),
        (lambda s: sizes(s, val=64), "after 0 examples of val the next batch holds 40, 64 were asked for"),
    ],
)
def test_a_stream_of_another_length_is_told(
    jobs: Compose, change: Callable[[Stream], Stream], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        fit([streamed(jobs("loss=mse")[0], change=change).member], "vmap")


@pytest.mark.parametrize(("split", "start"), [("train", 64), ("val", 0)])
def test_a_number_that_is_missing_later_in_a_stream_is_told_of_the_data(
    jobs: Compose, split: str, start: int
) -> None:
    def spoilt(batches: Iterable[Any]) -> Iterable[Any]:
        for number, batch in enumerate(batches):
            inputs = batch.inputs.clone()
            inputs[3, 1] = float("nan") if number == start // 32 else 0.5
            yield batch._replace(inputs=inputs)

    def change(stream: Stream) -> Stream:
        if split == "train":
            return replace(stream, train=lambda *asked: spoilt(stream.train(*asked)))
        return of_val(stream, lambda batch: next(iter(spoilt([batch]))))

    told = rf"^data=outliers: in the batch after {start} examples of {split}, inputs hold nan .* at place 3"
    with pytest.raises(ValueError, match=told):
        fit([streamed(jobs("loss=mse")[0], change=change).member], "vmap")


def test_training_may_be_endless_and_an_evaluation_may_not(jobs: Compose) -> None:
    def endless(stream: Stream) -> Stream:
        def train(seed: int, epoch: int, size: int) -> Iterable[Any]:
            while True:
                yield from stream.train(seed, epoch, size)

        return replace(stream, train=train)

    job = jobs("loss=mse")[0]
    assert fit([streamed(job, change=endless).member], "vmap") == fit([streamed(job).member], "vmap")
    twice = replace(
        streamed(job).member.source.load(0, "vector"), evaluate=lambda split, size: [*[BATCH] * 2]
    )
    data = StreamData([sizes(twice, val=3)], [0], 32)
    with pytest.raises(ValueError, match="after 3 examples of val the next batch holds 3, 0 were asked for"):
        list(data.chunks("val"))


BATCH = (torch.zeros(3, 10), {"continuous": torch.zeros(3)})

# As a user writes it: a file that is never read as a whole, and a count of the rows that are alive.
BIG = """
import weakref
from dataclasses import dataclass
from pathlib import Path

from lossbench.config.choice import knob
from lossbench.data.source import DataSource, Description
from lossbench.data.splits import robust_units
from lossbench.data.stream import Stream
from lossbench.seeds import numpy_generator
from lossbench.task import Inputs, Target

HELD = {"now": 0, "most": 0}


@dataclass(frozen=True, kw_only=True)
class Big(DataSource):
    reads = ("vector",)
    judged_by = ("continuous",)
    select = "rmse"
    path: Path = knob(Path("rows.npy"))

    def targets(self):
        return (Target("continuous"),)

    def fingerprint(self, seed):
        return str(self.path.stat().st_size)

    def load(self, seed, reads):
        import numpy as np
        import torch

        table = np.load(self.path, mmap_mode="r")
        rows = {"train": range(0, 4000), "val": range(4000, 5000), "test": range(5000, 6000)}

        def read(numbers, size):
            for start in range(0, len(numbers), size):
                batch = torch.from_numpy(np.array(table[numbers[start : start + size]]))
                HELD["now"] += len(batch)
                HELD["most"] = max(HELD["now"], HELD["most"])
                weakref.finalize(batch, freed, len(batch))
                inputs = batch[:, :-1]
                inputs.of = batch
                yield inputs, {"continuous": batch[:, -1].double()}
                del batch, inputs

        def freed(count):
            HELD["now"] -= count
            Path("held.txt").write_text(str(HELD["most"]))

        def train(seed, epoch, size):
            order = numpy_generator(seed, "order", epoch).permutation(len(rows["train"]))
            return read(order, size)

        def evaluate(split, size):
            return read(np.array(rows[split]), size)

        about = Description(
            self.name, Inputs("vector", (table.shape[1] - 1,)), self.targets(),
            {split: len(numbers) for split, numbers in rows.items()}, str(self.path),
        )
        units = {"continuous": robust_units(table[:500, -1])}
        return Stream(about, train, evaluate, units)
"""


@pytest.mark.slow
def test_a_file_larger_than_what_is_held_trains_by_the_command_line(
    tmp_path: Path, program: Callable[..., CompletedProcess[str]]
) -> None:
    generator = np.random.default_rng(0)
    table = generator.normal(size=(6000, 5)).astype(np.float32)
    table[:, -1] = table[:, :-1] @ [3, -2, 1, 0.5] + 0.1 * table[:, -1]
    np.save(tmp_path / "rows.npy", table)
    (tmp_path / "big.py").write_text(BIG)
    (tmp_path / "mine" / "data").mkdir(parents=True)
    (tmp_path / "mine" / "data" / "big.yaml").write_text("_target_: big.Big\nname: big\npath: rows.npy\n")
    sweep = ["data=big", "loss=mse,huber", "seed=0,1", "optimizer.lr=0.01", "trainer.max_epochs=3"]
    asked = ["--config-dir", "mine", "-m", *sweep, "hydra.launcher.n_jobs=1"]
    told = program(*asked, "--dry-run", folder=tmp_path)
    assert "inputs vector 4, targets continuous; 4000 rows to train" in told.stdout, told.stderr
    done = program(*asked, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    report = program(
        "--config-dir", "mine", "experiment=adhoc", "report.figures=false",
        module="lossbench.report", folder=tmp_path,
    )  # fmt: skip
    assert report.returncode == 0, report.stderr
    assert re.search(r"^mse +0\.1", report.stdout, re.MULTILINE), report.stdout
    # One batch of each of the two seeds, where a step hands over to the next; of 6,000 rows.
    assert int((tmp_path / "held.txt").read_text()) <= 2 * 2 * 1000
