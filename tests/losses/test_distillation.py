"""Losses that learn from a teacher."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from lossbench.losses.cce import CCE, categorical_cross_entropy
from lossbench.losses.distillation import Distillation
from lossbench.losses.jsd import JSD
from lossbench.losses.logit_mse import LogitMSE
from lossbench.losses.reverse_kl import ReverseKL
from lossbench.losses.taught import TaughtLoss
from lossbench.task import Target

KIND = Target("multiclass", 5)
ALL = (Distillation, ReverseKL, JSD, LogitMSE)


def batch(scale: float = 3.0) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    output, teacher = scale * torch.randn(2, 30, 5, generator=generator, dtype=torch.float64)
    return output, {"multiclass": torch.arange(30) % 5, "teacher": teacher}


def test_distillation_is_what_people_write_with_torch() -> None:
    """kl_div's first argument is the student's logarithms: it is KL(target || input)."""
    output, known = batch()
    for temperature, alpha in ((1.0, 1.0), (4.0, 0.9), (20.0, 0.3)):
        soft, hard = (own / temperature for own in (output, known["teacher"]))
        theirs = F.kl_div(soft.log_softmax(-1), hard.softmax(-1), reduction="batchmean") * temperature**2
        theirs = alpha * theirs + (1 - alpha) * F.cross_entropy(output, known["multiclass"])
        ours = Distillation(temperature=temperature, alpha=alpha)(output, known, KIND).mean()
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("loss", ALL)
def test_without_the_teachers_share_it_is_cross_entropy(loss: type[TaughtLoss]) -> None:
    output, known = batch()
    ours, label = loss(alpha=0.0)(output, known, KIND), known["multiclass"]
    torch.testing.assert_close(ours, categorical_cross_entropy(output, label))


@pytest.mark.parametrize("loss", ALL)
def test_a_student_that_says_the_same_is_at_the_minimum(loss: type[TaughtLoss]) -> None:
    _, known = batch()
    student = known["teacher"].clone().requires_grad_()
    value = loss(alpha=1.0)(student, known, KIND).sum()
    (gradient,) = torch.autograd.grad(value, student)
    assert abs(value.item()) < 1e-10
    assert gradient.abs().max() < 1e-10


def test_the_square_of_the_temperature_keeps_the_gradient_as_long() -> None:
    """Hinton and others, section 2.1: at high T it is the difference of logits of mean 0, over classes."""
    output, known = batch()
    lengths = {}
    for temperature in (20.0, 1000.0):
        leaf = output.clone().requires_grad_()
        loss = Distillation(temperature=temperature, alpha=1.0)(leaf, known, KIND)
        (gradient,) = torch.autograd.grad(loss.sum(), leaf)
        lengths[temperature] = gradient.norm()
    apart = (output - output.mean(-1, True)) - (known["teacher"] - known["teacher"].mean(-1, True))
    torch.testing.assert_close(gradient, apart / 5, rtol=0.05, atol=0.01)
    assert 0.7 < lengths[20.0] / lengths[1000.0] < 1.4


def test_label_smoothing_is_a_teacher_that_says_the_same_of_all() -> None:
    """Yuan and others (CVPR 2020): one to whom all classes are equally likely, at T 1, but for a constant."""
    output, known = batch()
    uniform = {**known, "teacher": torch.zeros_like(output)}
    taught = Distillation(temperature=1.0, alpha=0.2)(output, uniform, KIND)
    smoothed = CCE(label_smoothing=0.2)(output, known["multiclass"], KIND)
    apart = smoothed - taught
    torch.testing.assert_close(apart, apart[:1].expand_as(apart))


@pytest.mark.parametrize("loss", ALL)
def test_it_is_of_one_class_for_each_example(loss: type[TaughtLoss]) -> None:
    assert loss().chosen_target([Target("multiclass", 5, shape=(7,))]) is None
    assert loss().chosen_target([Target("continuous"), KIND]) == KIND
