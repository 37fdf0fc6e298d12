"""What a loss must keep, checked once where it comes in: what is wrong is told by its name.

`losses.loss` says what is asked for. Values that broadcast to (N, N) would train something else, a detached
result would train nothing, and the loss would be reported as the worse one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from lossbench.errors import InputError
from lossbench.task import Prediction, Target

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.loss import Loss


def check_values(loss: Loss, values: Any, output: Tensor) -> None:
    """Check what a loss returned for `output` (N, outputs), which requires a gradient.

    Raises:
        InputError: it is not one value for each example, or nothing can be trained with it.
    """
    import torch

    count = len(output)
    if not isinstance(values, torch.Tensor):
        what = "nothing" if values is None else f"a {type(values).__name__}"
        _refuse(loss, f"must return a tensor (N,), one value for each of N examples; it returned {what}")
    if values.shape != (count,):
        hint = ""
        if values.shape == (count, count):
            hint = ": (N, 1) and (N,) broadcast to (N, N), compare equal shapes"
        elif values.ndim == 0:
            hint = ": leave the mean to the pack"
        _refuse(
            loss,
            f"must return (N,), one value for each example; of {count} examples it returned "
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


def check_prediction(loss: Loss, prediction: Any, outputs: Tensor, kind: Target) -> None:
    """Check what `predict` made of outputs (R, N, K).

    Raises:
        InputError: it is no prediction, or a part of it has another shape than `task.Prediction` says.
    """
    if not isinstance(prediction, Prediction):
        _refuse(loss, f"predict must return a lossbench.task.Prediction; it returned {prediction!r:.60}")
    members, examples, size = outputs.shape
    classes = {"binary": 2, "multiclass": kind.size, "identity": kind.size}.get(kind.kind)
    for name in ("value", "scores", "probabilities", "embedding"):
        part: Any = prediction.get(name)
        wanted: tuple[Any, ...] = (members, examples)
        if name != "value":
            wanted += ("E",) if name == "embedding" else (classes or "C",)
        if part is None or _fits(part, wanted):
            continue
        got = tuple(part.shape) if hasattr(part, "shape") else type(part).__name__
        _refuse(
            loss,
            f"asks for {size} output{'s' * (size != 1)} an example, and predict makes {name} {got} where "
            f"({', '.join(map(str, wanted))}) is needed: write predict(output, kind), which says what the "
            "outputs mean",
        )


def _fits(part: Any, wanted: tuple[Any, ...]) -> bool:
    shape = getattr(part, "shape", ())
    return len(shape) == len(wanted) and all(
        isinstance(w, str) or s == w for s, w in zip(shape, wanted, strict=True)
    )


def _refuse(loss: Loss, why: str) -> NoReturn:
    raise InputError(f"loss={loss.name} {why} (see lossbench.losses.loss).")
