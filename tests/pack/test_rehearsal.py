"""What a plug-in returns is checked before anything trains, in a sentence that names the contract."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lossbench.data.outliers import Outliers
from lossbench.data.source import SPLITS, DataSet
from lossbench.errors import InputError
from lossbench.job import Job
from lossbench.losses.heads import EmbeddingLoss, ValueLoss
from lossbench.losses.mse import MSE
from lossbench.models.model import Model
from lossbench.pack.fit import fit
from lossbench.pack.plan import plan
from lossbench.pack.planned import Plan
from lossbench.task import Inputs, Prediction, Target
from lossbench.tracking.told import run_start

Compose = Callable[..., list[Job]]

FACES = "data=faces data.mirror=false data.shifts=0 model=linear trainer.max_epochs=1"


@dataclass(frozen=True, kw_only=True)
class Mine(ValueLoss):
    """A user's loss of a value."""

    name: str = "mine"
    returns: Callable[[Tensor, Tensor], Any] = lambda output, target: (output - target).square()

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Any:
        return self.returns(output.squeeze(-1), target)


@dataclass(frozen=True, kw_only=True)
class TwoOutputs(Mine):
    """A mean and a spread, and no word of what is predicted."""

    def outputs(self, target: Target, embedding_size: int) -> int:
        return 2

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        return (output[:, 0] - target).square() / output[:, 1].exp() + output[:, 1]


@dataclass(frozen=True, kw_only=True)
class ScoresAsValue(Mine):
    """Predicts a dictionary."""

    def predict(self, output: Tensor, kind: Target) -> Any:
        return {"value": output}


@dataclass(frozen=True, kw_only=True)
class Silent(Mine):
    """Predicts nothing that can be judged."""

    def predict(self, output: Tensor, kind: Target) -> Prediction:
        return Prediction(embedding=output)


@dataclass(frozen=True, kw_only=True)
class Masked(MSE):
    """A square loss with a boolean mask, which vmap refuses."""

    name: str = "masked"

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        values = super().__call__(output, target, kind)
        values[values > 100] = 100.0
        return values


@dataclass(frozen=True, kw_only=True)
class Wrong(Model):
    """A model that gives another number of outputs than asked for."""

    reads = ("vector",)

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        return nn.Sequential(nn.Linear(inputs.shape[0], outputs), nn.Flatten(0))


def planned(jobs: list[Job], **changes: object) -> Plan:
    return plan([replace(job, member=replace(job.member, **changes)) for job in jobs], 1, 128)


RETURNED: dict[str, tuple[Any, str]] = {
    "(N, N)": (lambda o, t: (o[:, None] - t).square(), r"of 8 examples it returned \(8, 8\): .* broadcast"),
    "N-1 values": (lambda o, t: (o - t)[1:].square(), r"of 8 examples it returned \(7,\)"),
    "the mean": (lambda o, t: (o - t).square().mean(), r"it returned \(\): leave the mean to the pack"),
    "None": (lambda o, t: None, r"must return a tensor \(N,\).*it returned nothing"),
    "a float": (
        lambda o, t: (o - t).square().mean().detach().item(),
        r"must return a tensor.*it returned a float",
    ),
    "detached": (lambda o, t: (o - t).square().detach(), r"without a gradient, with which nothing trains"),
    "whole numbers": (lambda o, t: (o > t).long(), r"must return floats; it returned torch\.int64"),
}


@pytest.mark.parametrize("returned", RETURNED)
def test_a_loss_that_returns_no_value_for_each_example_is_refused(jobs: Compose, returned: str) -> None:
    returns, sentence = RETURNED[returned]
    with pytest.raises(InputError, match=rf"^loss=mine .*{sentence}.*lossbench\.losses\.loss"):
        planned(jobs("seed=0"), loss=Mine(returns=returns))


MIXED: dict[str, tuple[Any, str]] = {
    "targets": (lambda o, t: (t - o[:, None]).square().mean(-1), "the target"),
    "outputs": (lambda o, t: (t[:, None] - o).square().mean(-1), "the output"),
    "the largest": (lambda o, t: (t - o[:, None]).square().amax(-1), "the target"),
    "beside what is right": (
        lambda o, t: o.square() + (t - o[:, None]).relu().mean(-1),
        "the target",
    ),
}


