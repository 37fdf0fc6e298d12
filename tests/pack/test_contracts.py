"""Weights, places, several targets, named inputs and outputs, noise, shared tensors and fresh batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from contract_uses import KEPT, STEPS, Rows, Steps, Together, Towers, member
from torch import nn

from lossbench.data import module
from lossbench.data.module import PackData
from lossbench.errors import InputError
from lossbench.job import Member
from lossbench.losses.bce import BCE
from lossbench.losses.berhu import BerHu
from lossbench.losses.cce import CCE
from lossbench.losses.hinge import Hinge
from lossbench.losses.huber import Huber
from lossbench.losses.kl import KL
from lossbench.losses.log_l1 import LogL1
from lossbench.losses.loss import Loss
from lossbench.losses.mae import MAE
from lossbench.losses.mse import MSE
from lossbench.losses.silog import SILog
from lossbench.losses.third_party import ThirdParty
from lossbench.models.model import Model
from lossbench.models.module import Module
from lossbench.pack.checkpoint import Checkpoints
from lossbench.pack.engine import build_modules
from lossbench.pack.fate import MemberResult
from lossbench.pack.fit import fit
from lossbench.pack.lanes import HeldLanes
from lossbench.pack.modes import cannot_stack
from lossbench.pack.rehearsal import rehearse
from lossbench.task import Inputs, Prediction, Target, Units

THEIRS = Module(
    name="theirs",
    module={"_target_": "contract_uses.Pair", "size": "left.features", "outputs": "outputs"},
    reads=("pair",),
    gives=("output", "left", "right"),
)
VALUES: list[Loss] = [MSE(), MAE(), Huber(delta=0.5), Huber(delta=2.0)]
OF_DEPTH: list[Loss] = [BerHu(), BerHu(share=0.5), LogL1(), SILog(), SILog(invariance=1.0)]
SCORES: list[Loss] = [CCE(), KL(), Hinge(), MSE(softmax=True)]
TOGETHER: list[Loss] = [Together(share=0.1), Together(share=1.0)]
TORCH = ThirdParty(
    name="torch_mse",
    function=torch.nn.MSELoss(reduction="none"),
    trains_on=("continuous",),
    encoding="value",
    output_size="one",
    meaning="value",
    stackable=True,
)


def members(losses: list[Loss], model: Model | None = None, **data: object) -> list[Member]:
    """A member for each loss and two seeds, at two rates."""
    made = model or Rows()
    return [member(made, loss, seed, lr, **data) for loss in losses for seed, lr in ((0, 0.01), (1, 0.05))]


def on_classes(losses: list[Loss]) -> list[Member]:
    """Members that train on classes, which also choose."""
    found = []
    for one in members(losses):
        target = Target("multiclass", 4, shape=(STEPS,))
        found.append(replace(one, target=target, source=_choosing("accuracy")))
    return found


def _choosing(select: str) -> Steps:
    kind = type("Chosen", (Steps,), {"select": select})
    source: Steps = kind()
    return source


def keeping() -> list[Member]:
    kind = type("Keeping", (Steps,), {"judged_by": (KEPT,), "select": "kept_mae"})
    return [replace(one, source=kind(weighted=True)) for one in members(VALUES)]


CASES: dict[str, Callable[[], list[Member]]] = {
    "numbers at places": lambda: members([*VALUES, TORCH]),
    "classes at places": lambda: on_classes(SCORES),
    "several labels": lambda: [
        replace(
            one, target=next(t for t in one.source.targets() if t.kind == "binary"), source=_choosing("auroc")
        )
        for one in members([BCE(), Hinge()])
    ],
    "weights": lambda: members(VALUES, weighted=True),
    "losses of depth": lambda: members(OF_DEPTH),
    "losses of depth, and weights that some of them read": lambda: members(OF_DEPTH, weighted=True),
    "fresh batches": lambda: members(VALUES, anew=True),
    "named inputs, outputs, targets and noise": lambda: members(
        [*VALUES, *TOGETHER], Towers(), weighted=True
    ),
    "a measure that keeps": keeping,
    "a module of others with two inputs and three outputs": lambda: members([*VALUES, *TOGETHER], THEIRS),
}


def outcome(result: MemberResult) -> tuple[object, ...]:
    return result.outcome, result.metrics, result.history


@pytest.mark.parametrize("mode", ["vmap", "loop"])
@pytest.mark.parametrize("case", CASES)
def test_a_member_alone_equals_the_member_in_company(case: str, mode: str) -> None:
    pack = CASES[case]()
    together = fit(pack, mode)
    assert {result.outcome for result in together} == {"finished"}, [r.reason for r in together]
    for one, result in zip(pack[::3], together[::3], strict=True):
        assert outcome(fit([one], mode)[0]) == outcome(result)


@dataclass(frozen=True, kw_only=True)
class _Curved(Rows):
    """Functions that the processor computes otherwise at the end of a tensor than within it."""

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        layers = (
            nn.Linear(4, 3),
            nn.Sigmoid(),
            nn.Linear(3, 5),
            nn.Softplus(),
            nn.Mish(),
            nn.Linear(5, outputs),
        )
        return nn.Sequential(*layers)


@dataclass(frozen=True, kw_only=True)
class _Softly(MSE):
    def __call__(self, output: torch.Tensor, target: torch.Tensor, kind: Target) -> torch.Tensor:
        return torch.logaddexp(*self.compared(output, target, kind)).sigmoid().mean(-1)

    def predict(self, output: torch.Tensor, kind: Target) -> Prediction:
        return super().predict(nn.functional.softplus(output), kind)


@pytest.mark.parametrize("batch_size", [1, 7, 29])
def test_what_stands_at_the_end_of_a_stack_is_computed_as_what_stands_within(batch_size: int) -> None:
    pack = [
        replace(m, trainer=replace(m.trainer, batch_size=batch_size)) for m in members([_Softly()], _Curved())
    ]
    pack = [replace(m, optimizer=replace(m.optimizer, lr=lr)) for m in pack for lr in (0.01, 0.02, 0.03)]
    for one, result in zip(pack, fit(pack, "vmap"), strict=True):
        assert outcome(fit([one], "vmap")[0]) == outcome(result)


@pytest.mark.parametrize("case", CASES)
def test_all_of_it_stacks(case: str) -> None:
    for one in CASES[case]()[::2]:
        data = one.source.load(one.seed, one.reads)
        module = build_modules([one], data.description.inputs)[0]
        assert cannot_stack(one, module, data) is None
        assert rehearse(one, module, data).obstacle is None


@pytest.mark.parametrize("loss", [MSE(), MAE(), Huber(), Together(), *OF_DEPTH])
@pytest.mark.parametrize("mode", ["vmap", "loop"])
def test_what_has_no_weight_counts_for_nothing(loss: Loss, mode: str) -> None:
    model = Towers() if loss.needs else Rows()
    clean, spoilt = (member(model, loss, weighted=True, spoilt=far) for far in (0.0, 1e6))
    assert outcome(fit([clean], mode)[0]) == outcome(fit([spoilt], mode)[0])
    unweighted = fit([member(model, loss, spoilt=1e6)], mode)[0]
    assert unweighted.metrics["test/mae"] > 1000  # there it would count


def test_all_losses_of_a_seed_see_the_same_noise() -> None:
    pack = members([MSE(), MAE()], Towers())
    data = PackData([m.source.load(m.seed, m.reads) for m in pack], [m.seed for m in pack], 8)
    lanes = HeldLanes(data, pack, torch.device("cpu"))
    positions = data.order(0)[:, :8]
    noise = lanes.batch(positions, step=5).read[1]["jitter"]
    assert not torch.equal(noise[0], noise[1])
    assert torch.equal(lanes.batch(positions, step=5).read[1]["jitter"], noise)
    assert not torch.equal(lanes.batch(positions, step=6).read[1]["jitter"], noise)


def test_members_of_one_lane_hold_its_targets_once() -> None:
    pack = members(VALUES)
    loaded = {seed: pack[0].source.load(seed, "vector") for seed in (0, 1)}
    data = PackData([loaded[m.seed] for m in pack], [m.seed for m in pack], 8)
    lanes = HeldLanes(data, pack, torch.device("cpu"))
    assert lanes.truth["train"]["continuous"].shape == (2, 30, STEPS)
    read = lanes.batch(data.order(0)[:, :8], step=0).targets.keys() - lanes.shared.keys()
    assert read == {"continuous"} < lanes.truth["train"].keys()  # of five kinds what its losses read
    assert lanes.lane.tolist() == [0, 1] * len(VALUES)


def test_noise_and_fresh_batches_go_on_after_an_interruption(tmp_path: Path) -> None:
    for number, pack in enumerate((members(TOGETHER, Towers()), members(VALUES, anew=True))):
        checkpoint = Checkpoints(tmp_path).of([str(number)], "vmap", gpu=False, every=1)
        whole = fit(pack, "vmap")

        def interrupt(_: object) -> None:
            if checkpoint.path.exists():  # noqa: B023 - called in this very round
                raise InterruptedError

        with pytest.raises(InterruptedError):
            fit(pack, "vmap", on_epoch=interrupt, checkpoint=checkpoint)
        assert fit(pack, "vmap", checkpoint=checkpoint) == whole


def test_a_measure_that_keeps_gives_what_it_gives_of_the_whole() -> None:
    kept = fit(keeping()[:2], "vmap")
    whole = fit(members([MSE()], weighted=True), "vmap")
    for one, other in zip(kept, whole, strict=True):
        assert one.metrics["test/kept_mae"] == pytest.approx(other.metrics["test/mae"], rel=1e-12)


class _Raising(MSE):
    """Cannot say what its outputs mean, from the second range of a split on."""

    def predict(self, output: torch.Tensor, kind: Target) -> Prediction:
        if output.shape[-3] not in (5, 7):  # of the rehearsal, and the first range
            raise ValueError("what is this?")
        return super().predict(output, kind)


def test_what_is_kept_range_by_range_is_what_is_kept_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit(keeping(), "vmap")
    monkeypatch.setattr(module, "EVALUATED_AT_ONCE", 5)
    monkeypatch.setattr(module, "_CHUNK_NUMBERS", 1)
    pack = keeping()
    for one, other in zip(fit(pack, "vmap"), whole, strict=True):
        assert one.metrics["test/kept_mae"] == pytest.approx(other.metrics["test/kept_mae"], rel=1e-6)
    broken = fit([*pack, replace(pack[0], loss=_Raising())], "vmap")
    assert [result.outcome for result in broken] == ["finished"] * len(pack) + ["failed"]
    assert broken[-1].reason == "judging its predictions raised ValueError: what is this?"


class _Reducing(MSE):
    def __call__(self, output: torch.Tensor, target: torch.Tensor, kind: object) -> torch.Tensor:
        return super().__call__(output, target, kind).mean().expand(len(output))  # type: ignore[arg-type]


class _Lacking(Together):
    also = ("teacher", "class_counts")


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        (member(Towers(), Together(), weighted=True), None),
        (
            replace(member(Towers(), MSE()), loss=Together(), model=Rows(), reads="vector"),
            "needs the outputs left",
        ),
        (
            replace(member(Towers(), Together()), loss=_Lacking()),
            "reads class_counts beside continuous; data=steps",
        ),
        (member(Rows(), _Reducing(), weighted=True), "reduces over the batch itself"),
    ],
)
def test_what_does_not_fit_is_refused_before_training(one: Member, sentence: str | None) -> None:
    data = one.source.load(one.seed, one.reads)
    module = build_modules([one], data.description.inputs)[0]
    if sentence is None:
        assert rehearse(one, module, data).obstacle is None
        return
    with pytest.raises(InputError, match=sentence):
        rehearse(one, module, data)


def test_a_further_target_in_other_units_is_told_until_units_say_that_it_is_meant() -> None:
    one = member(Towers(), Together(), weighted=True)
    data = one.source.load(one.seed, one.reads)
    module = build_modules([one], data.description.inputs)[0]
    told = str(rehearse(one, module, data).remark)
    assert told.startswith("loss=together reads continuous in units (shifted and scaled) and teacher as the")
    assert "let `units` give teacher the same, elsewhere Units()" in told
    for own in (data.units["continuous"], Units()):
        meant = replace(data, units={**data.units, "teacher": own})
        assert rehearse(one, module, meant).remark is None
    assert rehearse(one, module, replace(data, units={})).remark is None
    alone = member(Towers(), MSE(), weighted=True)
    assert rehearse(alone, module, data).remark is None
