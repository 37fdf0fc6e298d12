"""What a data set is to the rest of the house: declared before loading, tensors in memory after."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from lossbench.config.choice import Choice, knob
from lossbench.config.knob_types import types_of
from lossbench.errors import InputError
from lossbench.metrics.families import described, measures
from lossbench.metrics.named import named
from lossbench.task import InputKind, Inputs, Target, TargetKind, Units

if TYPE_CHECKING:
    import pandas as pd
    from torch import Generator, Tensor

    from lossbench.data.baseline import Baseline
    from lossbench.data.mosaic import Mosaic
    from lossbench.data.splits import Ids
    from lossbench.metrics.measure import Measure, Metric
    from lossbench.trees import Tree

    # (inputs (B, ...), targets by kind (B, ...) in the task's own units, generator on the CPU) -> both anew:
    # once for all losses and rates of a seed, from the generator alone.
    Fresh = Callable[[Tree, dict[TargetKind, Tensor], Generator], tuple[Tree, dict[TargetKind, Tensor]]]

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class Description:
    """What was loaded for one seed: enough to size a model, and to credit and recognise the data."""

    name: str
    inputs: Inputs
    targets: tuple[Target, ...]
    sizes: dict[str, int]  # train, val, test -> number of examples
    source: str  # where it came from, in words, with the authors
    fingerprint: str = ""  # sha256 of what was loaded; where nothing is said, `DataSource.fingerprint` does


@dataclass(frozen=True)
class Examples:
    """One split. `rows` (N,) int64 index `DataSet.inputs`; each target has first dimension N.

    Among the targets, `weight` is reserved: float (N,) for examples, or (N, *places) for the places of a
    target, 0 or more. It counts in losses and metrics alike; 0 counts for nothing.

    ids, groups: (N,) int64, which example each is and which group (person, machine) it belongs to, in numbers
        that mean the same for every seed. Without ids an example is its row; without groups each is its own.
    """

    rows: Tensor
    targets: dict[TargetKind, Tensor]
    ids: Tensor | None = None
    groups: Tensor | None = None

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class DataSet:
    """One seed's view of a data set, wholly in memory.

    Splits index one tensor of inputs, the very same for all seeds where the content is equal.

    inputs: (M, *shape), or a dict of such where the description has `parts`.
    units: kind of target -> those in which losses see it; targets here, and metrics, are in the task's own.
    shared: tensors that are not per example (class counts), which losses and measures read as targets.
    fresh: makes a training batch anew (augmentation, negatives).
    of_batch: what follows from the inputs of a batch, (B, ...) by name, made where a loss reads it.
    as_read: from inputs as they are kept (images as bytes, categories as codes) to what a model reads.
    """

    description: Description
    inputs: Tree
    train: Examples
    val: Examples
    test: Examples
    units: Mapping[TargetKind, Units] = field(default_factory=dict)
    shared: Mapping[str, Tensor] = field(default_factory=dict)
    fresh: Fresh | None = None
    of_batch: Mapping[str, Callable[[Tree], Tensor]] = field(default_factory=dict)
    as_read: Callable[[Tree], Tree] | None = None

    def read(self, inputs: Tree) -> Tree:
        """What a model reads of some of the inputs."""
        return inputs if self.as_read is None else self.as_read(inputs)


class Loaded(Protocol):
    """What `DataSource.load` gives: a `DataSet`, or where that is larger than memory a `stream.Stream`."""

    @property
    def description(self) -> Description: ...

    @property
    def units(self) -> Mapping[TargetKind, Units]: ...

    @property
    def shared(self) -> Mapping[str, Tensor]: ...


@dataclass(frozen=True, kw_only=True)
class DataSource(Choice):
    """A data set as a config names it. Subclasses add knobs and say what they offer before loading.

    metrics:    further measures that judge it, each as `package.module.MEASURE`
    reads:      kinds of input it can give, best first; the model takes the first that it can read
    judged_by:  what judges it: families of measures that ship, by name, and measures of its own
    select:     the validation metric that chooses epochs and learning rates: one for all losses
    select_by:  the metric that does so instead, where a config says one
    epochs:     how long it is trained on where `trainer.max_epochs` does not say; None is by its size
    noise_knobs: knobs in which members of one pack may differ (they change targets, not shapes)
    of_batch: names of what its data sets have there
    fresh_examples: every seed draws examples that no other seed has; else all cut their splits from one pool
    """

    part = "data"
    reads: ClassVar[tuple[InputKind, ...]]
    judged_by: ClassVar[tuple[str | Measure, ...]]
    select: ClassVar[str]
    epochs: ClassVar[int | None] = 20
    noise_knobs: ClassVar[tuple[str, ...]] = ()
    of_batch: ClassVar[tuple[str, ...]] = ()
    fresh_examples: ClassVar[bool] = False
    elsewhere: ClassVar[tuple[tuple[TargetKind, str], ...]] = ()  # a kind, and the knob that offers it
    metrics: tuple[str, ...] = knob(())
    select_by: str | None = knob(None, optional=True, later=True)

    @property
    def places(self) -> tuple[str, ...]:
        """Knobs that say where files lie: declared so, of type Path, or called path or root; none unsaid."""
        known = types_of(type(self))
        return tuple(
            own.name
            for own in fields(self)
            if own.metadata.get("place") or known[own.name].item is Path or own.name in ("path", "root")
            if own.name not in self.unsaid
        )

    def values(self) -> dict[str, Any]:
        """As of any choice; without measures of one's own where there are none."""
        return {name: value for name, value in super().values().items() if name != "metrics" or value}

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """All that judge it.

        Raises:
            InputError: one of `metrics` is none.
        """
        return measures((*self.judged_by, *map(named, self.metrics)), [own.kind for own in self.targets()])

    @property
    def described(self) -> dict[str, Metric]:
        """The metrics of its measures, by name."""
        return described(self.measures)

    @property
    def selects(self) -> str:
        """The name of the metric that chooses."""
        return self.select_by or self.select

    @property
    def selecting(self) -> Metric:
        """The metric that chooses."""
        return self.described[self.selects]

    @abstractmethod
    def targets(self) -> tuple[Target, ...]:
        """The kinds of target that it offers, known from the config alone."""

    def offers(self) -> tuple[Target, ...]:
        """The same, without reading files for their sizes: who only looks around waits for none."""
        return self.targets()

    def fingerprint(self, seed: int) -> str:
        """sha256 of what `load` would load, by which finished runs are found.

        Here it is loaded for that, in its first form; where this takes long, it is said of files and knobs.
        """
        from lossbench.data.digest import digest_loaded

        return digest_loaded(self, seed)

    def account(self) -> list[str]:
        """What was made of a user's own file, in lines."""
        return []

    def baselines(self) -> Mapping[str, Baseline]:
        """What a loss has to beat: predictions that need no training, by name, as `data.baseline` has them.

        They are asked of a `DataSet` in the form that comes first, for each seed once.
        """
        return {}

    def mosaic(self) -> Mosaic | None:
        """The one picture that all examples are parts of, for figures; None: there is none."""
        return None

    def new_inputs(self, rows: pd.DataFrame, seed: int) -> Tree:
        """Inputs (N, ...) of rows that the data set has not had, made as a seed's training says.

        Raises:
            InputError: it makes none of a frame, or these do not fit it.
        """
        raise InputError(
            f"data={self.name} makes no inputs of a DataFrame: give inputs as the model reads them."
        )

    def part_sizes(self, seed: int) -> tuple[int, ...]:
        """Where they depend on the seed: sizes of its parts, which runs in one pack have in common."""
        return ()

    def training_size(self) -> int:
        """About how many examples train, the same for every seed; asked for where `epochs` is None."""
        raise NotImplementedError(f"{type(self).__name__} lets its size decide on the epochs: say it")

    @abstractmethod
    def load(self, seed: int, reads: InputKind) -> Loaded:
        """Load, split and corrupt for one seed; data larger than memory is a stream.

        Raises:
            InputError: files are missing, damaged or cannot be fetched.
        """

    def data_set(
        self,
        kind: Inputs,
        inputs: Tree,
        targets: Mapping[TargetKind, Tensor],
        rows: Iterable[Tensor | Ids] | Mapping[Split, Tensor | Ids],
        source: str,
        **more: Any,
    ) -> DataSet:
        """What `load` gives, from tensors that hold all examples (M, ...).

        Args:
            kind: of the inputs.
            inputs: (M, *kind.shape), or a dict of such.
            targets: by kind (M, ...); `weight` may be among them.
            rows: int64 each, tensors or arrays: those of train, val and test, in this order or by name.
            source: where the data comes from, in words, with the authors.
            more: `units`, `shared` and `fresh` of the data set.
        """
        from lossbench.data.contract import check_whole

        numbers = check_whole(self, inputs, targets, rows)
        train, val, test = (Examples(own, {k: all_[own] for k, all_ in targets.items()}) for own in numbers)
        sizes = {"train": len(train), "val": len(val), "test": len(test)}
        said = Description(self.name, kind, self.targets(), sizes, source)
        return DataSet(said, inputs, train, val, test, **more)