@pytest.mark.parametrize("returned", MIXED)
def test_a_loss_that_mixes_the_examples_of_a_batch_is_refused(jobs: Compose, returned: str) -> None:
    returns, what = MIXED[returned]
    told = rf"^loss=mine mixes .*depends on {what} of all .*broadcast to \(N, N\).*`batchwise = True`"
    with pytest.raises(InputError, match=told):
        planned(jobs("seed=0"), loss=Mine(returns=returns))
    meant = type("Meant", (Mine,), {"batchwise": True})(returns=returns)
    assert planned(jobs("seed=0"), loss=meant).packs[0].remarks == (None,)


def ranked(output: Tensor, target: Tensor) -> Tensor:
    """Pairs in the wrong order: of the others, each with its own target."""
    wrong = (target[:, None] < target).float()
    return (wrong * nn.functional.softplus(output[:, None] - output)).mean(-1)


@pytest.mark.parametrize(
    ("returns", "told"),
    [
        (ranked, True),
        (lambda o, t: (o - t).square() * (o - t).square().softmax(0), True),
        (lambda o, t: (o - t).square().mean() + 0 * o, False),
        (lambda o, t: (o - t + torch.randn_like(o)).square(), False),
        (lambda o, t: (o - t).relu(), False),
    ],
    ids=["pairs", "the hard ones", "the mean", "random", "of each"],
)
def test_a_loss_between_examples_is_told_of_where_it_does_not_say_so(
    jobs: Compose, returns: Any, told: bool
) -> None:
    (remark,) = planned(jobs("seed=0"), loss=Mine(returns=returns)).packs[0].remarks
    assert ("the value of an example depends on the others" in str(remark)) == told


@dataclass(frozen=True, kw_only=True)
class Bounded(Mine):
    """Reads a second target, or what it takes for one."""

    reads: str = "lower"

    def __call__(self, output: Tensor, target: Any, kind: Target) -> Tensor:
        return (target[self.reads] - output.squeeze(-1)).relu()


class Beside(Bounded):
    """It says so."""

    also = ("lower",)


@dataclass(frozen=True, kw_only=True)
class WithBounds(Outliers):
    """Numbers, each with a bound of its own."""

    def targets(self) -> tuple[Target, ...]:
        return (Target("continuous"), Target("lower"))

    def load(self, seed: int, reads: str) -> DataSet:
        data = super().load(seed, reads)
        parts = {
            name: replace(part, targets={**part.targets, "lower": part.targets["continuous"] - 1})
            for name in SPLITS
            if (part := getattr(data, name))
        }
        units = {**data.units, "lower": data.units["continuous"]}
        return replace(data, **parts, units=units)


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (
            Beside(reads="lowre"),
            r"\(KeyError: 'lowre', test_rehearsal\.py line \d+\): output is one tensor \(32, 1\), "
            r"target holds continuous \(32\), lower \(32\) \(see",
        ),
        (
            Bounded(),
            r"\(IndexError: .*\): output .*, target is one tensor \(32\); the data has continuous, lower, "
            r"which a loss reads by name where its `also` says so",
        ),
        (Mine(returns=lambda o, t: o @ t[1:]), r"\(RuntimeError: .*\): output is one tensor \(32, 1\), "),
    ],
    ids=["a misspelt name", "no also", "shapes"],
)
def test_a_loss_that_raises_is_refused_with_what_it_was_given(
    jobs: Compose, loss: Mine, sentence: str
) -> None:
    (job,) = jobs("seed=0")
    source = WithBounds(
        **{own.name: getattr(job.member.source, own.name) for own in fields(job.member.source)}
    )
    with pytest.raises(InputError, match=rf"^loss=mine cannot be computed on data=outliers {sentence}"):
        planned([job], source=source, loss=loss)
    assert planned([job], source=source, loss=Beside()).packs


