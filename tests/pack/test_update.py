"""The stacked update equals torch.optim step for step, member by member."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lossbench.optimizer import SGD, Adagrad, Adam, AdamW, Optimizer
from lossbench.pack.update import MatrixUpdate, RowUpdate, stacked_update, torch_optimizer

OPTIMIZERS: list[Optimizer] = [
    SGD(name="sgd", momentum=0.0),
    SGD(name="sgd", momentum=0.9),
    SGD(name="sgd", momentum=0.9, nesterov=True, schedule="linear"),
    SGD(name="sgd", momentum=0.9, clip=0.5),
    Adam(name="adam"),
    Adam(name="adam", schedule="cosine", warmup=0.2, clip=1.0),
    AdamW(name="adamw"),
    Adagrad(name="adagrad"),
    Adagrad(name="adagrad", initial_accumulator=0.5, schedule="linear", clip=1.0),
]


def of_torch(options: Optimizer, parameters: list[torch.Tensor]) -> torch.optim.Optimizer:
    """torch.optim's own optimizer."""
    common = {"lr": options.lr, "weight_decay": options.weight_decay}
    if isinstance(options, SGD):
        return torch.optim.SGD(parameters, momentum=options.momentum, nesterov=options.nesterov, **common)
    if isinstance(options, Adagrad):
        start, epsilon = options.initial_accumulator, options.epsilon
        return torch.optim.Adagrad(parameters, initial_accumulator_value=start, eps=epsilon, **common)
    assert isinstance(options, Adam)
    kind = torch.optim.AdamW if isinstance(options, AdamW) else torch.optim.Adam
    return kind(parameters, betas=(options.beta1, options.beta2), eps=options.epsilon, **common)


RATES = [(1e-3, 0.0), (1e-2, 0.1), (0.3, 1e-4)]


KINDS = pytest.mark.parametrize("kind", [MatrixUpdate, RowUpdate])


@KINDS
@pytest.mark.parametrize("base", OPTIMIZERS, ids=repr)
def test_each_member_moves_as_with_torch_optim(base: Optimizer, kind: type[MatrixUpdate | RowUpdate]) -> None:
    members = [replace(base, lr=lr, weight_decay=decay) for lr, decay in RATES]
    start = torch.randn(3, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    gradients = torch.randn(20, 3, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    stacked = start.clone()
    update = kind(members, stacked)
    for step, gradient in enumerate(gradients):
        update(stacked, gradient.clone(), None, base.rate_factor(step, 20))
    for row, options in enumerate(members):
        alone = start[row].clone().requires_grad_()
        optimizer = of_torch(options, [alone])
        for step, gradient in enumerate(gradients):
            alone.grad = gradient[row].clone()
            if options.clip is not None:
                torch.nn.utils.clip_grad_norm_([alone], options.clip)
            optimizer.param_groups[0]["lr"] = options.lr * options.rate_factor(step, 20)
            optimizer.step()
        torch.testing.assert_close(stacked[row], alone.detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("base", OPTIMIZERS, ids=repr)
def test_optimizers_of_members_in_turns_are_torchs_to_the_bit(base: Optimizer) -> None:
    """They leave out what keeps torch's compiler away, and are taken up again as its own are."""
    options = replace(base, lr=0.01, weight_decay=0.1)
    one, other = (torch.linspace(-1, 1, 9).view(3, 3).requires_grad_() for _ in range(2))
    ours, theirs = torch_optimizer(options, [one]), of_torch(options, [other])
    for step in range(6):
        if step == 3:
            again = torch_optimizer(options, [one])
            again.load_state_dict(ours.state_dict())
            ours = again
        for own, optimizer in ((one, ours), (other, theirs)):
            optimizer.zero_grad(set_to_none=True)
            (own.square().sum() * own.detach().sin()).sum().backward()
            optimizer.step()
        assert torch.equal(one, other)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("numbers", [3, 5, 33, 64, 100])
def test_a_member_moves_to_the_bit_alike_wherever_it_stands(numbers: int) -> None:
    """The fused kernel computes the last numbers of a tensor by other code."""
    draw = torch.Generator().manual_seed(numbers)
    start, *gradients = torch.randn(6, 7, numbers, generator=draw)
    options = [Adam(name="adam", lr=0.01 * (member + 1)) for member in range(7)]
    for members in ([6], [0], [3, 6], [6, 1, 2, 3, 0], list(range(7))):
        moved, whole = start[members].clone(), start.clone()
        some, everyone = MatrixUpdate([options[m] for m in members], moved), MatrixUpdate(options, whole)
        for gradient in gradients:
            some(moved, gradient[members].clone(), None, 1.0)
            everyone(whole, gradient.clone(), None, 1.0)
        assert torch.equal(moved, whole[members])


@KINDS
def test_a_frozen_member_stays_and_the_others_do_not_notice(kind: type[MatrixUpdate | RowUpdate]) -> None:
    members = [Adam(name="adam", lr=0.1), Adam(name="adam", lr=0.2)]
    stacked, alone = torch.ones(2, 3), torch.ones(1, 3)
    both, one = kind(members, stacked), kind(members[1:], alone)
    for value in (0.5, -1.0, 2.0):
        both(stacked, torch.tensor([[float("nan")] * 3, [value] * 3]), torch.tensor([False, True]), 1.0)
        one(alone, torch.full((1, 3), value), None, 1.0)
    assert stacked[0].tolist() == [1.0, 1.0, 1.0]
    assert torch.equal(stacked[1], alone[0])


@KINDS
@pytest.mark.parametrize("base", OPTIMIZERS, ids=repr)
def test_what_is_taken_up_again_moves_on_as_if_never_left(
    base: Optimizer, kind: type[MatrixUpdate | RowUpdate]
) -> None:
    gradients = torch.randn(4, 2, 5, generator=torch.Generator().manual_seed(2))
    whole, parts = torch.ones(2, 5), torch.ones(2, 5)
    first, second, third = kind([base] * 2, whole), kind([base] * 2, parts), kind([base] * 2, parts)
    for gradient in gradients:
        first(whole, gradient.clone(), None, 1.0)
    for gradient in gradients[:2]:
        second(parts, gradient.clone(), None, 1.0)
    third.load_state_dict(second.state_dict())
    for gradient in gradients[2:]:
        third(parts, gradient.clone(), None, 1.0)
    assert torch.equal(whole, parts)


def test_schedules_begin_at_one_and_end_near_zero() -> None:
    for schedule in ("linear", "cosine"):
        options = SGD(name="sgd", schedule=schedule)
        factors = [options.rate_factor(step, 100) for step in range(100)]
        assert factors[0] == 1.0
        assert factors == sorted(factors, reverse=True)
        assert factors[-1] < 0.02


def test_warmup_rises_to_the_full_rate() -> None:
    options = SGD(name="sgd", warmup=0.1)
    factors = [options.rate_factor(step, 100) for step in range(100)]
    assert factors[:10] == sorted(factors[:10])
    assert factors[0] < 0.2
    assert set(factors[10:]) == {1.0}


def test_long_rows_are_updated_by_torch_itself() -> None:
    members: list[Optimizer] = [Adam(name="adam")] * 2
    assert isinstance(stacked_update(members, torch.zeros(2, 100)), MatrixUpdate)
    assert isinstance(stacked_update(members, torch.zeros(2, 100_000)), RowUpdate)
