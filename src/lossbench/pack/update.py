"""Updates of stacked parameters: torch.optim step for step, with a learning rate per member.

torch.optim takes one learning rate per parameter tensor, so a stack of members needs its own update. All
parameters lie in one (members, numbers) matrix: an update is a handful of operations, however many layers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lossbench.optimizer import SGD, Adam, AdamW, Optimizer


class StackedUpdate:
    """SGD, Adam or AdamW over the rows of a matrix.

    Args:
        options: one optimizer per member; they may differ in `lr` and `weight_decay` alone.
        like: the (R, P) matrix of parameters, for shape, type and device.
    """

    def __init__(self, options: Sequence[Optimizer], like: Tensor) -> None:
        self.options = options[0]
        self.rates = like.new_tensor([[o.lr] for o in options])
        self.decays = like.new_tensor([[o.weight_decay] for o in options])
        self.decaying = any(o.weight_decay > 0 for o in options)
        slots = 1 if isinstance(self.options, SGD) else 2
        self.state = [torch.zeros_like(like) for _ in range(slots)]
        self.steps = 0

    def __call__(self, parameters: Tensor, gradients: Tensor, active: Tensor | None, factor: float) -> None:
        """Change `parameters` (R, P) in place.

        Args:
            gradients: (R, P); may be overwritten.
            active: (R,) bool, the members to update; None is all.
            factor: of the learning rate, from the schedule.
        """
        if self.options.clip is not None:
            # As torch.nn.utils.clip_grad_norm_, for each member on its own.
            norms = torch.linalg.vector_norm(gradients, dim=1, keepdim=True)
            gradients = gradients * (self.options.clip / (norms + 1e-6)).clamp(max=1.0)
        self.steps += 1
        change = self._change(parameters, gradients, factor)
        if active is not None:
            # `where`, not a product: the gradient of a frozen member may be nan.
            change = torch.where(active.unsqueeze(1), change, 0.0)
        parameters.sub_(change)

    def _change(self, parameters: Tensor, gradients: Tensor, factor: float) -> Tensor:
        rates = self.rates * factor
        if isinstance(self.options, AdamW):
            change = self._adam(gradients, rates)
            # The decay multiplies the parameters before Adam's step in torch.optim; the sum is the same.
            return change.add_(parameters * (rates * self.decays)) if self.decaying else change
        if self.decaying:
            gradients = gradients + self.decays * parameters
        if isinstance(self.options, Adam):
            return self._adam(gradients, rates)
        if isinstance(self.options, SGD):
            return self._sgd(self.options, gradients) * rates
        raise TypeError(f"no stacked update for {type(self.options).__name__}")

    def _adam(self, gradients: Tensor, rates: Tensor) -> Tensor:
        options = self.options
        assert isinstance(options, Adam)
        mean, square = self.state
        mean.lerp_(gradients, 1 - options.beta1)
        square.mul_(options.beta2).addcmul_(gradients, gradients, value=1 - options.beta2)
        correction1 = 1 - options.beta1**self.steps
        correction2 = 1 - options.beta2**self.steps
        denominator = (square.sqrt() / math.sqrt(correction2)).add_(options.epsilon)
        return (mean / denominator).mul_(rates / correction1)

    def _sgd(self, options: SGD, gradients: Tensor) -> Tensor:
        if options.momentum == 0:
            return gradients
        (velocity,) = self.state
        # torch.optim.SGD starts the velocity at the first gradient, which 0 * momentum + gradient is too.
        velocity.mul_(options.momentum).add_(gradients)
        return gradients + options.momentum * velocity if options.nesterov else velocity


def torch_optimizer(options: Optimizer, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
    """The torch.optim optimizer of one member, for members that train in turn."""
    if isinstance(options, SGD):
        return torch.optim.SGD(
            parameters,
            lr=options.lr,
            weight_decay=options.weight_decay,
            momentum=options.momentum,
            nesterov=options.nesterov,
        )
    if isinstance(options, Adam):
        kind = torch.optim.AdamW if isinstance(options, AdamW) else torch.optim.Adam
        return kind(
            parameters,
            lr=options.lr,
            weight_decay=options.weight_decay,
            betas=(options.beta1, options.beta2),
            eps=options.epsilon,
        )
    raise TypeError(f"no torch optimizer for {type(options).__name__}")
