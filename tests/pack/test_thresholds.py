"""Thresholds come from the validation of the epoch whose weights are tested, and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn import metrics as reference

from lossbench.config.choice import knob
from lossbench.data.cache import DataCache
from lossbench.data.source import DataSet, DataSource
from lossbench.job import Member
from lossbench.losses.bce import BCE
from lossbench.losses.cce import CCE
from lossbench.losses.hinge import Hinge
from lossbench.losses.loss import Loss
from lossbench.losses.mse import MSE
from lossbench.losses.triplet import Triplet
from lossbench.metrics.names import DECISIONS, TUNED
from lossbench.models.mlp import MLP
from lossbench.optimizer import Adam
from lossbench.pack.checkpoint import Checkpoints
from lossbench.pack.fate import MemberResult
from lossbench.pack.fit import fit
from lossbench.seeds import torch_generator
from lossbench.task import Inputs, Target
from lossbench.trainer import TrainerOptions

LOSSES: list[Loss] = [BCE(), BCE(pos_weight=9.0), CCE(), Hinge(), MSE(), Triplet()]


@dataclass(frozen=True, kw_only=True)
class Rare(DataSource):
    """One of ten is of class 1; validation holds the examples of the test in another order."""

    reads = ("vector",)
    judged_by = ("classes",)
    select = "auroc"
    name: str = "rare"
    mixed: bool = knob(False)  # the labels of the test, among its examples
    weighted: bool = knob(False)

    def targets(self) -> tuple[Target, ...]:
        return Target("binary", 2), Target("identity", 2), Target("continuous")

    def load(self, seed: int, reads: str) -> DataSet:
        draw = torch_generator(seed, "rare")
        labels = (torch.arange(200) % 10 == 0).long()
        inputs = torch.randn(200, 6, generator=draw) + 0.7 * labels.unsqueeze(-1)
        twice = torch.tensor([*range(200), *reversed(range(100, 200))])
        labels, inputs = labels[twice], inputs[twice]
        rows = {"train": torch.arange(100), "val": torch.arange(100, 200), "test": torch.arange(200, 300)}
        if self.mixed:
            labels[200:] = labels[200:][torch.randperm(100, generator=draw)]
        targets = {"binary": labels, "identity": labels, "continuous": labels.double()}
        if self.weighted:
            targets["weight"] = torch.rand(200, generator=draw)[twice]
        return self.data_set(Inputs("vector", (6,)), inputs, targets, rows, "drawn")


def pack(**data: Any) -> list[Member]:
    trainer = TrainerOptions(name="default", max_epochs=4, batch_size=16)
    source, found = Rare(**data), []
    for number, loss in enumerate(LOSSES):
        target = loss.chosen_target(source.targets())
        assert target is not None
        optimizer = Adam(name="adam", lr=0.03)
        model = MLP(name="mlp", hidden=(8,))
        found.append(Member(number % 2, source, model, loss, optimizer, trainer, "vector", target))
    return found


def trained(members: list[Member], mode: str = "vmap") -> list[MemberResult]:
    """Those of one shape side by side."""
    found = {}
    for size in {member.outputs for member in members}:
        places = [place for place, member in enumerate(members) if member.outputs == size]
        found |= dict(zip(places, fit([members[place] for place in places], mode, DataCache()), strict=True))
    results = [found[place] for place in range(len(members))]
    assert [(one.outcome, one.reason) for one in results] == [("finished", None)] * len(members)
    return results


@pytest.mark.parametrize("weighted", [False, True])
def test_a_tuned_metric_is_the_best_that_scikit_learn_finds_for_the_weights_that_are_tested(
    weighted: bool,
) -> None:
    """Where validation and test are alike, the best on one is the best on the other."""
    for result in trained(pack(weighted=weighted)):
        own = {name: torch.from_numpy(array).double() for name, array in result.predictions.items()}
        order = own["value"] if "scores" not in own else own["scores"][:, 1] - own["scores"][:, 0]
        labels, weight = own["target_binary"], own.get("target_weight")
        limits = [torch.inf, *order.tolist()]
        f1 = [
            reference.f1_score(labels, order >= limit, average="macro", sample_weight=weight)
            for limit in limits
        ]
        assert result.metrics["test/f1_tuned"] == pytest.approx(max(f1), abs=1e-7)
        assert result.metrics["val_best/f1_tuned"] == result.metrics["test/f1_tuned"]
        false, true, _ = reference.roc_curve(labels, order, sample_weight=weight)
        best = max(true[false <= 0.002])
        assert result.metrics["test/recall_at_fpr_0.002"] == pytest.approx(best)
        assert result.metrics["test/f1_tuned"] >= result.metrics["test/f1"] - 1e-7


def test_labels_of_the_test_change_no_threshold() -> None:
    right, mixed = trained(pack()), trained(pack(mixed=True))
    for one, other in zip(right, mixed, strict=True):
        assert one.predictions[DECISIONS].shape == (100, len(TUNED))
        assert (one.predictions[DECISIONS] == other.predictions[DECISIONS]).all()
        assert one.metrics["test/f1_tuned"] != other.metrics["test/f1_tuned"]
        assert one.history == other.history


def test_a_member_alone_and_in_turns_has_its_thresholds() -> None:
    members = pack()
    together = trained(members)
    for member, known in zip(members, together, strict=True):
        (alone,) = trained([member])
        assert (alone.metrics, alone.history) == (known.metrics, known.history)
    for result in trained(members, "loop"):
        assert all(f"test/{name}" in result.metrics for name in TUNED)


def test_a_pack_that_goes_on_from_a_checkpoint_has_its_thresholds(tmp_path: Path) -> None:
    """Its best epoch may lie before it was interrupted."""
    members = pack()[:2]
    whole = trained(members)
    checkpoint = Checkpoints(tmp_path).of(["a", "b"], "vmap", gpu=False, every=1)
    checkpointed: list[object] = []

    def interrupt(epoch: object) -> None:
        checkpointed.append(epoch)
        if checkpoint.path.exists():
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(members, "vmap", on_epoch=interrupt, checkpoint=checkpoint)
    assert len(checkpointed) < 4
    again = fit(members, "vmap", checkpoint=checkpoint)
    assert [one.metrics for one in again] == [one.metrics for one in whole]


def test_data_without_two_classes_has_no_tuned_threshold() -> None:
    source = type("Many", (Rare,), {"targets": lambda self: (Target("identity", 2), Target("continuous"))})
    assert not any(set(measure.names) & set(TUNED) for measure in source().measures)


@pytest.mark.parametrize("metric", ["auroc", "average_precision", "nll"])
def test_the_metric_that_is_said_to_choose_chooses_the_epoch(metric: str) -> None:
    members = [member for member in pack(select_by=metric) if isinstance(member.loss, (BCE, CCE))]
    for result in trained(members):
        curve = dict(result.history[f"val/{metric}"])
        best = (min if metric == "nll" else max)(curve, key=lambda epoch: curve[epoch])
        assert result.metrics["val_best/epoch"] == best
