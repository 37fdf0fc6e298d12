"""What a data set must keep, checked once where it comes in: what is wrong is told by its name.

`data.source` says what is asked for. Later, arithmetic would tell of a fault, or a loss would be blamed for
it, or nobody would say a word.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from lossbench.errors import InputError, suggestion
from lossbench.metrics.families import FAMILIES
from lossbench.metrics.named import check_together
from lossbench.significant import number
from lossbench.task import WEIGHT, Inputs, Target, TargetKind, Units
from lossbench.trees import leaves, length

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

    from lossbench.data.source import DataSet, DataSource, Examples

SPLITS = ("train", "val", "test")
_FLOATS = ("vector", "image", "tfidf")
_TARGETS = ("continuous", "binary", "multiclass", "distribution", "identity")  # of which the form is known
_STEPS = 1000  # that a target's spread has at least, else rounding is among its results


def check_source(source: DataSource) -> None:
    """Check what a source declares before it loads.

    Raises:
        InputError: it uses a word that nobody knows.
    """
    _known(source, "judged_by", [one for one in source.judged_by if isinstance(one, str)], FAMILIES)
    check_together(source.measures)
    _known(source, "select", (source.select,), source.described)
    _known(source, "noise_knobs", source.noise_knobs, [field.name for field in fields(source)])


def _known(source: DataSource, what: str, words: Iterable[str], known: Iterable[str]) -> None:
    for word in words:
        if word not in known:
            name = type(source).__name__
            raise InputError(f"data={source.name}: {name}.{what} names {word!r} ({suggestion(word, known)}).")


def check_data(source: DataSource, data: Any) -> None:
    """Check what was loaded.

    Raises:
        InputError: something in it is not as `data.source` promises.
    """
    from lossbench.data.source import DataSet

    border = _Border(source)
    if not isinstance(data, DataSet):
        border.refuse(
            f"load must return a DataSet, as self.data_set(...) makes one; it returned {_type(data)}"
        )
    border.inputs("inputs", data.description.inputs, data.inputs)
    declared = {target.kind: target for target in source.targets()}
    for name in SPLITS:
        border.split(name, getattr(data, name), length(data.inputs), declared)
    border.disjoint(data)
    border.measures(data)
    for kind, units in data.units.items():
        border.units(kind, units, declared)


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


class _Border:
    """Refuses in the words of one source."""

    def __init__(self, source: DataSource) -> None:
        self.source = source

    def refuse(self, why: str) -> None:
        raise InputError(f"data={self.source.name}: {why} (see lossbench.data.source).")

    def tensor(self, what: str, values: Any) -> None:
        import torch

        if not isinstance(values, torch.Tensor):
            self.refuse(f"{what} must be a torch.Tensor, as torch.from_numpy makes one; got {_type(values)}")

    def finite(self, what: str, values: Tensor) -> None:
        # The sum of all is a fifth of the time of looking at each, and finite only where all are.
        if not values.is_floating_point() or bool(values.sum().isfinite()):
            return
        bad = (~values.isfinite()).flatten(1).any(1) if values.ndim > 1 else ~values.isfinite()
        if bool(bad.any()):
            first = int(bad.nonzero()[0])
            self.refuse(
                f"{int(bad.sum())} of {len(bad)} {what} hold nan or an infinite number, the first is number "
                f"{first}: fill them in, or leave these examples out"
            )

    def inputs(self, what: str, said: Inputs, inputs: Any) -> None:
        import torch

        if said.parts:
            if not isinstance(inputs, dict) or set(inputs) != set(said.parts):
                got = _names(inputs) if isinstance(inputs, dict) else _type(inputs)
                self.refuse(f"{what} must be a dict of {_names(said.parts)}, as it describes them; got {got}")
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
                f"{what} of kind {said.kind} must be {wanted}; got {inputs.dtype}: use inputs.{how}()"
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

    def split(self, name: str, part: Examples, inputs: int, declared: dict[TargetKind, Target]) -> None:
        import torch

        self.tensor(f"rows of {name}", part.rows)
        if part.rows.dtype != torch.int64 or part.rows.ndim != 1:
            got = f"{part.rows.dtype} {tuple(part.rows.shape)}"
            self.refuse(f"rows of {name} must be int64 (N,), row numbers of inputs; got {got}")
        if len(part.rows) == 0:
            self.refuse(f"the {name} split is empty")
        low, high = int(part.rows.min()), int(part.rows.max())
        if low < 0 or high >= inputs:
            self.refuse(f"rows of {name} must be 0 to {inputs - 1}, the rows of inputs; got {low} to {high}")
        for what, numbers in (("ids", part.ids), ("groups", part.groups)):
            if numbers is not None and (numbers.dtype != torch.int64 or numbers.shape != part.rows.shape):
                got = f"{numbers.dtype} {tuple(numbers.shape)}"
                self.refuse(
                    f"{what} of {name} must be int64 ({len(part.rows)},), one for each row; got {got}"
                )
        if set(part.targets) - {WEIGHT} != set(declared) - {WEIGHT}:
            self.refuse(
                f"targets() declares {_names(declared)}, the {name} split holds {_names(part.targets)}: "
                "the keys must be the same"
            )
        for kind, values in part.targets.items():
            if kind == WEIGHT:
                self.weight(name, values, len(part.rows), declared.values())
            else:
                self.target(name, declared[kind], values, len(part.rows))

    def target(self, name: str, target: Target, values: Tensor, count: int) -> None:
        what = f"{target.kind} targets of {name}"
        self.tensor(what, values)
        if target.kind not in _TARGETS:  # a word of those who share it
            if len(values) != count:
                self.refuse(f"{what} must be {count}, one for each of its rows; got {len(values)}")
            self.finite(what, values)
            return
        row = target.kind == "distribution" or (target.kind == "continuous" and target.size > 1)
        shape = (count, *target.shape, *([target.size] if row else []))
        if tuple(values.shape) != shape:
            self.refuse(f"{what} must be {shape}, one for each of its rows; got {tuple(values.shape)}")
        if target.kind in ("continuous", "distribution"):
            self.numbers(what, target, values)
        else:
            self.labels(what, name, target, values)

    def measures(self, data: DataSet) -> None:
        """A measure finds what it reads; without weights it would count what is to count for nothing."""
        there = {*data.val.targets, *data.shared}
        for measure in self.source.measures:
            what = f"the measure of {', '.join(measure.names)}"
            if absent := set(measure.fields) - there:
                self.refuse(f"{what} reads {_names(absent)}, and its targets are {_names(there)}")
            if WEIGHT in there and not measure.weighted and WEIGHT not in measure.fields:
                self.refuse(
                    f"its examples have weights, which {what} does not read: leave the weights out, or judge "
                    "by measures that are `weighted`"
                )

    def weight(self, name: str, values: Any, count: int, declared: Iterable[Target]) -> None:
        """Weights stand for examples, or for the places of a target."""
        what = f"weights of {name}"
        self.tensor(what, values)
        shapes = {target.shape for target in declared}
        allowed = {(count, *shape[:end]) for shape in shapes for end in range(len(shape) + 1)}
        if tuple(values.shape) not in allowed:
            wanted = " or ".join(str(shape) for shape in sorted(allowed, key=len))
            self.refuse(f"{what} must be {wanted}, for its rows or their places; got {tuple(values.shape)}")
        self.floats(what, values)
        self.finite(what, values)
        if bool((values < 0).any()) or not bool((values > 0).any()):
            self.refuse(f"{what} must be 0 or more, and one of them above 0")

    def units(self, kind: TargetKind, units: Units, declared: Mapping[TargetKind, Target]) -> None:
        """Finite, the scale above 0, and for a target that is there."""
        import torch

        if kind not in declared:
            self.refuse(f"units are given for {kind}, targets() declares {_names(declared)}")
        shift, scale = (torch.as_tensor(part, dtype=torch.float64) for part in (units.shift, units.scale))
        if not (bool(shift.isfinite().all()) and bool(scale.isfinite().all()) and bool((scale > 0).all())):
            self.refuse(
                f"the shift of {kind} is {units.shift} and its scale {units.scale}, "
                "finite numbers are needed, the scale above 0"
            )

    def numbers(self, what: str, target: Target, values: Tensor) -> None:
        self.floats(what, values)
        self.finite(what, values)
        if target.kind == "continuous":
            self.fine(what, values)
        if target.kind == "distribution":
            off = (values.double().sum(-1) - 1).abs().max()
            if bool((values < 0).any()) or float(off) > 1e-3:
                self.refuse(f"{what} must be shares of 0 or more that add up to 1 in each row")

    def floats(self, what: str, values: Tensor) -> None:
        if not values.is_floating_point():
            self.refuse(f"{what} must be floats; got {values.dtype}: use .double()")

    def fine(self, what: str, values: Tensor) -> None:
        """Numbers far from zero need double precision from the start: in single, 1.7e9 is 128 off."""
        import torch

        step = torch.finfo(values.dtype).eps * float(values.abs().max())
        spread = float(values.double().std(correction=0))
        if 0 < spread < _STEPS * step and values.dtype != torch.float64:
            self.refuse(
                f"{what} differ by {number(spread, 2)} and are known to {number(step, 2)} in {values.dtype}: "
                "make them of numbers in double precision (torch.float64)"
            )

    def labels(self, what: str, split: str, target: Target, values: Tensor) -> None:
        import torch

        if values.dtype != torch.int64:
            self.refuse(f"{what} must be int64; got {values.dtype}: use .long()")
        if target.kind == "identity" and split != "train":
            return  # anybody, whom nobody was trained on
        top = 1 if target.kind == "binary" else target.size - 1
        low, high = int(values.min()), int(values.max())
        if low < 0 or high > top:
            hint = "; count from 0" if low == 1 and high == top + 1 else ""
            self.refuse(f"{what} must be 0 to {top}; got {low} to {high}{hint}")

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
                both = len(mine) if first and _equal(data.inputs, mine, theirs) else 0
            if both:
                self.refuse(
                    f"{both} of {len(theirs)} examples of {other} are examples of {one}, too: "
                    "each must be in one split alone"
                )


def _equal(inputs: Any, mine: Tensor, theirs: Tensor) -> bool:
    import torch

    return all(torch.equal(tensor[mine], tensor[theirs]) for tensor in leaves(inputs))


def _names(words: Iterable[str]) -> str:
    return ", ".join(sorted(words)) or "nothing"


def _type(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
