"""Unlikelihood of the tokens that stood before; and other losses at the places of a window."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from lossbench.losses.cce import CCE, categorical_cross_entropy
from lossbench.losses.focal_softmax import FocalSoftmax
from lossbench.losses.huber import Huber
from lossbench.losses.loss import Loss
from lossbench.losses.mae import MAE
from lossbench.losses.mse import MSE
from lossbench.losses.unlikelihood import Unlikelihood, token_unlikelihood
from lossbench.losses.z_loss import ZLoss
from lossbench.task import Target

TOKENS, PLACES = 5, 7
KIND = Target("multiclass", TOKENS, shape=(PLACES,))


def by_hand(output: torch.Tensor, target: torch.Tensor, alpha: float) -> torch.Tensor:
    """One window after another, place by place, as the paper writes it."""
    found = torch.zeros(target.shape, dtype=output.dtype)
    for n in range(len(target)):
        for t in range(target.shape[1]):
            p = output[n, t].softmax(-1)
            before = set(target[n, :t].tolist()) - {int(target[n, t])}
            found[n, t] = -p[target[n, t]].log() - alpha * sum((1 - p[c]).log() for c in before)
    return found


class TestTokenUnlikelihood:
    def test_one_window(self) -> None:
        # of tokens alike, p = 1/2: at the second place the first token stood before
        value = token_unlikelihood(torch.zeros(2, 2), torch.tensor([0, 1]), alpha=1.0)
        torch.testing.assert_close(value, torch.tensor([math.log(2), 2 * math.log(2)]))

    @pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
    def test_batch_equals_the_formula_of_the_paper(self, alpha: float) -> None:
        output, target = torch.randn(4, PLACES, TOKENS).double(), torch.randint(0, TOKENS, (4, PLACES))
        for knob in (alpha, torch.tensor(alpha, dtype=torch.float64)):
            torch.testing.assert_close(
                token_unlikelihood(output, target, alpha=knob), by_hand(output, target, alpha)
            )

    def test_hand_values(self) -> None:
        # 0 0 1 0 with p(0) = 3/4: nothing before; itself; 0 before; 1 before
        output = torch.tensor([math.log(3), 0.0]).expand(4, 2)
        value = token_unlikelihood(output, torch.tensor([0, 0, 1, 0]), alpha=2.0)
        right, wrong = math.log(4 / 3), math.log(4)
        torch.testing.assert_close(value, torch.tensor([right, right, 3 * wrong, 3 * right]))

    def test_without_alpha_it_is_cross_entropy_to_the_bit(self) -> None:
        output, target = torch.randn(9, PLACES, TOKENS), torch.randint(0, TOKENS, (9, PLACES))
        plain = categorical_cross_entropy(output, target)
        assert torch.equal(token_unlikelihood(output, target, alpha=0.0), plain)

    @pytest.mark.parametrize("shapes", [((4, 3), (3,)), ((4, 3, 2), (4, 2)), ((), ()), ((3,), ())])
    def test_wrong_shape(self, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        with pytest.raises(ValueError, match=r"classes|places"):
            token_unlikelihood(torch.zeros(shapes[0]), torch.zeros(shapes[1], dtype=torch.int64))

    def test_gradients(self) -> None:
        output = torch.randn(2, PLACES, TOKENS, dtype=torch.float64, requires_grad=True)
        target = torch.randint(0, TOKENS, (2, PLACES))
        assert torch.autograd.gradcheck(lambda o: token_unlikelihood(o, target, alpha=0.7), output)

    @pytest.mark.parametrize("lead", [50.0, 1e4])
    def test_a_certain_repetition_has_a_finite_value_and_gradient(self, lead: float) -> None:
        output = torch.zeros(1, 2, 3)
        output[..., 0] = lead
        output.requires_grad_()
        values = token_unlikelihood(output, torch.tensor([[0, 1]]))
        values.sum().backward()
        assert values.isfinite().all()
        assert values[0, 1].item() == pytest.approx(lead - math.log(1e-5), rel=1e-3)
        assert output.grad is not None
        assert output.grad.isfinite().all()

    def test_what_stands_behind_changes_nothing(self) -> None:
        output, target = torch.randn(1, PLACES, TOKENS), torch.randint(0, TOKENS, (1, PLACES))
        other = target.clone()
        other[:, 4:] = 0
        ours, theirs = (token_unlikelihood(output, own)[:, :4] for own in (target, other))
        assert torch.equal(ours, theirs)

    def test_it_lowers_what_stood_before_and_raises_what_did_not(self) -> None:
        output = torch.zeros(1, 3, 4, requires_grad=True)
        target = torch.tensor([[0, 1, 2]])
        more = token_unlikelihood(output, target) - categorical_cross_entropy(output, target)
        (slope,) = torch.autograd.grad(more.sum(), output)
        assert (slope[0, 2, :2] > 0).all()  # descent lowers them
        assert (slope[0, 2, 2:] < 0).all()


def test_it_trains_on_places_in_a_row_alone() -> None:
    loss = Unlikelihood()
    assert loss.chosen_target([Target("multiclass", 4)]) is None
    assert loss.chosen_target([Target("multiclass", 4, shape=(3, 3))]) is None
    assert loss.chosen_target([KIND]) == KIND
    output = torch.randn(2, PLACES, loss.outputs(KIND, 1))
    torch.testing.assert_close(loss.predict(output, KIND)["probabilities"], output.softmax(-1))


AT_PLACES = [
    *(MSE(), MAE(), Huber(), MSE(softmax=True), CCE(), CCE(label_smoothing=0.1), FocalSoftmax(), ZLoss()),
    Unlikelihood(),
]


@pytest.mark.parametrize("loss", AT_PLACES, ids=repr)
def test_under_vmap_members_are_as_alone(loss: Loss) -> None:
    output, target = torch.randn(3, 4, PLACES, TOKENS), torch.randint(0, TOKENS, (3, 4, PLACES))
    stacked = torch.func.vmap(lambda o, t: loss(o, t, KIND))(output, target)
    assert stacked.shape == target.shape
    torch.testing.assert_close(stacked, torch.stack([loss(output[i], target[i], KIND) for i in range(3)]))


@pytest.mark.parametrize(
    ("loss", "reference"),
    [(MSE(), F.mse_loss), (MAE(), F.l1_loss), (Huber(), F.huber_loss)],
    ids=["mse", "mae", "huber"],
)
@pytest.mark.parametrize("softmax", [False, True])
def test_losses_of_numbers_compare_one_hot_rows_at_each_place(
    loss: Loss, reference: object, softmax: bool
) -> None:
    loss = type(loss)(softmax=softmax)  # type: ignore[call-arg]
    output, target = torch.randn(4, PLACES, TOKENS), torch.randint(0, TOKENS, (4, PLACES))
    rows = F.one_hot(target, TOKENS).float()
    known = reference(output.softmax(-1) if softmax else output, rows, reduction="none")  # type: ignore[operator]
    torch.testing.assert_close(loss(output, target, KIND), known.mean(-1))
    assert loss.predict(output, KIND)["scores"].shape == (4, PLACES, TOKENS)
