"""The command line before Hydra sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra._internal.utils import get_args_parser

from lossbench.cli.arguments import Arguments, arranged, before_shipped
from lossbench.config.folders import conf_dir
from lossbench.errors import InputError


@pytest.mark.parametrize(
    ("line", "arranged_line"),
    [
        ("-m loss=mse,mae", "loss=mse,mae -m"),
        ("loss=huber -m seed=0,1 model=mlp", "loss=huber seed=0,1 model=mlp -m"),
        ("--config-dir mine loss=huber --multirun seed=0", "loss=huber seed=0 --config-dir mine --multirun"),
        ("--cfg job loss=huber -p loss", "loss=huber --cfg job -p loss"),
        ("--info plugins", "--info plugins"),
        ("~loss -m +seed=1 ++model=mlp", "~loss +seed=1 ++model=mlp -m"),
    ],
)
def test_overrides_may_stand_anywhere(line: str, arranged_line: str) -> None:
    assert arranged(line.split()).line == arranged_line.split()


def test_a_command_that_names_nothing_to_train_asks_for_help() -> None:
    assert arranged([]).help
    assert not arranged(["-m"]).help


@pytest.mark.parametrize(
    "option", ["--config-dir FOLDER", "--config-dir=FOLDER", "-cd FOLDER", "--config-d FOLDER"]
)
def test_the_users_folder_is_looked_through_before_what_ships(option: str, tmp_path: Path) -> None:
    options = option.replace("FOLDER", str(tmp_path)).split()
    arguments = arranged(["loss=huber", *options])
    assert arguments.folder == tmp_path
    read = get_args_parser().parse_args(before_shipped(arguments.line))
    assert read.config_dir == str(conf_dir())
    assert arranged(["--config-dir", f"{tmp_path}/none", "seed=0"]).folder is None


def test_a_dry_run_is_asked_for_anywhere() -> None:
    for line in ("--dry-run -m loss=mse,mae", "-m loss=mse,mae --dry-run"):
        assert arranged(line.split()) == Arguments(["loss=mse,mae", "-m"], dry_run=True, prints=True)
    with pytest.raises(InputError, match=r"did you mean --dry-run\?"):
        arranged(["--dryrun"])


def test_help_is_recognised_and_that_of_hydra_left_to_it() -> None:
    assert arranged(["--help"]).help
    assert arranged(["loss=huber", "-h"]).help
    assert not arranged(["--hydra-help"]).help


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--loss huber", "--loss is no option; write loss=huber without dashes."),
        ("--loss=huber seed=0", "--loss=huber is no option; write loss=huber without dashes."),
        ("-m --seed 0,1", "--seed is no option; write seed=0,1 without dashes."),
        ("--lr 0.1", "--lr is no option; write optimizer.lr=0.1 without dashes."),
        ("--batch-size", "--batch-size is no option; write trainer.batch_size=... without dashes."),
        ("--multi-run seed=0,1", "--multi-run is no option (did you mean --multirun?);"),
        ("--colour red", "--colour is no option; what a run trains is set as key=value, as in optimizer.lr="),
        ("--config=x", "Ambiguous option: --config=x could match --config-path"),
        ("--config-dir", "Argument --config-dir/-cd: expected one argument;"),
        ("--cfg jobs", "Argument --cfg/-c: invalid choice: 'jobs'"),
        ("--experimental-rerun run.pickle", "would load a pickle; give the overrides of that run instead."),
    ],
)
def test_an_unknown_option_is_refused_with_a_sentence(line: str, words: str) -> None:
    with pytest.raises(InputError) as info:
        arranged(line.split())
    assert words in str(info.value)
    assert "\n" not in str(info.value)
