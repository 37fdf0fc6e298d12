"""One adapter for every loss that others wrote: a YAML names it and says what it reads and means."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from lossbench.config import foreign
from lossbench.config.choice import knob
from lossbench.errors import InputError
from lossbench.losses.heads import as_value, mean_of_support, two_classes
from lossbench.losses.loss import Loss
from lossbench.losses.relations import ALONE, ALSO, GIVES, NEEDS, related
from lossbench.losses.targets import one_hot
from lossbench.task import Prediction, Target, TargetKind

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.losses.nearness import Nearness
    from lossbench.losses.relations import Relations

_EMBEDDING = 16  # long enough for a loss to be tried on


@dataclass(frozen=True, kw_only=True)
class ThirdParty(Loss):
    """Any callable (output, target) -> Tensor: a torch.nn loss, one of pytorch-metric-learning, your own.

    Results of shape (N,) or (N, *places) are taken as they are, further dimensions are averaged, and a scalar
    (a loss that reduces itself) stands for every example of the batch. Classes with places stand where
    torch.nn has them: (N, C, *places).

    function: what Hydra makes of `_target_: package.Class` and its arguments, or of
        `_target_: package.function` with `_partial_: true`. It is made here, not by Hydra
        (`_recursive_: false` in the YAML), so that a mistake in it is told in one sentence.
    trains_on: kinds of target, best first. A loss of identities that takes `ref_emb`, `ref_labels` and
        `indices_tuple`, as those of pytorch-metric-learning do, trains on pairs and clicks, too.
    encoding: how the function reads the target.
        value    as it is: float (N,), or a distribution (N, C)
        index    the class, int64 (N,)
        one_hot  float (N, C); of two classes with one output, float (N,)
        float    the class as a float (N,), such as 0.0 and 1.0
    output_size: how many outputs the function reads.
        one        (N,), squeezed; of a value of several numbers (N, size)
        classes    (N, C); for a binary target two, or with `sigmoid` one, that of class 1: (N,)
        embedding  (N, E)
    meaning: what the outputs are.
        value      a number in units of the target
        scores     the largest is the class; of a single score, above zero is class 1
        softmax    scores whose softmax are probabilities; of a distribution, its mean is the value
        sigmoid    scores whose sigmoid are probabilities; not claimed where each class has its own
        embedding  nearness is sameness
    stackable: the function works under torch.func.vmap, so members may share one stack.
    recipe: set here: what tells two functions apart, so that members share a stack only where it is equal.

    Raises:
        InputError: the function cannot be made, has weights of its own (which nothing would train), or the
            words above do not fit together.
    """

    function: Any
    trains_on: tuple[TargetKind, ...] = knob()  # type: ignore[misc]  # a class says it of itself, an adapter of what it adapts
    encoding: str = knob(choices=("value", "index", "one_hot", "float"))
    output_size: str = knob(choices=("one", "classes", "embedding"))
    meaning: str = knob(choices=("value", "scores", "softmax", "sigmoid", "embedding"))
    stackable: bool = knob(False)  # type: ignore[misc]
    recipe: str = field(init=False, default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        kinds = tuple(self.trains_on)
        if (self.meaning == "embedding") != (self.output_size == "embedding"):
            raise InputError("loss.meaning and loss.output_size must both be embedding, or neither.")
        if self.meaning == "value" and self.output_size != "one":
            raise InputError("loss.output_size must be one where loss.meaning is value.")
        object.__setattr__(self, "trains_on", kinds)
        object.__setattr__(self, "batchwise", self.output_size == "embedding")
        # Said before the function is made: the text of a torch.nn loss does not show its arguments.
        recipe = f"object {id(self.function)}"
        if isinstance(self.function, Mapping):  # also a DictConfig, which is a MutableMapping
            spelled = foreign.spelled(foreign.plain(self.function), "loss.function")
            recipe = json.dumps(spelled, sort_keys=True)
        object.__setattr__(self, "recipe", recipe)
        object.__setattr__(self, "function", _made(self.function))

    def values(self) -> dict[str, Any]:
        """As of every choice; the function by its class and all its arguments."""
        known = {} if self.recipe.startswith("object") else {"function": json.loads(self.recipe)}
        return {**super().values(), **known}

    def outputs(self, target: Target, embedding_size: int) -> int:
        """As `output_size` says."""
        two = 1 if self.meaning == "sigmoid" else 2
        classes = two if target.kind == "binary" else target.size
        one = target.size if self.meaning == "value" else 1
        return {"one": one, "classes": classes, "embedding": embedding_size}[self.output_size]

    def chosen_target(self, offered: Sequence[Target]) -> Target | None:
        """As every loss; one of identities that takes embeddings to compare with trains on pairs, too."""
        found = super().chosen_target(offered)
        if found is None and "identity" in self.trains_on and self.output_size == "embedding":
            return next((one for one in offered if one.kind in NEEDS and _compares(self.function)), None)
        return found

    def needs_for(self, target: Target) -> tuple[str, ...]:
        """Of one between embeddings, what it reads of pairs and of clicks."""
        return NEEDS.get(target.kind, ()) if self.output_size == "embedding" else ()

    @property
    def nearness(self) -> Nearness:
        """By angles: most losses between embeddings put them on the unit sphere."""
        return "cosine" if self.output_size == "embedding" else "dot"

    def also_for(self, target: Target) -> tuple[str, ...]:
        return ALSO.get(target.kind, ()) if self.output_size == "embedding" else ()

    def gives(self, target: Target) -> tuple[str, ...]:
        return GIVES.get(target.kind, ALONE) if self.output_size == "embedding" else super().gives(target)

    def __call__(self, output: Any, target: Any, kind: Target) -> Tensor:
        """As of every loss.

        Raises:
            ValueError: the function returns neither a scalar nor one row per example.
        """
        if self.needs_for(kind):
            return self._between(related(output, target, kind.kind))
        output = as_value(output, kind)
        single = output.shape[-1] == 1 and self.output_size != "embedding"
        read = output.squeeze(-1) if single else output
        hot = self.encoding == "one_hot" and not single
        if hot:
            target = one_hot(target, output)
        moved = self.output_size == "classes" and bool(kind.shape) and not single
        if moved:  # where torch.nn has the classes
            read = output.movedim(-1, 1)
            target = target.movedim(-1, 1) if hot else target
        elif not hot and self.encoding in ("one_hot", "float"):
            target = target.to(output.dtype)
        result = cast("Tensor", self.function(read, target))
        examples = output.shape[0]
        if result.ndim == 0:
            return result.expand(examples)
        if result.shape[0] != examples:
            raise ValueError(
                f"loss {self.name} must return a scalar or one row for each of the {examples} examples; "
                f"got {tuple(result.shape)}"
            )
        if result.ndim == 1 or result.shape[1:] == kind.shape:
            return result
        if moved and result.shape == read.shape:
            return result.mean(1)  # a value of each class at each place
        return result.flatten(1).mean(-1)

    def idle(self, target: Tensor) -> Tensor:
        """Of a loss between embeddings, those whose embedding gets no gradient, tried on random ones."""
        if self.output_size != "embedding":
            return super().idle(target)
        import torch

        generator = torch.Generator().manual_seed(0)
        batches = []
        for batch in target.reshape(-1, target.shape[-1]):
            embeddings = torch.randn(len(batch), _EMBEDDING, generator=generator, requires_grad=True)
            values = self(embeddings, batch, Target("identity", int(batch.max()) + 1))
            (gradient,) = torch.autograd.grad(values.sum(), embeddings)
            batches.append((gradient == 0).all(-1))
        return torch.stack(batches).reshape(target.shape)

    def _between(self, relations: Relations) -> Tensor:
        """The loss of anchors against candidates that are not the anchors themselves."""
        import torch

        relations = relations.joined()
        pairs = (*relations.same.nonzero().unbind(1), *relations.different.nonzero().unbind(1))
        anchors, candidates = relations.anchors, relations.candidates
        numbers = torch.arange(len(anchors) + len(candidates), device=anchors.device)
        own = {"ref_emb": candidates, "ref_labels": numbers[len(anchors) :], "indices_tuple": pairs}
        result = cast("Tensor", self.function(anchors, numbers[: len(anchors)], **own))
        return result.expand(len(anchors)) if result.ndim == 0 else result

    def predict(self, output: Any, kind: Target) -> Prediction:
        """As `meaning` says."""
        if self.needs_for(kind):
            return Prediction(**{name: output[name] for name in self.gives(kind)})
        if self.meaning == "embedding":
            return Prediction(embedding=output)
        if self.meaning == "value":
            value = as_value(output, kind)
            return Prediction(value=value.squeeze(-1) if kind.size == 1 else value)
        if kind.kind == "distribution":
            return Prediction(value=mean_of_support(output.softmax(-1), kind))
        if self.output_size == "one" or (kind.kind == "binary" and output.shape[-1] == 1):
            both, claimed = two_classes(output), self.output_size == "one" and self.meaning == "sigmoid"
            return Prediction(scores=both, probabilities=both.softmax(-1) if claimed else None)
        return Prediction(
            scores=output, probabilities=output.softmax(-1) if self.meaning == "softmax" else None
        )


def _compares(function: Callable[..., Any]) -> bool:
    """Whether it takes embeddings to compare with and which pairs count, as pytorch-metric-learning does."""
    try:
        known = inspect.signature(getattr(function, "forward", function)).parameters
    except ValueError:  # it is not written in Python
        return False
    return known.keys() >= {"ref_emb", "ref_labels", "indices_tuple"}


def _made(function: Any) -> Callable[..., Any]:
    """The callable that a config names; one that is made already stays as it is."""
    if isinstance(function, Mapping):  # also a DictConfig, which is a MutableMapping
        function = foreign.made(function, "loss.function")
    if not callable(function):
        raise InputError(f"loss.function must be a callable or name one with _target_; got {function!r}.")
    weights: Callable[[], Iterable[Any]] = getattr(function, "parameters", tuple)
    if any(True for _ in weights()):
        raise InputError("loss.function has weights of its own, which nothing would train; choose another.")
    return cast("Callable[..., Any]", function)
