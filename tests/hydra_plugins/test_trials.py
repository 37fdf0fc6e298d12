"""A sweep that asks for trials becomes more jobs, each of which Hydra knows as a run of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import JobReturn
from omegaconf import DictConfig, OmegaConf

from lossbench.config.folders import conf_dir
from lossbench.errors import InputError
from lossbench.job import jobs_from


class Outcome:
    def __init__(self, value: float) -> None:
        self.value = value

    def result(self) -> float:
        return self.value

    @property
    def merit(self) -> float:
        """The lower a learning rate, the better."""
        return -self.value


seen: list[DictConfig] = []
concluded: list[bool] = []  # of each call, whether the sweep ends with it


def trainer(configs: list[DictConfig], *, last: bool = True, **_: int) -> list[Outcome]:
    """Stands for `train_many`: gives each run its learning rate."""
    seen.extend(configs)
    concluded.append(last)
    return [Outcome(config.optimizer.lr) for config in configs]


Sweep = Callable[..., list[JobReturn]]


@pytest.fixture
def sweep(tmp_path: Path, hydra_restore_singletons: None, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    """Run a sweep of the shipped configs in this process, and return what its jobs returned."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "seen", seen)
    seen.clear()
    concluded.clear()
    version.setbase("1.3")

    def run(*overrides: str, trainer: str = f"{__name__}.trainer") -> list[JobReturn]:
        options = [f"hydra.launcher.trainer={trainer}", "hydra.sweep.dir=out"]
        hydra = Hydra.create_main_hydra2("app", create_config_search_path(str(conf_dir())))
        try:
            batches = hydra.multirun("config", lambda config: config.optimizer.lr, [*options, *overrides])
        finally:
            GlobalHydra.instance().clear()
        return [job for batch in batches for job in batch]

    return run


def test_every_loss_and_seed_is_crossed_with_the_trials(sweep: Sweep) -> None:
    ended = sweep("loss=mse,mae,huber", "trials=4", "seed=range(3)")
    assert len(ended) == len(seen) == 3 * 4 * 3
    by_loss = {
        loss: [(config.seed, config.optimizer.lr) for config in seen if config.loss.name == loss]
        for loss in ("mse", "mae", "huber")
    }
    assert by_loss["mse"] == by_loss["mae"] == by_loss["huber"]
    assert len({config.loss.delta for config in seen if config.loss.name == "huber"}) == 4
    assert all(config.trials is None for config in seen)
    assert [job.return_value for job in ended] == [config.optimizer.lr for config in seen]


def test_each_trial_has_the_folder_and_the_overrides_of_a_run_of_its_own(sweep: Sweep) -> None:
    sweep("loss=mse,huber", "trials=2")
    assert sorted(path.name for path in Path("out").iterdir() if path.is_dir()) == ["0", "1", "2", "3"]
    written = OmegaConf.load("out/3/.hydra/overrides.yaml")
    lr, delta = seen[3].optimizer.lr, seen[3].loss.delta
    assert list(written) == [
        "loss=huber",
        f"optimizer.lr={lr}",
        f"loss.delta={delta}",
        "trials=null",
        "tune=[loss.delta]",
    ]


