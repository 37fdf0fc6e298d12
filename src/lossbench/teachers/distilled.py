"""A data set with classes, and what a teacher says of each example."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from lossbench.config.choice import knob
from lossbench.data.source import SPLITS, DataSet, DataSource, Examples, Loaded, Split
from lossbench.errors import InputError
from lossbench.losses.taught import TEACHER
from lossbench.metrics.named import named
from lossbench.task import InputKind, Prediction, Target
from lossbench.teachers.lesson import known_by, place, said_in, source_values, take_after, taught
from lossbench.teachers.recipe import Recipe, full_node, made, made_of, nodes_of

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.data.baseline import Baseline
    from lossbench.metrics.measure import Measure

_CLASSES = ("multiclass", "binary")
_AGREEMENT = "agreement"  # the family of measures


@dataclass(frozen=True, kw_only=True)
class Distilled(DataSource):
    """A data set of examples with one class each, and beside the class the logits of a teacher.

    The teacher is trained once for each seed, on the training examples of that seed and their labels, wrong
    ones too; validation chooses its epoch, as it does for every run, and test examples choose nothing. Its
    logits are those of the examples as they are kept: where training batches are made anew (`fresh`), it has
    not seen what students see. It stands as a baseline in reports.

    of: the data set, by the name of its YAML.
    knobs: those of its knobs that are not to be as its YAML says.
    without: a class whose examples students do not train on, by its number; the teacher does, and validation
        and test hold it.
    teacher: `model`, and where they are not to be the usual ones `loss`, `optimizer` and `trainer`: each the
        name of a YAML, or `name` and knobs. `jitter`: pixels by which training images move at most.
    """

    of: str = knob("mnist_5k")
    knobs: Mapping[str, Any] | None = knob(None, optional=True)
    without: int | None = knob(None, at_least=0, optional=True)
    teacher: Mapping[str, Any] | str | None = knob(None, optional=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        _other({"name": self.name, "of": self.of})
        source, _ = self.source, self.recipe  # each refuses what it cannot be made of
        take_after(self, source)
        own: list[str | Measure] = [named(path) for path in source.metrics]
        object.__setattr__(self, "judged_by", (*source.judged_by, *own, _AGREEMENT))
        size = self._classes.size
        if self.without is not None and self.without >= size:
            raise InputError(
                f"data.without={self.without} is no class of {self.of}: name one of 0 to {size - 1}."
            )

    def __hash__(self) -> int:
        return hash(json.dumps(self.values(), sort_keys=True, default=str))

    @cached_property
    def source(self) -> DataSource:
        """The data set that is taught."""
        node = full_node("data", "data.of", {**_knobs(self.knobs), "name": self.of})
        found = made(f"data set of data={self.name}", "data", "data.knobs", node)
        assert isinstance(found, DataSource)
        return found

    @property
    def set_to(self) -> dict[str, Any]:
        """The knobs of the data set that are not as its YAML says."""
        usual = full_node("data", "data.of", self.of)
        known = made(f"data set of data={self.name}", "data", "data.of", usual).values()
        return {name: own for name, own in self.source.values().items() if known.get(name) != own}

    @cached_property
    def recipe(self) -> Recipe:
        """How the teacher is made."""
        return made_of(nodes_of(self.name, self.teacher))

    @classmethod
    def completed(cls, node: Mapping[str, Any]) -> dict[str, Any]:
        """With all that YAMLs say of the data set and of the teacher."""
        name, of = str(node.get("name")), _other(node)
        knobs = full_node("data", "data.of", {**_knobs(node.get("knobs")), "name": of})
        return {**node, "_recursive_": False, "knobs": knobs, "teacher": nodes_of(name, node.get("teacher"))}

    def values(self) -> dict[str, Any]:
        """As of every choice; of the data set and of the teacher all their knobs."""
        return {**super().values(), "knobs": source_values(self.source), "teacher": self.recipe.values()}

    @property
    def _classes(self) -> Target:
        """What is taught.

        Raises:
            InputError: the data set has no classes.
        """
        offered = [target for target in self.source.targets() if not target.shape]
        found = next((target for kind in _CLASSES for target in offered if target.kind == kind), None)
        if found is None:
            raise InputError(
                f"data.of={self.of} has no class for each example, which a teacher could teach: name a data "
                "set that has, as data.of=mnist_5k."
            )
        return dataclasses.replace(found, size=2) if found.kind == "binary" else found

    def targets(self) -> tuple[Target, ...]:
        return (*self.source.targets(), Target(TEACHER, self._classes.size))

    def fingerprint(self, seed: int) -> str:
        """Of the data and of how the teacher is made, which is not trained for it."""
        return known_by(self.source, self.recipe, seed)

    def account(self) -> list[str]:
        return self.source.account()

    def training_size(self) -> int:
        return self.source.training_size()

    def part_sizes(self, seed: int) -> tuple[int, ...]:
        sizes = self.source.part_sizes(seed)
        if self.without is None:
            return sizes
        return (*sizes, _seen_size(self, seed))

    def baselines(self) -> Mapping[str, Baseline]:
        return {**self.source.baselines(), TEACHER: by_teacher}

    def load(self, seed: int, reads: InputKind) -> Loaded:
        data = self.source.load(seed, reads)
        if not isinstance(data, DataSet):
            raise InputError(f"data.of={self.of} is read as a stream: a teacher needs data in memory.")
        said = self.said(data, seed)
        parts = {
            split: dataclasses.replace(own, targets={**own.targets, TEACHER: said[split]})
            for split in SPLITS
            if (own := getattr(data, split))
        }
        parts["train"] = self._seen(parts["train"])
        description = dataclasses.replace(
            data.description,
            name=self.name,
            targets=self.targets(),
            sizes={split: len(own) for split, own in parts.items()},
            fingerprint=self.fingerprint(seed),
        )
        return dataclasses.replace(data, description=description, **parts)

    def said(self, data: DataSet, seed: int) -> Mapping[Split, Tensor]:
        """What the teacher says of the examples of each part, (N, C)."""
        return taught(self.source, self.recipe, seed).logits

    def _seen(self, train: Examples) -> Examples:
        """Of the training examples those that students see."""
        if self.without is None:
            return train
        left = train.targets[self._classes.kind] != self.without
        targets = {name: own[left] for name, own in train.targets.items()}
        ids, groups = (None if own is None else own[left] for own in (train.ids, train.groups))
        return Examples(train.rows[left], targets, ids, groups)


@dataclass(frozen=True, kw_only=True)
class Untaught(Distilled):
    """The same without a teacher that is trained: it says the same of all, which is enough for a plan."""

    __hash__ = Distilled.__hash__

    def said(self, data: DataSet, seed: int) -> Mapping[Split, Tensor]:
        import torch

        return {split: torch.zeros(len(getattr(data, split)), self._classes.size) for split in SPLITS}


def untaught(source: Distilled) -> Untaught:
    """The data without its teacher."""
    fields = dataclasses.fields(source)
    return Untaught(**{field.name: getattr(source, field.name) for field in fields if field.init})


@lru_cache(maxsize=1024)  # of each job of a sweep, for its losses and rates
def _seen_size(source: Distilled, seed: int) -> int:
    """How many examples students of a seed train on."""
    data = source.source.load(seed, source.reads[0])
    return len(source._seen(data.train)) if isinstance(data, DataSet) else 0


def _other(node: Mapping[str, Any]) -> str:
    """The name of the data set that is taught; refused where it is none, or this one."""
    of = node.get("of")
    if not isinstance(of, str) or of == node.get("name"):
        raise InputError(f"data.of must name another data set, as in data.of=mnist_5k; got {of!r}.")
    return of


def _knobs(said: Any) -> Mapping[str, Any]:
    """The knobs of the data set; refused where they are none."""
    if said is not None and not isinstance(said, Mapping):
        raise InputError(
            f"data.knobs must hold knobs, as in 'data.knobs={{label_noise: 0.2}}'; got {said!r}."
        )
    return said or {}


def by_teacher(data: DataSet, examples: Examples) -> Prediction:
    """The baseline: what the teacher says itself."""
    import torch

    known = said_in(place(data.description.fingerprint)).logits
    split = next(one for one in SPLITS if torch.equal(getattr(data, one).rows, examples.rows))
    return Prediction(scores=known[split], probabilities=known[split].softmax(-1))
