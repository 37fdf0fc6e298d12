"""Words of other tools are answered with the word for them here; test_bad_input.py types some of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lossbench.cli import natural
from lossbench.cli.arguments import arranged
from lossbench.cli.natural import choice_here, key_here
from lossbench.cli.refusals import known_parts
from lossbench.config.folders import choices
from lossbench.errors import InputError


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("-m loss=mse --seeds 10", "--seeds is no option; write 'seed=range(0,10)' without dashes."),
        ("--epochs 5", "--epochs is no option; write trainer.max_epochs=5 without dashes."),
        ("--n-jobs 2", "--n-jobs is no option; write hydra.launcher.n_jobs=2 without dashes."),
    ],
)
def test_an_option_of_other_tools_is_answered_too(line: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        arranged(line.split())
    assert str(caught.value) == told


def test_every_answer_is_a_word_that_there_is() -> None:
    parts = known_parts()
    for word, key in natural._KEYS.items():
        assert key.partition(".")[0] in parts, key
        assert word not in parts, f"{word} is a word of ours"
    for group, known in natural._CHOICES.items():
        assert set(known.values()) <= set(choices(group))
        assert not set(known) & set(choices(group))


def test_what_nobody_says_has_no_answer(tmp_path: Path) -> None:
    assert key_here("losss", "mse") is None
    assert choice_here("loss", "masking") is None
    assert choice_here("model", "mlpp") is None
    assert choice_here("data", "outlier") is None
    (tmp_path / "photos").mkdir()
    assert choice_here("data", f"{tmp_path}/photos") == f"data=images data.path={tmp_path}/photos"
    assert key_here("seeds", "many") == "'seed=range(0,10)'"
