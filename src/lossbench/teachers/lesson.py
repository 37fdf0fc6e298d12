"""What a teacher reads, how it is trained once for a seed, and what the cache keeps of it."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lossbench import __version__
from lossbench.data.kept_files import place_of, written
from lossbench.data.source import SPLITS, DataSet, DataSource, Loaded, Split
from lossbench.errors import InputError
from lossbench.job import Member, member_of
from lossbench.seeds import stream
from lossbench.task import InputKind, Target
from lossbench.teachers.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Generator, Tensor, nn

    from lossbench.data.source import Fresh
    from lossbench.task import TargetKind
    from lossbench.trees import Tree

_AT_ONCE = 512  # examples of which logits are computed
_PASSED_ON = ("reads", "judged_by", "select", "epochs", "fresh_examples")


@dataclass(frozen=True)
class Taught:
    """What a teacher says.

    logits: of each part, (N, C) float32, in the order of its examples.
    wrong: of validation and test, the share of examples whose class it gets wrong.
    """

    logits: Mapping[Split, Tensor]
    wrong: Mapping[Split, float]


@dataclass(frozen=True, kw_only=True)
class Lesson(DataSource):
    """A data set as its teacher reads it: one seed of it, whatever seed the teacher itself has.

    A teacher whose seed were that of its students would begin with their weights, where it is built as they
    are, and see their batches: with hard labels they would be one and the same.
    """

    source: DataSource
    seed: int
    jitter: int

    def __post_init__(self) -> None:
        super().__post_init__()
        take_after(self, self.source)

    def targets(self) -> tuple[Target, ...]:
        return self.source.targets()

    def fingerprint(self, seed: int) -> str:
        return self.source.fingerprint(self.seed)

    def training_size(self) -> int:
        return self.source.training_size()

    def load(self, seed: int, reads: InputKind) -> Loaded:
        data = self.source.load(self.seed, reads)
        if not self.jitter:
            return data
        if not isinstance(data, DataSet) or data.description.inputs.kind != "image":
            raise InputError(
                f"data.teacher.jitter={self.jitter} moves images, and data.of={self.source.name} gives none: "
                "leave it out."
            )
        return dataclasses.replace(data, fresh=Jittered(self.jitter, data.fresh))


def take_after(own: DataSource, other: DataSource) -> None:
    """Say of a data set what its class says of another: what it gives, and by what it is judged."""
    for name in _PASSED_ON:
        object.__setattr__(own, name, getattr(other, name))


@dataclass(frozen=True)
class Jittered:
    """`DataSet.fresh` of images (B, C, H, W) that move; at the border what stands there is repeated."""

    most: int
    first: Fresh | None = None

    def __call__(
        self, images: Tree, targets: dict[TargetKind, Tensor], generator: Generator
    ) -> tuple[Tree, dict[TargetKind, Tensor]]:
        """Images anew."""
        from lossbench.data.augment import Augmented

        if self.first is not None:
            images, targets = self.first(images, targets, generator)
        return Augmented(shift=self.most, border="replicate")(images, targets, generator)


def known_by(source: DataSource, recipe: Recipe, seed: int) -> str:
    """What tells a teacher from all others: sha256 of its data, of how it is made, and of the seed."""
    from lossbench.config import own_code

    modules = {type(choice).__module__ for choice in (source, *recipe.choices.values())}
    parts = {
        "data": [source.fingerprint(seed), source_values(source)],
        "recipe": recipe.values(),
        "files": [one.fingerprint() for one in recipe.choices.values() if hasattr(one, "fingerprint")],
        "code": own_code.digests(modules),
        "seed": seed,
        "version": __version__,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def source_values(source: DataSource) -> dict[str, object]:
    """The knobs of a data set that is wrapped; where its files lie is no part of what is trained."""
    from lossbench.teachers.recipe import values_of

    return values_of(source, without=("name", *source.places))


def place(known: str) -> Path:
    """Where the cache keeps what a teacher said."""
    import torch

    return place_of("teachers", [known, torch.__version__], "npz")


def taught(source: DataSource, recipe: Recipe, seed: int) -> Taught:
    """What the teacher of a seed says of all examples; it is trained where the cache has none.

    Raises:
        InputError: it cannot be trained, or has diverged.
    """
    import numpy as np

    file = place(known_by(source, recipe, seed))
    if not file.is_file():
        found = _trained(source, recipe, seed)
        arrays = {f"logits_{split}": own.numpy() for split, own in found.logits.items()}
        wrong = {f"wrong_{split}": np.float64(own) for split, own in found.wrong.items()}
        with written(file) as temporary, temporary.open("wb") as opened:
            np.savez(opened, allow_pickle=False, **arrays, **wrong)
    return said_in(file)


def said_in(file: Path) -> Taught:
    """What the cache keeps of a teacher."""
    return _read(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read(file: Path, _changed: int) -> Taught:
    import numpy as np
    import torch

    with np.load(file) as kept:
        logits = {split: torch.from_numpy(kept[f"logits_{split}"]) for split in SPLITS}
        return Taught(logits, {split: float(kept[f"wrong_{split}"]) for split in SPLITS[1:]})


def member(source: DataSource, recipe: Recipe, seed: int) -> Member:
    """The teacher as a pack trains it.

    Raises:
        InputError: its model cannot read the data, or its loss not train on it.
    """
    lesson = Lesson(name=source.name, source=source, seed=seed, jitter=recipe.jitter)
    own = stream(seed, "teacher") % 2**31
    try:
        return member_of(own, {"data": lesson, **recipe.choices})
    except InputError as error:
        raise InputError(f"Of the teacher: {error}") from error


def _trained(source: DataSource, recipe: Recipe, seed: int) -> Taught:
    """As every run trains: the epoch with the best validation counts, test examples choose nothing."""
    from lossbench.data.cache import DataCache
    from lossbench.pack.draws import left_alone
    from lossbench.pack.engine import build_modules
    from lossbench.pack.fit import fit
    from lossbench.pack.rehearsal import rehearse

    teacher, cache = member(source, recipe, seed), DataCache()
    with left_alone():
        data = cache.load(teacher.source, teacher.seed, teacher.reads, teacher.model.preparing)
        if not isinstance(data, DataSet):
            raise InputError(f"data.of={source.name} is read as a stream: a teacher needs data in memory.")
        network = build_modules([teacher], data.description.inputs)[0]
        rehearse(teacher, network, data)
        (result,) = fit([teacher], "loop", cache, keep_models=True)
        if result.outcome != "finished" or result.model is None:
            raise InputError(
                f"The teacher of data={source.name}, seed {seed}, has {result.outcome} ({result.reason}): "
                "set a smaller data.teacher.optimizer.lr, or correct its model."
            )
        return _said(network, result.model, data, teacher.target.kind)


def _said(network: nn.Module, weights: bytes, data: DataSet, kind: TargetKind) -> Taught:
    import torch

    from lossbench.pack.threads import one_thread
    from lossbench.trees import mapped, part

    network.load_state_dict(torch.load(io.BytesIO(weights), weights_only=True))
    network.eval()
    logits: dict[Split, Tensor] = {}
    with one_thread(), torch.inference_mode():
        for split in SPLITS:
            rows = getattr(data, split).rows.split(_AT_ONCE)
            said = [network(data.read(part(data.inputs, some))) for some in rows]
            logits[split] = torch.cat([mapped(torch.Tensor.float, own) for own in said])
    wrong = {
        split: float((logits[split].argmax(-1) != getattr(data, split).targets[kind]).double().mean())
        for split in SPLITS[1:]
    }
    return Taught(logits, wrong)
