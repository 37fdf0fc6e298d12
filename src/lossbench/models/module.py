"""One adapter for every module that others wrote: a YAML, or the command line, names it and its arguments."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from lossbench.config import foreign
from lossbench.config.choice import knob
from lossbench.errors import InputError
from lossbench.models.model import Model
from lossbench.task import InputKind, Inputs

if TYPE_CHECKING:
    from torch import nn

_PATH = "model.module"
_WORD = re.compile(r"outputs|(\w+\.)?(features|vocabulary|shape\.-?\d+)")


@dataclass(frozen=True, kw_only=True)
class Module(Model):
    """Any torch.nn.Module: of torch, torchvision or Lightning, or your own.

    module: `_target_: package.Class`, or a function that makes one, and its arguments; an argument may be
        such a node itself, as the layers of a torch.nn.Sequential are. It is made here, not by Hydra
        (`_recursive_: false` in the YAML). Where an argument wants a number, one of these words may stand for
        what the loss and the data say:
            outputs     how many numbers the loss asks for: the size of the last layer
            features    how many numbers an example has in all
            shape.0     the first number of its shape (channels of an image, length of a text); shape.1, ...,
                        and from the end shape.-1, ...
            vocabulary  how many ids there are
        Where an example has several inputs, the name of one stands in front: `user.vocabulary`.
    reads: kinds of input that it can read; where none is named, whatever the data gives.
    gives: names of its outputs, where its forward returns a dict, or a tuple in this order.
    places: whether it gives a row of outputs for each place of the target (step, pixel, token) itself.

    Its forward is called with the input. Of several inputs, those that its forward has parameters for are
    given by name; a forward with one parameter of another name gets them all, as a dict.
    Lazy layers (torch.nn.LazyLinear) get their sizes from the data. Of a LightningModule the forward is used,
    and nothing else.

    Raises:
        InputError: the module cannot be imported, does not take these arguments, or lacks one.
    """

    remedy: ClassVar[str] = (
        "write the word outputs for the size of its last layer, as in model.module.out_features=outputs"
    )
    module: Mapping[str, Any] = field(hash=False)
    reads: tuple[InputKind, ...] = knob(())  # type: ignore[misc]  # a class says it of itself, an adapter of what it adapts
    gives: tuple[str, ...] = knob(())  # type: ignore[misc]
    places: bool = knob(False)  # type: ignore[misc]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.module, Mapping):
            raise InputError(f"{_PATH} must be a node with _target_ and arguments; got {self.module!r}.")
        spelled = foreign.spelled(foreign.plain(self.module), _PATH, _is_word)
        foreign.imported(_PATH, spelled.get("_target_"))
        object.__setattr__(self, "module", spelled)

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        """The module, its lazy layers with their sizes.

        Raises:
            InputError: it cannot be made, is no torch.nn.Module, or its forward does not take the inputs.
        """
        import torch
        from torch import nn
        from torch.nn.parameter import is_lazy

        sizes = _sizes(inputs) | {"outputs": outputs}
        module = foreign.made(foreign.filled(self.module, lambda text: _meaning(text, sizes)), _PATH)
        if not isinstance(module, nn.Module):
            raise InputError(
                f"{_PATH}._target_={self.module['_target_']} gives {type(module).__name__}, no "
                "torch.nn.Module; name a class that extends it, or a function that returns one."
            )
        if inputs.parts and (names := _read_by_name(module, inputs)):
            module.register_forward_pre_hook(_ByName(names), with_kwargs=True)
        if self.gives:
            module.register_forward_hook(_Named(self.gives))
        if any(is_lazy(weight) for weight in [*module.parameters(), *module.buffers()]):
            with torch.no_grad():
                module.eval()(_batch(inputs))
            module.train()
        return module

    def remark(self, module: nn.Module) -> str | None:
        """That the training of a LightningModule is ours."""
        if not _of_lightning(module):
            return None
        return (
            f"model={self.name}: of the LightningModule {type(module).__name__} the forward is used; its "
            "training_step and configure_optimizers are not"
        )


def _is_word(text: str) -> bool:
    return _WORD.fullmatch(text) is not None


def _meaning(text: str, sizes: Mapping[str, int]) -> int | str:
    if not _is_word(text):
        return text
    if text not in sizes:
        raise InputError(
            f"{_PATH} names {text}, which this data does not have; it has "
            f"{', '.join(name for name in sizes if '-' not in name)}."
        )
    return sizes[text]


def _sizes(inputs: Inputs, prefix: str = "") -> dict[str, int]:
    """What the words stand for, but for `outputs`."""
    if inputs.parts:
        return {k: v for name, part in inputs.parts.items() for k, v in _sizes(part, f"{name}.").items()}
    found = {"features": math.prod(inputs.shape)}
    for place, size in enumerate(inputs.shape):
        found |= {f"shape.{place}": size, f"shape.{place - len(inputs.shape)}": size}
    if inputs.vocabulary:
        found["vocabulary"] = inputs.vocabulary
    return {prefix + name: size for name, size in found.items()}


def _read_by_name(module: nn.Module, inputs: Inputs) -> tuple[str, ...]:
    """The inputs that its forward has parameters for; none where it has one parameter, for all of them.

    Raises:
        InputError: it asks for something else.
    """
    parameters = list(inspect.signature(module.forward).parameters.values())
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    asked = [p.name for p in named if p.default is p.empty]
    known = [p.name for p in named if p.name in inputs.parts]
    if known and set(asked) <= set(known):
        return tuple(inputs.parts if any(p.kind == p.VAR_KEYWORD for p in parameters) else known)
    if len(asked) == 1 and not known and parameters[0].name == asked[0]:
        return ()
    raise InputError(
        f"the forward of {type(module).__name__} takes {', '.join(asked) or 'nothing'}, the data gives "
        f"{', '.join(inputs.parts)}; name its parameters so, or let it take one, a dict of them."
    )


class _ByName:
    """Hands a dict of inputs over by name; a hook before forward."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def __call__(self, module: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        inputs, *rest = args
        return tuple(rest), kwargs | {name: inputs[name] for name in self.names}


class _Named:
    """Gives outputs their names; a hook behind forward."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def __call__(self, module: nn.Module, args: Any, output: Any) -> Any:
        if isinstance(output, Mapping):
            return {name: output[name] for name in self.names}
        if isinstance(output, (tuple, list)):
            return dict(zip(self.names, output, strict=False))
        return output


def _batch(inputs: Inputs) -> Any:
    """Two examples of zeros, from which lazy layers take their sizes."""
    import torch

    if inputs.parts:
        return {name: _batch(part) for name, part in inputs.parts.items()}
    ids = inputs.vocabulary > 0 and inputs.kind != "tfidf"
    return torch.zeros(2, *inputs.shape, dtype=torch.int64 if ids else torch.float32)


def _of_lightning(module: nn.Module) -> bool:
    """Whether it is a LightningModule, of either of the packages that have one."""
    homes = [kind.__module__ for kind in type(module).__mro__ if kind.__name__ == "LightningModule"]
    return any(home.partition(".")[0] in ("lightning", "pytorch_lightning") for home in homes)
