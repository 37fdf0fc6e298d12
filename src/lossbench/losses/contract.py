"""What a loss must keep, checked once where it comes in: what is wrong is told by its name.

`losses.loss` says what is asked for. Values that broadcast to (N, N) would train something else, a detached
result would train nothing, and the loss would be reported as the worse one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from lossbench.errors import InputError
from lossbench.task import NUMBERS, WEIGHT, Prediction, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from lossbench.losses.loss import Loss
    from lossbench.task import Units

BROADCAST = "(N, 1) and (N,) broadcast to (N, N), compare equal shapes"


def check_values(loss: Loss, values: Any, kind: Target, count: int, weight: Tensor | None) -> None:
    """Check what a loss returned for `count` examples, of outputs which require a gradient.

    Raises:
        InputError: it is not one value for each example or place, nothing can be trained with it, or the
            weights of the data cannot act on it.
    """
    import torch

    if not isinstance(values, torch.Tensor):
        what = "nothing" if values is None else f"a {type(values).__name__}"
        _refuse(loss, f"must return a tensor (N,), one value for each of N examples; it returned {what}")
    if values.shape not in ((count,), (count, *kind.shape)):
        hint = ""
        if values.shape == (count, count):
            hint = f": {BROADCAST}"
        elif values.ndim == 0:
            hint = ": leave the mean to the pack"
        places = f", or (N, {', '.join(map(str, kind.shape))}), one for each place" if kind.shape else ""
        _refuse(
            loss,
            f"must return (N,), one value for each example{places}; of {count} examples it returned "
            f"{tuple(values.shape)}{hint}",
        )
    if not values.is_floating_point():
        _refuse(loss, f"must return floats; it returned {values.dtype}")
    if not values.requires_grad:
        _refuse(
            loss,
            "returned values without a gradient, with which nothing trains: compute them from the outputs, "
            "without detach(), item() or numpy",
        )
    if weight is not None:
        _check_weighable(loss, values, weight)


def _check_weighable(loss: Loss, values: Tensor, weight: Tensor) -> None:
    if values.stride()[0] == 0 and len(values) > 1:
        _refuse(
            loss,
            "reduces over the batch itself, so that the weights of the data cannot act: let it return one "
            "value for each example (reduction: none)",
        )
    if weight.ndim > values.ndim:
        _refuse(
            loss,
            f"returns one value for each example {tuple(values.shape)}, and the data weighs their places "
            f"{tuple(weight.shape)}: let it return a value for each place",
        )


def unlike_units(
    loss: Loss, kind: Target, known: Mapping[str, Tensor], units: Mapping[str, Units]
) -> str | None:
    """That a loss reads some numbers in units and others as they are, so that comparing them says nothing.

    It may mean that (a spread, a mask): units of its own, be it Units(), say so.

    Args:
        known: the targets that the data has for each example.
    """
    numbers = [
        name
        for name in dict.fromkeys(loss.called_with(kind))
        if name in known and known[name].is_floating_point() and name not in (WEIGHT, "distribution")
    ]
    scaled, plain = [n for n in numbers if n in units], [n for n in numbers if n not in units]
    if not scaled or not plain:
        return None
    others = " and ".join(plain)
    return (
        f"loss={loss.name} reads {' and '.join(scaled)} in units (shifted and scaled) and {others} as the "
        f"data has it: where the loss compares them, let `units` give {others} the same, elsewhere Units()"
    )


def check_prediction(loss: Loss, prediction: Any, kind: Target, count: int) -> None:
    """Check what was predicted of `count` examples for one member: tensors (1, N, ...).

    Raises:
        InputError: it is no prediction, or a part of it has another shape than `task.Prediction` says.
    """
    if not isinstance(prediction, Prediction):
        _refuse(loss, f"predict must return a lossbench.task.Prediction; it returned {prediction!r:.60}")
    size = loss.outputs(kind, 1)
    classes = {"binary": 2, "multiclass": kind.size, "identity": kind.size}.get(kind.kind, "C")
    numbers = (kind.size,) if kind.kind in NUMBERS and kind.size > 1 else ()
    known: dict[str, tuple[Any, ...]] = {
        "value": (1, count, *kind.shape, *numbers),
        "quantiles": (1, count, *kind.shape, *numbers, "Q"),
        "scores": (1, count, *kind.shape, classes),
        "probabilities": (1, count, *kind.shape, classes),
        "embedding": (1, count, "E"),
    }
    for name, part in prediction.items():
        wanted = known.get(name)
        if wanted is None and tuple(getattr(part, "shape", ()))[:2] == (1, count):
            continue
        if wanted is not None and _fits(part, wanted):
            continue
        got = tuple(part.shape) if hasattr(part, "shape") else type(part).__name__
        shape = ", ".join(map(str, wanted or (1, count, "...")))
        _refuse(
            loss,
            f"asks for {size} output{'s' * (size != 1)} an example, and predict makes {name} {got} where "
            f"({shape}) is needed: write predict(output, kind), which says what the outputs mean",
        )


def _fits(part: Any, wanted: tuple[Any, ...]) -> bool:
    shape = getattr(part, "shape", ())
    return len(shape) == len(wanted) and all(
        isinstance(w, str) or s == w for s, w in zip(shape, wanted, strict=True)
    )


def _refuse(loss: Loss, why: str) -> NoReturn:
    raise InputError(f"loss={loss.name} {why} (see lossbench.losses.loss).")
