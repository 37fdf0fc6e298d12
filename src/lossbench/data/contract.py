"""What a data set must keep, checked once where it comes in: what is wrong is told by its name.

`data.source` says what is asked for. Later, arithmetic would tell of a fault, or a loss would be blamed for
it, or nobody would say a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from lossbench.data.border import named, type_of
from lossbench.data.target_contract import TargetBorder
from lossbench.errors import InputError, suggestion
from lossbench.metrics.contract import function_of
from lossbench.metrics.families import FAMILIES
from lossbench.metrics.named import check_together
from lossbench.metrics.names import CONTINUATION
from lossbench.task import WEIGHT, Inputs, Target, TargetKind
from lossbench.trees import leaves, length, mapped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from lossbench.data.source import DataSet, DataSource, Examples

SPLITS = ("train", "val", "test")
_FLOATS = ("vector", "image", "tfidf")
_SHOWN = 64  # examples of a form of their own that are looked at


def check_source(source: DataSource) -> None:
    """Check what a source declares before it loads.

    Raises:
        InputError: it uses a word that nobody knows, or a function that is not there.
    """
    _known(source, "judged_by", [one for one in source.judged_by if isinstance(one, str)], FAMILIES)
    check_together(source.measures)
    for measure in source.measures:
        for path in measure.functions:
            if not path.startswith("lossbench."):  # what ships is there, and would import torch
                function_of(measure, path)
    _known(source, "select", (source.select,), source.described)
    if source.selects not in source.described:
        raise InputError(
            f"data.select_by={source.select_by} is no metric of data={source.name} "
            f"({suggestion(source.selects, source.described)})."
        )
    _known(source, "noise_knobs", source.noise_knobs, [field.name for field in fields(source)])


def _known(source: DataSource, what: str, words: Iterable[str], known: Iterable[str]) -> None:
    for word in words:
        if word not in known:
            name = type(source).__name__
            raise InputError(f"data={source.name}: {name}.{what} names {word!r} ({suggestion(word, known)}).")


def check_data(source: DataSource, data: Any) -> DataSet:
    """Check what was loaded, and return it.

    Raises:
        InputError: something in it is not as `data.source` promises.
    """
    from lossbench.data.source import DataSet
    from lossbench.data.stream import Stream

    border = _Border(source)
    if isinstance(data, Stream):
        border.refuse(
            "it loads a stream, which is not read as a whole to be known; let fingerprint(seed) say what it "
            "is, by the size and the time of its files, say"
        )
    if not isinstance(data, DataSet):
        border.refuse(
            f"load must return a DataSet, as self.data_set(...) makes one; it returned {type_of(data)}"
        )
    # What is kept in another form is read as a whole by nobody; its floats are those that are read, or near.
    if data.as_read is not None:
        for kept in leaves(data.inputs):
            border.finite("inputs", kept)
    shown = (
        data.inputs if data.as_read is None else data.read(mapped(lambda kept: kept[:_SHOWN], data.inputs))
    )
    border.inputs("inputs", data.description.inputs, shown)
    declared = {target.kind: target for target in source.targets()}
    for name in SPLITS:
        border.split(name, getattr(data, name), length(data.inputs), declared)
    border.disjoint(data)
    border.measures(data)
    for kind, units in data.units.items():
        border.units(kind, units, declared)
        if units.log:
            border.above_zero(kind, [part.targets[kind] for part in (data.train, data.val, data.test)])
    return data


def check_whole(
    source: DataSource, inputs: Any, targets: Mapping[TargetKind, Any], rows: Any
) -> list[Tensor]:
    """The row numbers of train, val and test as tensors, where all can be cut by them.

    Raises:
        InputError: there are not three, one is out of range, or targets do not go with the inputs.
    """
    import torch

    border = _Border(source)
    for tensor in leaves(inputs):
        border.tensor("inputs", tensor)
    count = length(inputs)
    for kind, values in targets.items():
        border.tensor(f"{kind} among the targets", values)
        if len(values) != count:
            border.refuse(
                f"{kind} among the targets must be {count}, one for each of the inputs; got {len(values)}"
            )
    if isinstance(rows, Mapping):
        if lacking := [name for name in SPLITS if name not in rows]:
            border.refuse(f"rows lacks {named(lacking)}: it holds {named(rows)}")
        rows = [rows[name] for name in SPLITS]
    found = [torch.as_tensor(own) for own in rows]
    if len(found) != len(SPLITS):
        border.refuse(f"rows must be those of train, val and test; got {len(found)} parts")
    for name, own in zip(SPLITS, found, strict=True):
        border.rows(name, own, count)
    return found


def check_same(source: DataSource, seed: int, data: DataSet) -> None:
    """Check that what was loaded is what a source without a fingerprint of its own is known by.

    Raises:
        InputError: it loads other data each time, so that no two runs would see the same.
    """
    from lossbench.data.digest import digest

    if digest(data) != source.fingerprint(seed):
        _Border(source).refuse(
            f"load(seed={seed}) gives other data each time it is called, so that no two runs compare; "
            "let it draw from a generator of lossbench.seeds alone"
        )


class _Border(TargetBorder):
    """Refuses what a source has loaded as a whole."""

    def inputs(self, what: str, said: Inputs, inputs: Any) -> None:
        import torch

        if said.parts:
            if not isinstance(inputs, dict) or set(inputs) != set(said.parts):
                got = named(inputs) if isinstance(inputs, dict) else type_of(inputs)
                self.refuse(f"{what} must be a dict of {named(said.parts)}, as it describes them; got {got}")
            for name, part in said.parts.items():
                self.inputs(f"{what}[{name!r}]", part, inputs[name])
            if len({len(tensor) for tensor in leaves(inputs)}) > 1:
                self.refuse(f"the parts of {what} differ in their number of rows")
            return
        self.tensor(what, inputs)
        ids = said.vocabulary > 0 and said.kind != "tfidf"
        wanted, how = (torch.int64, "long") if ids else (torch.float32, "float")
        if inputs.dtype != wanted and (ids or inputs.is_floating_point() or said.kind in _FLOATS):
            self.refuse(
                f"{what} of kind {said.kind} must be {wanted}; got {inputs.dtype}: use inputs.{how}(), of an "
                f"array .astype('{str(wanted).removeprefix('torch.')}')"
            )
        shape = tuple(inputs.shape[1:])
        if shape != tuple(said.shape):
            self.refuse(f"its description says {what} of shape {tuple(said.shape)}, they are {shape}")
        self.finite(what, inputs)
        if ids and inputs.numel():
            low, high = int(inputs.min()), int(inputs.max())
            if low < 0 or high >= said.vocabulary:
                self.refuse(
                    f"{what} are ids, 0 to {said.vocabulary - 1} by their vocabulary; got {low} to {high}"
                )

    def rows(self, name: str, rows: Any, inputs: int) -> None:
        import torch

        self.tensor(f"rows of {name}", rows)
        if rows.dtype != torch.int64 or rows.ndim != 1:
            got = f"{rows.dtype} {tuple(rows.shape)}"
            self.refuse(f"rows of {name} must be int64 (N,), row numbers of inputs; got {got}")
        if len(rows) == 0:
            self.refuse(f"the {name} split is empty")
        low, high = int(rows.min()), int(rows.max())
        if low < 0 or high >= inputs:
            self.refuse(f"rows of {name} must be 0 to {inputs - 1}, the rows of inputs; got {low} to {high}")

    def split(self, name: str, part: Examples, inputs: int, declared: dict[TargetKind, Target]) -> None:
        import torch

        self.rows(name, part.rows, inputs)
        for what, numbers in (("ids", part.ids), ("groups", part.groups)):
            if numbers is not None and (numbers.dtype != torch.int64 or numbers.shape != part.rows.shape):
                got = f"{numbers.dtype} {tuple(numbers.shape)}"
                self.refuse(
                    f"{what} of {name} must be int64 ({len(part.rows)},), one for each row; got {got}"
                )
        if set(part.targets) - {WEIGHT} != set(declared) - {WEIGHT}:
            self.refuse(
                f"targets() declares {named(declared)}, the {name} split holds {named(part.targets)}: "
                "the keys must be the same"
            )
        for kind, values in part.targets.items():
            if kind == WEIGHT:
                self.weight(name, values, len(part.rows), declared.values())
            else:
                self.target(name, declared[kind], values, len(part.rows))

    def measures(self, data: DataSet) -> None:
        """A measure finds what it reads; without weights it would count what is to count for nothing."""
        there = {*data.val.targets, *data.shared}
        for measure in self.source.measures:
            what = f"the measure of {', '.join(measure.names)}"
            if absent := set(measure.fields) - there:
                self.refuse(f"{what} reads {named(absent)}, and its targets are {named(there)}")
            reads = measure.weighted or WEIGHT in measure.fields
            if WEIGHT in there and not reads and CONTINUATION not in measure.needs:  # which has whole texts
                self.refuse(
                    f"its examples have weights, which {what} does not read: leave the weights out, or judge "
                    "by measures that are `weighted`"
                )

    def disjoint(self, data: DataSet) -> None:
        """No example may be in two splits."""
        import torch

        names = [("train", "val"), ("train", "test"), ("val", "test")]
        for one, other in names:
            mine, theirs = getattr(data, one).rows, getattr(data, other).rows
            taken = torch.zeros(length(data.inputs), dtype=torch.bool)
            taken[mine] = True
            both = int(taken[theirs].sum())
            if both == 0 and len(mine) == len(theirs):
                first = _equal(data.inputs, mine[:64], theirs[:64])
                same = first and _equal(data.inputs, mine, theirs) and not _repeated(data.inputs, mine)
                both = len(mine) if same else 0
            if both:
                self.refuse(
                    f"{both} of {len(theirs)} examples of {other} are examples of {one}, too: "
                    "each must be in one split alone"
                )


def _equal(inputs: Any, mine: Tensor, theirs: Tensor) -> bool:
    import torch

    return all(torch.equal(tensor[mine], tensor[theirs]) for tensor in leaves(inputs))


def _repeated(inputs: Any, rows: Tensor) -> bool:
    """Whether examples of a split are alike, as weeks of a periodic series are, and so those of others."""
    import torch

    return all(len(torch.unique(leaf[rows].flatten(1), dim=0)) < len(rows) for leaf in leaves(inputs))
