"""The pack: one LightningModule that trains R members, each with a fate of its own."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lossbench.data.module import LaneData
from lossbench.data.source import Split
from lossbench.errors import first_line
from lossbench.job import Member
from lossbench.lightning import LightningModule
from lossbench.metrics.thresholds import unknown
from lossbench.pack.continuing import continued
from lossbench.pack.engine import Engine, build_modules
from lossbench.pack.epoch_loss import EpochLoss
from lossbench.pack.evaluation import Evaluation
from lossbench.pack.fate import Failure, MemberResult, member_result
from lossbench.pack.groups import Group, loss_groups
from lossbench.pack.halves import FEWEST
from lossbench.pack.judging import cross_losses, judge_members, prediction_arrays
from lossbench.pack.lanes import lanes_of
from lossbench.pack.objective import BatchLosses
from lossbench.pack.stacked import StackedEngine
from lossbench.pack.standing import Standing
from lossbench.pack.streamed import Lot
from lossbench.pack.turns import TurnsEngine
from lossbench.trees import Tree, mapped

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger(__name__)


class Pack(LightningModule):
    """Trains, validates and tests members side by side: stacked (`vmap`), or in turns (`loop`)."""

    engine: Engine

    def __init__(self, members: Sequence[Member], data: LaneData, mode: str) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.members, self.count = list(members), len(members)
        self.data = data
        self.mode = mode
        self.failures: dict[int, Failure] = {}
        self.curves: dict[str, list[Tensor]] = {}  # name -> one (R,) per epoch; nan: absent or frozen
        self.test: dict[str, Tensor] = {}  # metric -> (R,)
        self.arrays: list[dict[str, np.ndarray[Any, Any]]] = []
        self.updates = 0
        self._ready = False
        self._told: set[str] = set()  # losses of which something was said

    def setup(self, stage: str) -> None:
        """Build weights and place inputs and targets where the trainer trains; once."""
        if self._ready:
            return
        self._ready = True
        device = self.trainer.strategy.root_device
        inputs = [self.data.lanes[lane].description.inputs for lane in self.data.lane.tolist()]
        modules = build_modules(self.members, inputs)
        kind = StackedEngine if self.mode == "vmap" else TurnsEngine
        self.lanes = lanes_of(self.data, self.members, device)
        self.engine = kind(self.members, modules, self.lanes.lane)
        self.groups = loss_groups(self.members, self.lanes)
        self.exact = self.lanes.exact  # where metrics and what follows from them are kept
        self.active = torch.ones(self.count, dtype=torch.bool, device=self.exact)
        self.everyone = True  # whether all are active, known without asking the device
        first = self.members[0]
        self.standing = Standing(first.source.selecting, self.count, self.exact, first.trainer.keep)
        self.thresholds = unknown(self.count).to(self.exact)  # of best epochs, for decisions on two classes

    def configure_optimizers(self) -> None:
        """None: the engine updates its members itself."""

    def on_train_epoch_start(self) -> None:
        """Begin the epoch's mean training loss."""
        self.epoch_loss = EpochLoss(self.count, self.exact)

    def training_step(self, given: Sequence[Tensor | Lot], batch: int) -> None:
        """An update of all active members on each batch: positions (L, B), or what streams gave."""
        for one in given:
            if not self.trainer.should_stop:
                self._train(one)

    def _train(self, given: Tensor | Lot) -> None:
        first = self.members[0]
        total = self.data.updates_per_epoch * first.trainer.epochs
        read = self.lanes.batch(given, self.updates).at(self.updates / total)
        objective = BatchLosses(self.groups, read, self._raised, self._computed_singly)
        factor = first.optimizer.rate_factor(self.updates, total)
        active = None if self.everyone else self.active.to(self.lanes.device)
        losses = self.engine.step(read.read, objective, active, factor, self.updates).to(self.exact)
        self.updates += 1
        counts = read.size if read.weight is None else read.weight.to(self.exact)
        self.epoch_loss.add(losses, objective.parts, counts)
        finite = losses.isfinite()
        if not bool((finite | ~self.active).all()):
            self._freeze(self.active & ~finite, losses)

    def on_validation_epoch_start(self) -> None:
        """Outputs are gathered over the ranges and judged as a whole."""
        self.evaluation = self._evaluation("val")

    def validation_step(self, given: slice | Lot, batch: int) -> None:
        """Evaluate all members on a part of the validation split: a range, or what streams gave."""
        self._evaluate("val", given)

    def on_validation_epoch_end(self) -> None:
        """Judge, remember the best weights, stop members that wait in vain."""
        self._freeze(self.active & ~self.engine.finite().to(self.exact), None)
        self.standing.look(self.evaluation.finite, self.active)
        found, truth = self.evaluation.found(), self.lanes.truth["val"]
        judged = judge_members(found, truth, self.members, self._not_judged)
        validated = {f"val/{name}": values for name, values in judged.items()}
        for name, values in {**self.epoch_loss.means(), **validated}.items():
            self._record(name, values)
        if self.data.size("val") >= FEWEST:
            self.standing.halves.look(self.active, found, truth, self.members, self._not_judged)
        self._choose(judged)

    def on_test_epoch_start(self) -> None:
        """Test is read once, with the best weights of each member."""
        self.engine.use_best()
        self.evaluation = self._evaluation("test", self.thresholds)

    def test_step(self, given: slice | Lot, batch: int) -> None:
        """Evaluate all members on a part of the test split."""
        self._evaluate("test", given)

    def on_test_epoch_end(self) -> None:
        """Judge, and score the outputs with every loss that can be evaluated on them."""
        found, outputs = continued(self.evaluation, self.engine, self.lanes), self.evaluation.outputs
        judged = judge_members(found, self.lanes.truth["test"], self.members, self._not_judged)
        crossed = {} if outputs is None else cross_losses(self.groups, self.members, outputs)
        self.test = {f"test/{name}": values for name, values in judged.items()}
        self.test |= {f"test_cross/{name}": values for name, values in crossed.items()}
        self.arrays = prediction_arrays(found, self.members, self.lanes)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """All that the epochs to come, and the results, depend on."""
        checkpoint["pack"] = {
            "engine": self.engine.state(),
            "failures": {member: asdict(failure) for member, failure in self.failures.items()},
            "curves": {name: torch.stack(values) for name, values in self.curves.items()},
            "standing": self.standing.state(),
            "thresholds": self.thresholds,
            "active": self.active,
            "updates": self.updates,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from a checkpoint of the same members; `setup` has run."""
        state, device = checkpoint["pack"], self.active.device
        self.engine.load(state["engine"])
        failures = state["failures"].items()
        self.failures = {m: Failure(f["outcome"], f["reason"], f["traceback"]) for m, f in failures}
        self.curves = {name: list(values.to(device)) for name, values in state["curves"].items()}
        self.standing.load(state["standing"], device)
        self.thresholds = state.get("thresholds", self.thresholds).to(device)  # older ones have none
        self.active = state["active"].to(device)
        self.updates = state["updates"]
        self._deactivate(~self.active)

    def results(self, *, keep_models: bool = False) -> list[MemberResult]:
        """What each member leaves behind, after the test, which was taken with its best weights."""
        columns = {name: torch.stack(values).T.tolist() for name, values in self.curves.items()}
        totals = {name: values.tolist() for name, values in {**self.standing.totals(), **self.test}.items()}
        fates = (self.failures.get(member) or self.standing.failure(member) for member in range(self.count))
        results = [
            member_result(member, columns, totals, self.arrays[member], fate)
            for member, fate in enumerate(fates)
        ]
        for member, result in enumerate(results):
            if keep_models and result.outcome == "finished":
                weights, buffer = self.engine.weights(member), io.BytesIO()
                torch.save({name: value.contiguous().cpu() for name, value in weights.items()}, buffer)
                result.model = buffer.getvalue()
        return results

    def release(self) -> None:
        """Let go of weights and data at once: Lightning's objects refer to each other and outlive a fit."""
        del self.engine, self.groups, self.lanes, self.evaluation

    def _evaluate(self, split: Split, given: slice | Lot) -> None:
        self.evaluation.add(self._outputs(split, given), given.start)

    def _outputs(self, split: Split, given: slice | Lot) -> Tree:
        # Not the number of updates: those that a pack has taken at its end depend on its longest member.
        epoch = 0 if self.trainer.testing else self.current_epoch + 1
        moment = ("test" if self.trainer.testing else "val", epoch, split, given.start)
        return self.engine.outputs(self.lanes.evaluated(split, given), moment)

    def _evaluation(self, split: Split, thresholds: Tensor | None = None) -> Evaluation:
        given = split, self.data.size(split), self._train_outputs, self._not_judged, thresholds
        return Evaluation(self.groups, self.members, *given)

    def _train_outputs(self) -> Tree:
        parts = [self._outputs("train", given) for given in self.data.chunks("train")]
        return mapped(lambda *tensors: torch.cat(tensors, dim=1).to(self.exact), *parts)

    def _record(self, name: str, values: Tensor) -> None:
        self.curves.setdefault(name, []).append(torch.where(self.active, values, torch.nan))

    def _choose(self, judged: dict[str, Tensor]) -> None:
        improved = self.standing.improved(judged, self.active, self.current_epoch + 1)
        self.engine.keep(improved.to(self.lanes.device))
        if (best := self.evaluation.thresholds) is not None:
            self.thresholds = best.where(improved.unsqueeze(-1), self.thresholds)
        patience = self.members[0].trainer.patience
        if patience is not None:
            self._deactivate(self.active & (self.standing.waited >= patience))

    def _raised(self, member: int, error: Exception, trace: str) -> None:
        reason = f"the loss raised {type(error).__name__} at step {self.updates + 1}: {error}"
        self.failures.setdefault(member, Failure("failed", reason, trace))

    def _not_judged(self, member: int, error: Exception, trace: str) -> None:
        """A metric or a prediction raised: of a member that had stopped before, this is no news."""
        if self.trainer.testing or bool(self.active[member]):
            reason = f"judging its predictions raised {type(error).__name__}: {error}"
            self.failures.setdefault(member, Failure("failed", reason, trace))
            self._deactivate(torch.arange(self.count, device=self.active.device) == member)

    def _computed_singly(self, group: Group, error: Exception) -> None:
        """Said once: planning tries each loss on one batch, and this is another."""
        name, slow = group.losses[0].name, "is computed member by member, which takes longer"
        if name not in self._told:
            log.warning("loss %s %s: torch.func.vmap refuses it (%s)", name, slow, first_line(error))
        self._told.add(name)

    def _freeze(self, broken: Tensor, losses: Tensor | None) -> None:
        """Freeze members whose loss (or, without losses, whose weights) became non-finite."""
        for member in broken.nonzero().flatten().tolist():
            what = "the weights became non-finite" if losses is None else f"the loss became {losses[member]}"
            failure = Failure("diverged", f"{what} at step {self.updates}")
            self.failures.setdefault(member, failure)
        self._deactivate(broken)

    def _deactivate(self, members: Tensor) -> None:
        self.active = self.active & ~members
        self.everyone = bool(self.active.all())
        if not bool(self.active.any()):
            self.trainer.should_stop = True
