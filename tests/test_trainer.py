"""How long is trained by default: what suits the size of a table, and never by the loss."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from lossbench.config.folders import conf_dir
from lossbench.errors import InputError
from lossbench.job import Job, jobs_from
from lossbench.trainer import TrainerOptions


def composed(*overrides: str) -> Job:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return jobs_from([compose("config", ["hydra/launcher=basic", *overrides])])[0]


def table(folder: Path, rows: int) -> list[str]:
    path = folder / f"{rows}.csv"
    path.write_text("a,y\n" + "".join(f"{row % 97},{row % 89}.5\n" for row in range(rows)))
    return ["data=csv", f"data.path={path}", "data.target=y"]


@pytest.mark.parametrize(
    ("rows", "epochs", "patience"),
    [(100, 2000, 400), (300, 667, 133), (768, 250, 50), (5_000, 43, 20), (50_000, 20, 20)],
)
def test_a_table_is_trained_for_as_many_updates_as_its_size_needs(
    tmp_path: Path, rows: int, epochs: int, patience: int
) -> None:
    for loss in ("mse", "mae"):
        job = composed(*table(tmp_path, rows), f"loss={loss}")
        recorded = job.knobs["trainer"]
        assert (job.member.trainer.epochs, recorded["max_epochs"], recorded["patience"]) == (
            epochs,
            epochs,
            patience,
        )


@pytest.mark.parametrize(
    ("examples", "epochs"),
    [(29_999, 20), (31_578, 20), (31_579, 19), (60_000, 10), (200_000, 3), (600_000, 3), (6_000_000, 3)],
)
def test_many_examples_are_passed_over_less_often(examples: int, epochs: int) -> None:
    trainer = TrainerOptions(name="default").suited(None, lambda: examples)
    assert (trainer.epochs, trainer.patience) == (epochs, 20)


def test_whoever_asks_for_more_updates_of_many_examples_gets_them() -> None:
    trainer = TrainerOptions(name="default", updates=18_760).suited(None, lambda: 60_000)
    assert trainer.epochs == 20


def test_whoever_names_the_epochs_gets_them(tmp_path: Path) -> None:
    named = composed(*table(tmp_path, 300), "trainer.max_epochs=7").member.trainer
    assert (named.epochs, named.patience) == (7, None)
    fewer = composed(*table(tmp_path, 300), "trainer.updates=300", "trainer.patience=9").member.trainer
    assert (fewer.epochs, fewer.patience) == (100, 9)
    assert composed("data=outliers").member.trainer.epochs == 20


def test_nobody_who_keeps_the_last_epoch_stops_early(tmp_path: Path) -> None:
    kept = composed(*table(tmp_path, 300), "trainer.keep=last")
    assert (kept.member.trainer.epochs, kept.member.trainer.patience) == (667, None)
    assert "keep" not in composed(*table(tmp_path, 300)).knobs["trainer"]
    with pytest.raises(InputError, match=r"trainer\.patience=9 stops a run before its last epoch"):
        composed(*table(tmp_path, 300), "trainer.keep=last", "trainer.patience=9")


@pytest.mark.parametrize("path", ["missing.csv", "a\x00b"])
def test_a_table_that_cannot_be_read_is_refused_when_its_size_is_asked_for(path: str) -> None:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = compose("config", ["hydra/launcher=basic", "data=csv", "data.target=y"])
    config.data.path = path
    with pytest.raises(InputError, match=r"^data\.path=.* name a CSV file\.$"):
        jobs_from([config])


def test_large_batches_take_as_many_updates() -> None:
    trainer = TrainerOptions(name="default", batch_size=460).suited(None, lambda: 461)
    assert trainer.epochs == 1000
