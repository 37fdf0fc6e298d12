"""Recurrent layers and attention in a stack: torch.func.vmap has rules for what they are made of alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from lossbench.models.causal import CausalBlock

# torch's own decompositions. The names are private: where one is gone, vmap refuses the layer as ever, and
# its members train in turns.
_DECOMPOSED: dict[Callable[..., Any], str] = {
    torch.gru: "gru_impl",
    torch.lstm: "lstm_impl",
    torch.rnn_tanh: "rnn_tanh_input",
    torch.rnn_relu: "rnn_relu_input",
}


@contextmanager
def decomposed(module: nn.Module) -> Iterator[None]:
    """While it lasts, the recurrent layers of a module compute step by step, by operations that stack, and
    attention of lossbench's transformer by its products.

    The results differ from those of the whole layers by rounding. Other modules are left as they are. The
    first layer of an LSTM becomes a fused operation that vmap takes member by member, and warns of it:
    measured, 1.2 to 1.5 times as fast as the steps that it misses.
    """
    if not any(isinstance(part, (nn.RNNBase, CausalBlock)) for part in module.modules()):
        yield
        return
    with _Decomposed():
        yield


class _Decomposed(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is F.scaled_dot_product_attention and (kwargs or {}).keys() == {"is_causal"}:
            return _attended(*args)
        # The third argument is the list of weights, but of packed sequences, whose lengths do not stack.
        if func in _DECOMPOSED and isinstance(args[2], list | tuple):
            func = _decompositions().get(func, func)
        return func(*args, **(kwargs or {}))


def _attended(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Causal attention (..., T, D): for what torch computes at once, vmap goes from member to member."""
    steps = queries.shape[-2]
    later = torch.ones(steps, steps, dtype=torch.bool, device=queries.device).triu(1)
    alike = (queries * queries.shape[-1] ** -0.5) @ keys.mT
    found: Tensor = alike.masked_fill(later, float("-inf")).softmax(-1) @ values
    return found


@cache
def _decompositions() -> dict[Callable[..., Any], Callable[..., Any]]:
    try:
        from torch._decomp import decompositions
    except ImportError:
        return {}
    return {
        func: getattr(decompositions, name)
        for func, name in _DECOMPOSED.items()
        if hasattr(decompositions, name)
    }
