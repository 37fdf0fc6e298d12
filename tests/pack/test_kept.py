"""The bytes that a member keeps for backward: counted from the shapes, once for each piece of memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from lossbench.data.cache import DataCache
from lossbench.job import Job, Member
from lossbench.models.model import Model
from lossbench.pack.engine import build_modules
from lossbench.pack.kept import kept_for_backward
from lossbench.task import Inputs

Compose = Callable[..., list[Job]]


def kept(member: Member) -> int:
    data = DataCache().load(member.source, member.seed, member.reads)
    return kept_for_backward(member, build_modules([member], data.description.inputs)[0], data)


class Steps(nn.Module):
    """A first layer, and what a user's model does behind it."""

    def __init__(self, width: int, outputs: int, then: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.then = nn.Linear(width, outputs), then

    def forward(self, x: Tensor) -> Tensor:
        return self.then(self.first(x))


@dataclass(frozen=True, kw_only=True)
class Stepwise(Model):
    reads = ("vector",)
    then: Callable[[Tensor], Tensor] = torch.relu

    def build(self, inputs: Inputs, outputs: int) -> nn.Module:
        return Steps(inputs.shape[0], outputs, self.then)


def stepwise(jobs: Compose, then: Callable[[Tensor], Tensor]) -> int:
    (job,) = jobs("loss=mse")
    return kept(replace(job.member, model=Stepwise(name="stepwise", then=then)))


def test_a_perceptron_keeps_its_hidden_layers_and_what_its_loss_needs(jobs: Compose) -> None:
    (narrow,) = jobs("loss=mse model.hidden=[8] trainer.batch_size=32")
    (wide,) = jobs("loss=mse model.hidden=[8,24] trainer.batch_size=32")
    assert kept(wide.member) - kept(narrow.member) == 32 * 24 * 4
    assert kept(narrow.member) < 32 * (8 + 4) * 4  # neither weights nor inputs nor targets


def test_each_piece_of_memory_counts_once(jobs: Compose) -> None:
    def twice(x: Tensor) -> Tensor:
        return x.exp() + x.exp()

    def shared(x: Tensor) -> Tensor:
        once = x.exp()
        return once * once + once * 1

    plain = stepwise(jobs, lambda x: x + 0)
    assert stepwise(jobs, shared) - plain == 32 * 4
    assert stepwise(jobs, twice) - plain == 2 * 32 * 4


def test_memory_that_is_given_out_a_second_time_counts_twice(jobs: Compose) -> None:
    def forgotten(x: Tensor) -> Tensor:
        for _ in range(5):
            x.exp().sum()
        return x + 0

    assert stepwise(jobs, forgotten) - stepwise(jobs, lambda x: x + 0) == 5 * 32 * 4


def test_the_count_is_one_for_all_seeds_and_any_number_of_threads(jobs: Compose) -> None:
    overrides = [f"model.dropout=0.2 loss={loss}" for loss in ("mse", "huber loss.delta=2")]
    for one, other in zip(
        jobs(*overrides), jobs(*[f"{o} seed=3 optimizer.lr=1" for o in overrides]), strict=True
    ):
        threads = torch.get_num_threads()
        counted = kept(one.member)
        torch.set_num_threads(threads + 2)
        try:
            assert kept(other.member) == counted > 0
        finally:
            torch.set_num_threads(threads)


def test_the_last_examples_bound_a_batch(jobs: Compose) -> None:
    small, all_of_them = jobs("trainer.batch_size=96", "trainer.batch_size=5000")  # of 96
    assert kept(small.member) == kept(all_of_them.member)


def test_what_raises_keeps_nothing(jobs: Compose) -> None:
    def broken(x: Tensor) -> Tensor:
        raise ValueError

    assert stepwise(jobs, broken) == 0
