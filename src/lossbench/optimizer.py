"""Optimizers as configs name them. The pack turns them into updates, one learning rate per member."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lossbench.config.choice import Choice, knob
from lossbench.config.search import log
from lossbench.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Optimizer(Choice):
    """What all optimizers share.

    lr, weight_decay: the two knobs in which members of one pack may differ, and which are searched: how far a
        rate reaches, and a decay acts, is each optimizer's own.
    schedule: factor on the learning rate over the whole training: `constant`, `linear` to zero, or half a
        `cosine` to zero.
    warmup: share of the steps in which the rate rises linearly from zero first.
    clip: largest norm of a member's gradient (torch.nn.utils.clip_grad_norm_); null is no clipping.
    """

    part = "optimizer"
    lr: float = knob(1e-3, above=0)
    weight_decay: float = knob(0.0, at_least=0)
    schedule: str = knob("constant", choices=("constant", "linear", "cosine"))
    warmup: float = knob(0.0, at_least=0, below=1)
    clip: float | None = knob(None, above=0, optional=True)

    def rate_factor(self, step: int, steps: int) -> float:
        """The schedule's factor for the update number `step` (0-based) of `steps`."""
        warm = self.warmup * steps
        if step < warm:
            return (step + 1) / (warm + 1)
        done = (step - warm) / max(steps - warm, 1)
        if self.schedule == "linear":
            return 1 - done
        if self.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * done))
        return 1.0


@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    """Stochastic gradient descent as torch.optim.SGD: weight decay adds to the gradient.

    lr: searched over three decades up to 1; with momentum 0.9 that is ten times as much without.
    weight_decay: searched from next to nothing to where it holds back most weights.
    """

    lr: float = knob(1e-3, above=0, search=log(1e-3, 1))
    weight_decay: float = knob(0.0, at_least=0, search=log(1e-6, 1e-2))
    momentum: float = knob(0.9, at_least=0, below=1)
    nesterov: bool = knob(False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and self.momentum == 0:
            raise InputError("optimizer.nesterov needs optimizer.momentum above 0.")


@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Adam as torch.optim.Adam (Kingma and Ba, arXiv 1412.6980): weight decay adds to the gradient.

    lr: searched over three decades about the usual 0.001 to 0.01; a step of Adam is as long whatever the
        loss's scale, so one range suits all losses.
    weight_decay: searched from next to nothing to where it holds back most weights.
    """

    lr: float = knob(1e-3, above=0, search=log(1e-4, 1e-1))
    weight_decay: float = knob(0.0, at_least=0, search=log(1e-6, 1e-2))
    beta1: float = knob(0.9, at_least=0, below=1)
    beta2: float = knob(0.999, at_least=0, below=1)
    epsilon: float = knob(1e-8, above=0)


@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """Adam with decoupled weight decay as torch.optim.AdamW (Loshchilov and Hutter, arXiv 1711.05101).

    weight_decay: decoupled, it is multiplied by the rate: searched about torch's 0.01, two decades up and
        one down.
    """

    weight_decay: float = knob(0.0, at_least=0, search=log(1e-3, 1))


@dataclass(frozen=True, kw_only=True)
class Adagrad(Optimizer):
    """Adagrad as torch.optim.Adagrad (Duchi, Hazan and Singer, JMLR 2011): weight decay adds to the gradient.

    A number's rate falls with the root of the sum of its squared gradients, so that rows of a table which are
    seldom read keep long steps.

    lr: searched over three decades up to 1; the first step is as long as the rate, whatever the loss's scale,
        where no accumulator holds it back.
    weight_decay: searched from next to nothing to where it holds back most weights.
    initial_accumulator: what the sum of squares starts at. LightFM starts at 1 with one click a step; with
        the mean gradient of a batch of B, 1 / B^2 is as much.
    """

    lr: float = knob(1e-2, above=0, search=log(1e-3, 1))
    weight_decay: float = knob(0.0, at_least=0, search=log(1e-6, 1e-2))
    initial_accumulator: float = knob(0.0, at_least=0)
    epsilon: float = knob(1e-10, above=0)