def test_jobs_that_train_one_after_another_are_planned_as_hydra_composes_them(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow: list[list[str]] = []
    compose = ConfigLoaderImpl.load_sweep_config

    def counted(self: ConfigLoaderImpl, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        slow.append(sweep_overrides)
        return compose(self, master_config, sweep_overrides)

    monkeypatch.setattr(ConfigLoaderImpl, "load_sweep_config", counted)
    ended = sweep("loss=mse", "seed=range(12)", trainer="null")
    assert [job.overrides for job in ended] == [["loss=mse", f"seed={seed}"] for seed in range(12)]
    assert len(slow) < 3 * 12  # once by the sweeper and once to run; to plan, as many as there are shapes


@pytest.mark.parametrize("trainer", [f"{__name__}.trainer", "null"])
def test_batches_number_their_jobs_on(sweep: Sweep, trainer: str) -> None:
    ended = sweep("loss=mse,mae,huber", "trials=2", "hydra.sweeper.max_batch_size=2", trainer=trainer)
    assert len(ended) == 6
    folders = {path.name for path in Path("out").iterdir() if path.is_dir()}
    assert folders == {"0", "1", "2", "3", "4", "5"}


def test_rates_of_an_experiment_give_way_and_its_axes_stay(sweep: Sweep) -> None:
    axes = ("loss.delta=0.3,1", "data.contamination=0.0,0.2")
    sweep("experiment=outliers_delta", *axes, "trials=2", "seed=0,1")
    assert len(seen) == 2 * 2 * 2 * 2
    assert len({config.optimizer.lr for config in seen}) == 2


def test_a_knob_that_is_swept_is_a_condition_not_a_trial(sweep: Sweep) -> None:
    sweep("loss=huber", "loss.delta=0.3,1", "trials=4")
    assert sorted(config.loss.delta for config in seen) == [0.3] * 4 + [1.0] * 4
    assert {tuple(config.tune) for config in seen} == {()}


def test_jobs_without_trials_stay_beside_those_with_trials(sweep: Sweep) -> None:
    """So the setting of the YAML, untuned, competes with as many trials for every loss."""
    sweep("experiment=faces", "trials=null,4", "halving=false", "loss=bce,triplet", "seed=0,1")
    for loss in ("bce", "triplet"):
        own = [config for config in seen if config.loss.name == loss]
        assert len(own) == (1 + 4) * 2
        assert sum(config.optimizer.lr == 0.001 for config in own) == 2
        assert all(config.trials is None for config in own)


def test_halving_of_an_experiment_can_be_left_out(sweep: Sweep) -> None:
    typed = ("loss=mse", "data.label_noise=0.0", "seed=0,1", "halving=false")
    ended = sweep("experiment=mnist_cnn", *typed)
    assert len(ended) == len(seen) == 6 * 2  # all trials on all seeds
    assert not any(config.halving for config in seen)
    assert concluded == [True]


def test_halving_never_drops_what_has_no_trials(sweep: Sweep) -> None:
    sweep("loss=huber", "trials=null,8", "optimizer.lr=0.5", "halving=true", "seed=range(5)")
    assert len(seen) == 5 + 8 * 2 + 4 * 3
    assert sum(config.optimizer.lr == 0.5 for config in seen) == 5
    assert len(jobs_from(seen)) == len(seen)  # none is refused where it trains


REFUSED = {
    (
        "trials=4",
        "optimizer.lr=0.1,0.01",
    ): "trials=4 searches the learning rate: leave optimizer.lr=0.1,0.01 out",
    ("trials=4", "optimizer.lr=0.1"): "trials=4 searches the learning rate: leave optimizer.lr=0.1 out",
    ("trials=4,8",): "trials is one number for all losses of a sweep; got 4 and 8",
    ("trials=0",): "trials must be a whole number of at least 1",
    ("trials=4", "loss.delta=0.3,1", "tune=[loss.delta]", "loss=huber"): "loss.delta is set and tuned",
    ("trials=4", "tune=[loss.dleta]", "loss=huber"): "tune names loss.dleta, which no choice here has",
}


@pytest.mark.parametrize("line", REFUSED, ids=" ".join)
def test_contradictions_are_refused_before_anything_trains(sweep: Sweep, line: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as refused:
        sweep(*line)
    assert REFUSED[line] in str(refused.value)
    assert not seen


def test_halving_trains_in_rounds_and_drops_trials_as_a_whole(sweep: Sweep) -> None:
    ended = sweep("loss=mse,huber", "trials=8", "halving=true", "seed=range(5)")
    assert len(ended) == len(seen) == 2 * (8 * 2 + 4 * 3)
    for loss in ("mse", "huber"):
        own = [config for config in seen if config.loss.name == loss]
        rates = sorted({config.optimizer.lr for config in own})
        seeds = [{config.seed for config in own if config.optimizer.lr == rate} for rate in rates]
        assert seeds == [set(range(5))] * 4 + [{0, 1}] * 4
    assert not any(config.halving for config in seen)
    assert concluded == [False, True]  # a sweep has one end, whatever it drops


HALVING = {
    ("trials=8", "halving=true"): "halving=true drops trials .* so it takes 3 seeds; got 1",
    ("trials=8", "halving=true", "seed=0,1,2", "hydra.sweeper.max_batch_size=4"): "leave max_batch_size out",
    ("trials=8", "halving=true", "seed=0,1,2", "hydra.launcher.trainer=null"): "hydra/launcher=pack does",
}


@pytest.mark.parametrize("line", HALVING, ids=" ".join)
def test_halving_that_cannot_be_is_refused(sweep: Sweep, line: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=HALVING[line]):
        sweep(*line)
    assert not seen


def test_numbers_that_declare_no_search_are_told(sweep: Sweep, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine/loss").mkdir(parents=True)
    Path("mine/loss/smooth.yaml").write_text(
        "_target_: lossbench.losses.third_party.ThirdParty\n_recursive_: false\nname: smooth\n"
        "function: {_target_: torch.nn.SmoothL1Loss, beta: 0.5, reduction: none}\n"
        "trains_on: [continuous]\nencoding: value\noutput_size: one\nmeaning: value\n"
    )
    path = Path("mine").absolute()
    sweep("loss=smooth,huber", "trials=2", f"hydra.searchpath=[file://{path}]")
    told = capsys.readouterr().out
    assert "Not tuned, for no range to search is declared: smooth (loss.function.beta)" in told
    assert {config.loss.function.beta for config in seen if config.loss.name == "smooth"} == {0.5}
    assert "huber (" not in told


def test_a_yaml_declares_where_arguments_of_others_are_searched(sweep: Sweep) -> None:
    sweep("data=mnist_5k", "loss=focal,multi_similarity", "trials=4", "model=mlp")
    focal = [config.loss.function for config in seen if config.loss.name == "focal"]
    assert len({own.gamma for own in focal}) == len({own.alpha for own in focal}) == 4
    assert all(0 <= own.gamma <= 5 and 0.05 <= own.alpha <= 0.95 for own in focal)
    assert seen[0].tune == ["loss.function.alpha", "loss.function.gamma"]


def test_the_sequence_is_imported_only_where_it_is_needed(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    sweep("loss=mse,huber", "optimizer.lr=0.1,0.01")
    assert len(seen) == 4