def test_a_loss_that_needs_a_whole_batch_trains(jobs: Compose) -> None:
    needs = Mine(returns=lambda o, t: (o - t).square() + 0 * o.topk(20).values.sum())
    assert planned(jobs("seed=0"), loss=needs).packs[0].remarks == (None,)


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (
            TwoOutputs(),
            r"asks for 2 outputs an example, .* value \(1, 8, 2\) where \(1, 8\) is needed: write predict",
        ),
        (ScoresAsValue(), r"predict must return a lossbench\.task\.Prediction; it returned \{'value'"),
        (
            Silent(),
            r"gives no mae, by which data=outliers chooses .*; it gives no metric\. "
            r"Losses that give mae: berhu, huber, log_cosh, log_l1, mae, mape, mse, pinball, smape;",
        ),
    ],
    ids=["two outputs", "a dictionary", "nothing to judge"],
)
def test_a_prediction_that_cannot_be_judged_is_refused(jobs: Compose, loss: Mine, sentence: str) -> None:
    with pytest.raises(InputError, match=f"^loss=mine {sentence}"):
        planned(jobs("seed=0"), loss=loss)


def test_a_loss_without_the_metric_that_chooses_is_refused_and_not_ranked_worst(
    jobs: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = jobs("data=mnist_5k model=linear loss=hinge", small=False)
    monkeypatch.setattr(type(job.member.source), "select", "nll")
    told = r"^loss=hinge gives no nll.*Losses that give nll: cce, focal_softmax, kl, z_loss;"
    with pytest.raises(InputError, match=told):
        plan([job], 1, 128)


def test_a_loss_without_the_metric_by_which_the_experiment_chooses_is_refused(jobs: Compose) -> None:
    (job,) = jobs("data=mnist_5k model=linear loss=hinge experiment.select=nll", small=False)
    told = (
        r"^loss=hinge gives no nll, by which experiment\.select chooses learning rates; on data=mnist_5k it "
        r"gives accuracy, auroc, average_precision, balanced_accuracy, f1, mcc\. Losses that give nll: cce, "
        r"focal_softmax, kl, z_loss; or let experiment\.select name"
    )
    with pytest.raises(InputError, match=told):
        plan([job], 1, 128)


def test_of_a_loss_without_the_metric_that_judges_it_is_said_beforehand(
    jobs: Compose, caplog: pytest.LogCaptureFixture
) -> None:
    (job,) = jobs("data=mnist_5k model=linear loss=hinge experiment.judge=nll", small=False)
    (pack,) = plan([job], 1, 128).packs
    said = "loss=hinge gives no nll, by which experiment.judge judges: it will have no result there"
    assert pack.remarks == (said,)
    assert f"{said}." in caplog.messages


def test_a_metric_that_chooses_on_another_data_set_of_the_sweep_is_no_fault(jobs: Compose) -> None:
    (job,) = jobs("data=mnist_5k model=linear loss=hinge experiment.select=mae", small=False)
    assert plan([job], 1, 128).packs[0].remarks == (None,)


def test_a_model_with_other_outputs_than_asked_for_is_refused(jobs: Compose) -> None:
    with pytest.raises(InputError, match=r"^model=wrong must give floats \(N, 1\).*it gave \(8,\)"):
        planned(jobs("seed=0"), model=Wrong(name="wrong"))


def test_a_loss_that_vmap_refuses_trains_in_turns_and_the_others_stay_stacked(
    jobs: Compose, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, third = jobs("seed=0", "seed=1", "seed=2")
    masked = [replace(job, member=replace(job.member, loss=Masked())) for job in (first, second)]
    with caplog.at_level(logging.INFO):
        packs = plan([*masked, third], 1, 128).packs
    modes = {(job.member.loss.name, job.member.seed): pack.mode for pack in packs for job in pack.jobs}
    assert modes == {("masked", 0): "loop", ("masked", 1): "loop", ("mse", 2): "vmap"}
    assert caplog.text.count("2 runs train in turns (loop): torch.func.vmap refuses loss masked") == 1
    (alone,) = plan(masked[:1], 1, 128).packs
    assert alone.mode == "loop"  # as in company


def test_a_loss_that_vmap_refuses_later_is_told_once(jobs: Compose, caplog: pytest.LogCaptureFixture) -> None:
    (job,) = jobs("trainer.max_epochs=2")
    (result,) = fit([replace(job.member, loss=Masked())], "vmap")
    assert result.outcome == "finished"
    assert caplog.text.count("loss masked is computed member by member") == 1


class TestBatches:
    @pytest.mark.parametrize(
        ("loss", "size"),
        [("contrastive", 1), ("triplet", 1), ("multi_similarity", 1), ("triplet", 2)],
    )
    def test_that_hold_no_pair_or_triplet_are_refused(self, jobs: Compose, loss: str, size: int) -> None:
        sentence = rf"^loss={loss} trains nothing in batches of {size}: .* finds no .*batch_size=\d+ or more"
        with pytest.raises(InputError, match=sentence):
            plan(jobs(f"{FACES} loss={loss} trainer.batch_size={size}", small=False), 1, 128)

    def test_in_which_most_examples_find_none_are_told_and_recorded(
        self, jobs: Compose, caplog: pytest.LogCaptureFixture
    ) -> None:
        pack = jobs(
            *[f"{FACES} loss=triplet trainer.batch_size=4 seed={seed}" for seed in (0, 1)], small=False
        )
        (planned, *_) = plan(pack, 1, 128).packs
        share = "of the examples find no triplet"
        assert caplog.text.count(share) == 1
        tags = run_start(planned.jobs[0], planned).tags
        assert share in tags["lossbench.remark"]

    def test_of_the_usual_size_are_not_remarked_on(
        self, jobs: Compose, caplog: pytest.LogCaptureFixture
    ) -> None:
        pack = jobs(*[f"{FACES} loss={loss}" for loss in ("triplet", "contrastive", "cce")], small=False)
        for planned in plan(pack, 1, 128).packs:
            assert "lossbench.remark" not in run_start(planned.jobs[0], planned).tags
        assert "examples find" not in caplog.text


@dataclass(frozen=True, kw_only=True)
class JudgesBadly(MSE):
    """Its predictions break once it has been trained for a while, as a metric of a user's might."""

    name: str = "badly"
    limit: int = 40

    def predict(self, output: Tensor, kind: Target) -> Prediction:
        if output.shape[-2] >= self.limit:
            raise ArithmeticError("too many")
        return super().predict(output, kind)


@dataclass(frozen=True, kw_only=True)
class RaisesToo(JudgesBadly):
    """A loss with a fault of its own."""

    name: str = "raises"

    def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
        raise RuntimeError("I never work")


@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_an_error_in_judging_ends_its_member_alone_and_hides_no_error_of_the_loss(
    jobs: Compose, mode: str
) -> None:
    good, bad, worse, late = (job.member for job in jobs("seed=0", "seed=0", "seed=1", "seed=1"))
    bad, worse = replace(bad, loss=JudgesBadly()), replace(worse, loss=RaisesToo())
    late = replace(late, loss=JudgesBadly(limit=50))  # fits validation, and not the test
    results = fit([good, bad, worse, late], mode)
    assert results[0] == fit([good], mode)[0]
    assert [result.outcome for result in results] == ["finished", "failed", "failed", "failed"]
    assert results[1].reason == "judging its predictions raised ArithmeticError: too many"
    assert "test_rehearsal" in str(results[1].traceback)
    assert results[2].reason == "the loss raised RuntimeError at step 1: I never work"
    assert results[3].history["val/mae"]


def test_an_embedding_loss_of_ones_own_says_what_it_needs() -> None:
    labels = torch.tensor([[0, 0, 1, 2], [0, 1, 2, 3]])

    @dataclass(frozen=True, kw_only=True)
    class Own(EmbeddingLoss):
        def __call__(self, output: Tensor, target: Tensor, kind: Target) -> Tensor:
            return output.sum(-1)

    assert not Own(name="own").idle(labels).any()
    assert Own(name="own").idle(labels[:, :1]).all()
