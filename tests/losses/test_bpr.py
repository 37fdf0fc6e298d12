"""BPR: what was taken above each that was not."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given

from lossbench.losses.bpr import BPR, bayesian_personalised_ranking
from lossbench.losses.cce import categorical_cross_entropy
from lossbench.losses.clicks import scored
from lossbench.task import Target

scores = st.floats(-50, 50, width=16)


def drawn(count: int, negatives: int) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)

    def vectors(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, 5, generator=draw, dtype=torch.float64)

    return {"user": vectors(count), "item": vectors(count), "other": vectors(count, negatives)}


def test_a_number() -> None:
    value = bayesian_personalised_ranking(torch.tensor([1.0]), torch.tensor([[1.0]]))
    assert value.item() == pytest.approx(0.6931472)


def test_with_one_negative_it_is_the_cross_entropy_of_two_classes() -> None:
    right, wrong = scored(drawn(40, 1))
    classes = torch.cat([right.unsqueeze(-1), wrong], -1)
    reference = categorical_cross_entropy(classes, torch.zeros(40, dtype=torch.int64))
    torch.testing.assert_close(bayesian_personalised_ranking(right, wrong), reference)


def test_a_batch_equals_the_log_of_torchs_sigmoid() -> None:
    output = drawn(40, 6)
    right = (output["user"] * output["item"]).sum(-1)
    reference = torch.stack(
        [-F.logsigmoid(right - (output["user"] * output["other"][:, k]).sum(-1)) for k in range(6)]
    ).mean(0)
    value = BPR()(output, torch.zeros(40), Target("item", 9))
    torch.testing.assert_close(value, reference)


def test_gradients() -> None:
    output = {name: tensor.requires_grad_() for name, tensor in drawn(4, 3).items()}
    assert torch.autograd.gradcheck(
        lambda *own: BPR()(dict(zip(output, own, strict=True)), torch.zeros(4), Target("item", 9)),
        tuple(output.values()),
    )


@given(scores, scores, scores)
def test_only_the_difference_of_scores_counts(right: float, wrong: float, shift: float) -> None:
    def value(of: float, against: float) -> float:
        one, other = (torch.tensor(x, dtype=torch.float64) for x in ([of], [[against]]))
        return bayesian_personalised_ranking(one, other).item()

    assert value(right + shift, wrong + shift) == pytest.approx(value(right, wrong))
    assert value(right, wrong) >= 0
    assert value(right, wrong) - value(wrong, right) == pytest.approx(wrong - right)


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_large_scores_are_finite(size: float) -> None:
    value = bayesian_personalised_ranking(torch.tensor([0.0]), torch.tensor([[size]]))
    assert value.item() == max(0.0, size)


def test_wrong_shapes() -> None:
    with pytest.raises(ValueError, match="right must be"):
        bayesian_personalised_ranking(torch.zeros(4), torch.zeros(3, 2))
    with pytest.raises(ValueError, match="other"):
        scored({"user": torch.zeros(4, 2), "item": torch.zeros(4, 2), "other": torch.zeros(4, 2)})
