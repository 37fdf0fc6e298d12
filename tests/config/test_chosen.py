"""What the check of a sweep's jobs remembers changes nothing of what it refuses or writes."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, open_dict

from lossbench.config import chosen
from lossbench.config.chosen import ChoiceCheck
from lossbench.config.folders import conf_dir
from lossbench.errors import InputError


@pytest.fixture
def job() -> Iterator[DictConfig]:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        yield compose("config", ["data=outliers", "loss=huber"], return_hydra_config=True)


def ask(check: ChoiceCheck, job: DictConfig, *overrides: str) -> None:
    runtime = job.hydra.runtime
    check(runtime.choices, job, list(overrides), runtime.config_sources)


def test_jobs_of_the_same_choices_are_looked_at_once(
    job: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(chosen, "check_chosen", lambda *given: asked.append(given))
    check = ChoiceCheck()
    for seed in range(3):
        job.seed, job.loss.delta = seed, 0.5 + seed
        ask(check, job, f"seed={seed}")
    assert len(asked) == 1
    job.loss.name = "other"
    ask(check, job)
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("key", "value", "refusal"),
    [
        ("name", "mse", "would be taken for those of loss=mse"),
        ("_target_", "lossbench.losses.mse.MSE", "loss=mse"),
    ],
)
def test_what_differs_from_a_job_that_passed_is_refused(
    job: DictConfig, key: str, value: str, refusal: str
) -> None:
    check = ChoiceCheck()
    ask(check, job)
    job.loss[key] = value
    for _ in range(2):
        with pytest.raises(InputError, match=refusal):
            ask(check, job)


def test_an_override_is_refused_whatever_it_sets(job: DictConfig) -> None:
    check = ChoiceCheck()
    ask(check, job)
    with pytest.raises(InputError, match="is called anyway"):
        ask(check, job, "loss.name=huber")


def test_a_list_of_choices_is_refused_behind_a_job_that_passed(job: DictConfig) -> None:
    check = ChoiceCheck()
    ask(check, job)
    with open_dict(job):
        del job.hydra.runtime.choices["loss"]  # as Hydra does with a list
    with pytest.raises(InputError, match="takes one name, not a list"):
        ask(check, job)


@pytest.mark.parametrize("group", ["loss", "experiment"])
def test_each_job_without_a_name_gets_it(job: DictConfig, group: str) -> None:
    job.hydra.runtime.choices[group] = "huber"
    job[group].name = None
    check = ChoiceCheck()
    for own in (job, copy.deepcopy(job)):
        own[group].name = None
        ask(check, own)
        assert own[group].name == "huber"
