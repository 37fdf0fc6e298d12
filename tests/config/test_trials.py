"""Every loss gets as many settings, from one sequence; what cannot be searched is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hydra import compose
from omegaconf import DictConfig, OmegaConf

from lossbench.config.folders import RATE
from lossbench.config.quoting import parsed
from lossbench.config.trials import Trials, check_tune, in_trials, key_of, lines, trials_of
from lossbench.errors import InputError
from lossbench.job import jobs_from

pytestmark = pytest.mark.usefixtures("composing")


def composed(*overrides: str) -> DictConfig:
    return compose("config", list(overrides))


def trials(*overrides: str, pinned: Sequence[str] = ()) -> Trials:
    found = trials_of(composed(*overrides), pinned)
    assert found is not None
    return found


def rates(found: Trials) -> list[float]:
    return [setting[RATE] for setting in found.settings]


def test_a_config_that_asks_for_none_has_none() -> None:
    config = composed("loss=huber")
    assert trials_of(config) is None
    assert in_trials([config]) == [config]


def test_all_losses_try_the_same_rates_and_each_its_own_knobs() -> None:
    mae, huber, hinge = (trials(f"loss={loss}", "trials=16") for loss in ("mae", "huber", "hinge"))
    assert rates(mae) == rates(huber) == rates(hinge)
    assert (mae.tuned, huber.tuned, hinge.tuned) == ((), ("loss.delta",), ("loss.margin", "loss.squared"))
    assert {setting["loss.squared"] for setting in hinge.settings} == {False, True}


def test_settings_fill_the_ranges_evenly() -> None:
    found = trials("loss=huber", "trials=16")
    cells = {int(16 * math.log10(rate / 1e-4) / 3) for rate in rates(found)}
    assert cells == set(range(16))  # one rate in each sixteenth of the three decades
    deltas = {int(16 * math.log(s["loss.delta"] / 0.05) / math.log(400)) for s in found.settings}
    assert deltas == set(range(16))


def test_more_trials_extend_the_sequence() -> None:
    few, more, most = (trials("loss=huber", f"trials={count}") for count in (5, 8, 100))
    assert most.settings[:8] == more.settings
    assert more.settings[:5] == few.settings
    assert len({tuple(setting.values()) for setting in most.settings}) == 100


def test_the_sequence_is_that_of_earlier_records() -> None:
    assert trials("loss=huber", "trials=3").settings == FIRST


FIRST = (
    {"optimizer.lr": 0.001131, "loss.delta": 0.1453},
    {"optimizer.lr": 0.003703, "loss.delta": 17.07},
    {"optimizer.lr": 0.09161, "loss.delta": 0.933},
)


def test_a_knob_that_asks_to_be_named_is_tuned_where_it_is() -> None:
    """So experiments that were recorded before it could be searched keep their trials."""
    plain, named = (trials("loss=triplet", "trials=8", tune) for tune in ("tune=null", NAMED))
    assert plain.tuned == trials("loss=triplet", "trials=8", "tune=[loss]").tuned
    assert plain.tuned == ("loss.margin", "loss.mining")
    assert named.tuned == ("loss.margin", "loss.mining", "loss.normalize")
    assert {setting["loss.normalize"] for setting in named.settings} == {False, True}
    both = [trials(f"loss={loss}", "trials=8", NAMED) for loss in ("contrastive", "hinge")]
    assert "loss.normalize" in both[0].tuned
    assert both[1].tuned == ("loss.margin", "loss.squared")


NAMED = "tune=[loss,loss.normalize]"


def test_what_is_tuned_is_asked_for() -> None:
    decay = trials("loss=huber", "trials=4", "tune=[optimizer.weight_decay]")
    assert decay.tuned == ("optimizer.weight_decay",)
    both = trials("loss=huber", "trials=4", "tune=[loss,model.dropout,optimizer.weight_decay]")
    assert both.tuned == ("model.dropout", "optimizer.weight_decay", "loss.delta")
    assert trials("loss=huber", "trials=4", "tune=[]").tuned == ()
    mae = trials("loss=mae", "trials=4", "tune=[optimizer.weight_decay,model.dropout,loss]")
    shared = ("model.dropout", "optimizer.weight_decay")
    assert [[s[name] for name in shared] for s in mae.settings] == [
        [s[name] for name in shared] for s in both.settings
    ]


def test_a_knob_that_is_set_or_declared_an_axis_keeps_its_value() -> None:
    assert trials("loss=huber", "trials=4", pinned=["loss.delta"]).tuned == ()
    assert trials("loss=huber", "trials=4", "experiment.axes=[loss.delta]").tuned == ()


REFUSED = {
    ("trials=0",): "trials must be a whole number of at least 1, the settings that each loss gets; got 0",
    ("trials=1.5",): "trials must be a whole number of at least 1",
    ("trials=true",): "trials must be a whole number of at least 1",
    ("trials=many",): "trials must be a whole number of at least 1",
    ("trials=4", "tune=loss"): "tune must be a list of knobs, as in 'tune=[loss.delta]'; got 'loss'",
    ("trials=4", "tune=[optimizer.clip]"): "tune names optimizer.clip, which declares no range to search",
    ("trials=4", "tune=[data.contamination]"): "tune names data.contamination, which declares no range",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_cannot_be_searched_is_refused(line: Sequence[str]) -> None:
    with pytest.raises(InputError) as refused:
        trials(*line)
    assert REFUSED[tuple(line)] in str(refused.value)


def test_a_knob_that_is_set_is_not_tuned_as_well() -> None:
    with pytest.raises(InputError, match=r"loss\.delta is set and tuned; leave it out of tune"):
        trials("loss=huber", "trials=4", "tune=[loss.delta]", pinned=["loss.delta"])


def test_tune_names_what_some_loss_of_the_sweep_has() -> None:
    sweep = [composed(f"loss={loss}", "trials=4", "tune=[loss.delta]") for loss in ("mse", "huber")]
    check_tune(sweep)
    with pytest.raises(InputError, match=r"tune names loss\.delta, which no choice here has \(known: "):
        check_tune(sweep[:1])
    wrong = composed("loss=huber", "trials=4", "tune=[loss.dleta]")
    with pytest.raises(InputError, match=r"tune names loss\.dleta, .* \(did you mean 'loss\.delta'\?"):
        check_tune([wrong])


def test_an_optimizer_without_a_range_is_told() -> None:
    config = composed("trials=4")
    config.optimizer._target_ = "lossbench.optimizer.Optimizer"
    with pytest.raises(InputError, match="searches the learning rate, for which optimizer=adam declares no"):
        trials_of(config)


def test_a_trial_is_a_plain_run_with_its_values() -> None:
    """Its key is that of the run which a person types; so it is found again, and made again alone."""
    asked = composed("loss=huber", "seed=3", "trials=4")
    one = in_trials([asked])[2]
    line = lines(trials("loss=huber", "trials=4"), ["loss=huber", "seed=3", "trials=4"])[2]
    typed = composed(*line)
    plain = composed(*(part for part in line if key_of(part) not in ("trials", "tune")))
    keys = {job.key for config in (one, typed, plain) for job in jobs_from([config])}
    assert len(keys) == 1
    assert [jobs_from([config])[0].config["tune"] for config in (one, typed, plain)] == [
        ["loss.delta"],
        ["loss.delta"],
        [],
    ]


TEXTS = ["true", "hard", "a b"]


def test_a_text_that_hydra_would_read_as_something_else_is_quoted() -> None:
    found = Trials(tuple({RATE: 0.1, "loss.kind": text} for text in TEXTS), ("loss.kind",))
    typed = [parsed(line[1]) for line in lines(found, [])]
    assert [one and one.value() for one in typed] == TEXTS


def test_one_run_has_no_trials() -> None:
    with pytest.raises(InputError, match="trials=4 makes a sweep of one command: add -m"):
        jobs_from([composed("trials=4")])


def test_a_grid_may_be_tuned() -> None:
    (job,) = jobs_from([composed("loss=huber", "loss.delta=0.3", "tune=[loss.delta]")])
    assert job.config["tune"] == ["loss.delta"]
    with pytest.raises(InputError, match=r"tune names loss\.dleta"):
        jobs_from([composed("loss=huber", "tune=[loss.dleta]")])


@pytest.mark.parametrize("written", ["[0.1, 10]", "[0.1, 10, cubic]", "5", "[a, b, log]", "[true, 5, log]"])
def test_what_is_no_range_in_a_yaml_is_refused(written: str) -> None:
    config = composed("data=mnist_5k", "loss=focal", "trials=2")
    config.loss._search_ = OmegaConf.create(f"function.gamma: {written}")
    with pytest.raises(
        InputError, match=r"_search_ must give each knob its ends and a scale, as in function"
    ):
        trials_of(config)


def test_a_search_in_a_yaml_is_no_part_of_a_run() -> None:
    config = composed("data=mnist_5k", "loss=focal")
    (job,) = jobs_from([config])
    OmegaConf.set_struct(config, False)
    del config.loss["_search_"]
    assert jobs_from([config])[0].key == job.key


def test_halving_is_for_sweeps() -> None:
    with pytest.raises(InputError, match="halving=true drops trials of a sweep: add -m and trials=16"):
        jobs_from([composed("halving=true")])
