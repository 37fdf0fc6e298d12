"""Losses of boxes: against torchvision, at the edges of arithmetic, and the laws that they keep."""

from __future__ import annotations

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import example, given
from torch import Tensor

from lossbench.losses.boxes import from_start
from lossbench.losses.ciou import CIoU, ciou_loss
from lossbench.losses.diou import DIoU, diou_loss
from lossbench.losses.giou import GIoU, giou_loss
from lossbench.losses.heads import BoxLoss
from lossbench.losses.huber import Huber
from lossbench.losses.iou import IoU, iou_loss
from lossbench.losses.log_cosh import LogCosh
from lossbench.losses.loss import Loss
from lossbench.losses.mae import MAE
from lossbench.losses.mse import MSE
from lossbench.losses.third_party import ThirdParty
from lossbench.task import Target

Function = Callable[[Tensor, Tensor], Tensor]

BOX = Target("box", size=4)
MOST = {iou_loss: 1.0, giou_loss: 2.0, diou_loss: 2.0, ciou_loss: 2.5}
EVERY = pytest.mark.parametrize("loss", MOST, ids=lambda loss: loss.__name__)

# Edges of boxes that are not smaller than a hundredth of where they lie.
_place, _side = st.floats(-10, 10), st.floats(0.2, 10)
boxes = st.tuples(_place, _place, _side, _side).map(lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]])
any_edges = st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=4)


def random_boxes(count: int, spread: float) -> Tensor:
    """Boxes (count, 4) with sides of 1 to 21 about the origin; many of two sets overlap where it is small."""
    low = spread * torch.randn(count, 2, dtype=torch.float64)
    return torch.cat([low, low + 1 + 20 * torch.rand(count, 2, dtype=torch.float64)], -1)


def reference(loss: Function) -> Function:
    from torchvision.ops import complete_box_iou_loss, distance_box_iou_loss, generalized_box_iou_loss

    known: dict[Function, Function] = {
        giou_loss: generalized_box_iou_loss,
        diou_loss: distance_box_iou_loss,
        ciou_loss: complete_box_iou_loss,
    }
    return lambda output, target: known[loss](output, target, eps=1e-12)


def graded(loss: Function, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    leaf = output.clone().requires_grad_()
    values = loss(leaf, target)
    return values.detach(), torch.autograd.grad(values.sum(), leaf)[0]


class TestAgainstTorchvision:
    @pytest.mark.parametrize("loss", [giou_loss, diou_loss, ciou_loss], ids=lambda loss: loss.__name__)
    @pytest.mark.parametrize("spread", [0.5, 5.0, 100.0])  # nearly all overlap, some, nearly none
    def test_values_and_gradients_are_equal(self, loss: Function, spread: float) -> None:
        output, target = random_boxes(2000, spread), random_boxes(2000, spread)
        for ours, known in zip(
            graded(loss, output, target), graded(reference(loss), output, target), strict=True
        ):
            torch.testing.assert_close(ours, known, rtol=1e-6, atol=1e-9)

    def test_iou_is_that_of_box_iou(self) -> None:
        from torchvision.ops import box_iou

        output, target = random_boxes(500, 5.0), random_boxes(500, 5.0)
        known = box_iou(output, target).diagonal()
        assert 0.2 < (known > 0).double().mean() < 0.9
        torch.testing.assert_close(1 - iou_loss(output, target), known, rtol=1e-12, atol=1e-12)

    @EVERY
    def test_single_precision_keeps_six_digits_far_from_the_origin(self, loss: Function) -> None:
        """As a loss sees them: edges that are small beside where the boxes lie lose no more than rounding."""
        output, target = (random_boxes(2000, 5.0).float() for _ in range(2))
        exact = loss(output.double(), target.double())
        torch.testing.assert_close(loss(output, target).double(), exact, rtol=1e-5, atol=2e-6)


@EVERY
class TestArithmetic:
    @example(
        [0.0, -4.281019549273735e-12, 0.0, 0.0], [0.0] * 4
    )  # a line, so short that its gradient explodes
    @given(any_edges, any_edges)
    def test_any_edges_have_a_finite_value_in_range_and_a_finite_gradient(
        self, loss: Function, output: list[float], target: list[float]
    ) -> None:
        """Turned around, without any area, far away, on one another: in single precision."""
        value, gradient = graded(loss, torch.tensor([output]), torch.tensor([target]))
        assert -1e-5 <= value.item() <= MOST[loss] + 1e-5
        assert gradient.isfinite().all()
        assert gradient.square().isfinite().all()  # which Adam takes

    @pytest.mark.parametrize(
        "output",
        [
            pytest.param([1.0, 1.0, 1.0, 1.0], id="a point within"),
            pytest.param([3.0, 1.0, 1.0, 2.0], id="turned around"),
            pytest.param([3.0, 3.0, 1.0, 1.0], id="turned around twice"),
            pytest.param([0.0, 0.0, 0.0, 4.0], id="a line on the edge"),
            pytest.param([9.0, 9.0, 10.0, 10.0], id="apart"),
            pytest.param([4.0, 0.0, 8.0, 4.0], id="touching"),
            pytest.param([1e30, 1e30, 2e30, 2e30], id="far"),
            pytest.param([-1e30, -1e30, 1e30, 1e30], id="around all"),
            pytest.param([1e-30, 1e-30, 2e-30, 3e-30], id="tiny"),
            pytest.param([0.0, 0.0, 4.0, 4.0], id="equal"),
            pytest.param([0.0, 0.0, 0.0, 0.0], id="zeros"),
        ],
    )
    @pytest.mark.parametrize(
        "target", [[0.0, 0.0, 4.0, 4.0], [2.0, 2.0, 2.0, 2.0], [0.0] * 4, [4.0, 4.0, 0.0, 0.0]]
    )
    def test_edges_of_arithmetic(self, loss: Function, output: list[float], target: list[float]) -> None:
        value, gradient = graded(loss, torch.tensor([output]), torch.tensor([target]))
        assert value.isfinite().all()
        assert gradient.isfinite().all()

    @given(boxes, boxes, st.floats(1e-3, 1e3), st.floats(-100, 100), st.floats(-100, 100))
    def test_a_common_shift_and_scale_change_nothing(
        self, loss: Function, output: list[float], target: list[float], scale: float, x: float, y: float
    ) -> None:
        one, other = torch.tensor([output, target], dtype=torch.float64).split(1)
        shift = torch.tensor([x, y, x, y], dtype=torch.float64)
        value, gradient = graded(loss, one, other)
        moved, its_gradient = graded(loss, one * scale + shift, other * scale + shift)
        torch.testing.assert_close(moved, value, rtol=0, atol=1e-7)
        if (one - other).abs().min() > 1e-3:  # else rounding decides which edge is the outer one
            torch.testing.assert_close(its_gradient * scale, gradient, rtol=1e-5, atol=1e-7)

    @given(boxes)
    def test_it_is_zero_of_equal_boxes_and_of_no_others(self, loss: Function, box: list[float]) -> None:
        target = torch.tensor([box], dtype=torch.float64)
        assert loss(target, target).abs().item() < 1e-12
        assert (loss(target + 0.05 * torch.eye(4, dtype=torch.float64), target.expand(4, 4)) > 1e-4).all()

    @given(boxes, boxes)
    def test_swapping_the_boxes_or_the_axes_changes_nothing(
        self, loss: Function, output: list[float], target: list[float]
    ) -> None:
        one, other = torch.tensor([output, target], dtype=torch.float64).split(1)
        value, turned = loss(one, other), [1, 0, 3, 2]
        torch.testing.assert_close(loss(other, one), value)
        torch.testing.assert_close(loss(one[:, turned], other[:, turned]), value)

    def test_gradients(self, loss: Function) -> None:
        output, target = random_boxes(20, 5.0).requires_grad_(), random_boxes(20, 5.0)
        if loss is not ciou_loss:  # whose weight is not differentiated
            assert torch.autograd.gradcheck(lambda o: loss(o, target), output)

    @pytest.mark.parametrize("shapes", [((3, 4), (4,)), ((3, 3), (3, 3)), ((2, 4), (3, 4))])
    def test_wrong_shape(self, loss: Function, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        with pytest.raises(ValueError, match="must"):
            loss(torch.zeros(shapes[0]), torch.zeros(shapes[1]))


class TestHandValues:
    """Of 2 x 2 boxes in a hull of 6 x 2: apart by a gap of 2."""

    one, other = torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[4.0, 0.0, 6.0, 2.0]])

    def test_boxes_apart(self) -> None:
        assert iou_loss(self.one, self.other).item() == 1
        assert giou_loss(self.one, self.other).item() == pytest.approx(1 + 4 / 12)
        assert diou_loss(self.one, self.other).item() == pytest.approx(1 + 16 / 40)
        assert ciou_loss(self.one, self.other).item() == pytest.approx(1 + 16 / 40)

    def test_one_within_the_other_is_told_by_its_place_and_shape(self) -> None:
        corner, tall = torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([[0.0, 0.0, 0.5, 2.0]])
        whole = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
        assert iou_loss(corner, whole).item() == giou_loss(corner, whole).item() == 0.75
        assert diou_loss(corner, whole).item() == pytest.approx(0.75 + 0.5 / 8)
        unlike = (4 / torch.pi**2) * (torch.pi / 4 - torch.tensor(0.25).atan().item()) ** 2
        added = unlike**2 / (0.75 + unlike)
        assert ciou_loss(tall, whole).item() == pytest.approx(0.75 + 0.75**2 / 8 + added, rel=1e-5)

    def test_boxes_apart_are_not_drawn_together_by_iou_alone(self) -> None:
        pulls = {loss: graded(loss, self.one, self.other)[1] for loss in MOST}
        assert not pulls[iou_loss].any()
        # The near edge comes on.
        assert all(pulls[loss][0, 2] < 0 for loss in (giou_loss, diou_loss, ciou_loss))

    def test_the_weight_of_shapes_is_not_differentiated(self) -> None:
        """The gradient by the shape is alpha times that of v, so it is less than that of their product."""
        box = torch.tensor([[0.0, 0.0, 2.0, 1.0]], dtype=torch.float64)
        target = torch.tensor([[0.0, 0.0, 1.5, 2.0]], dtype=torch.float64)
        _, of_ciou = graded(ciou_loss, box, target)
        _, of_diou = graded(diou_loss, box, target)
        iou = 1 - iou_loss(box, target)

        def unlike(output: Tensor, target: Tensor) -> Tensor:
            (w, h), (v, g) = (output[..., 2:] - output[..., :2]).unbind(-1), (target[..., 2:]).unbind(-1)
            return 4 / torch.pi**2 * ((v / g).atan() - (w / h).atan()).square()

        value, slope = graded(unlike, box, target)
        torch.testing.assert_close(of_ciou - of_diou, value / (1 - iou + value) * slope)


class TestDeclarations:
    @pytest.mark.parametrize("loss", [IoU(), GIoU(), DIoU(), CIoU()], ids=lambda loss: loss.name)
    def test_they_train_on_boxes_alone(self, loss: BoxLoss) -> None:
        assert loss.chosen_target([Target("continuous", size=4), Target("multiclass", 4)]) is None
        assert loss.chosen_target([Target("continuous"), BOX]) == BOX
        assert loss.outputs(BOX, 7) == 4

    @pytest.mark.parametrize(
        "loss", [MSE(), MAE(), Huber(), LogCosh(), IoU(), GIoU(), DIoU(), CIoU()], ids=lambda loss: loss.name
    )
    def test_all_count_their_outputs_from_one_box(self, loss: Loss) -> None:
        """In the loss and in what it predicts: an untrained net says the box from which every loss starts."""
        still = torch.zeros(3, 4)
        start = loss.predict(still, BOX)["value"]
        assert start.tolist() == [[-0.5, -0.5, 0.5, 0.5]] * 3
        assert loss.gives(BOX) == ("value",)
        torch.testing.assert_close(loss(still, start, BOX), torch.zeros(3))
        assert (loss(still, start + 0.1, BOX) > 0).all()

    @pytest.mark.parametrize("loss", [MAE(), IoU(), GIoU(), DIoU(), CIoU()], ids=lambda loss: loss.name)
    def test_edges_that_have_passed_each_other_find_back(self, loss: Loss) -> None:
        """Large steps turn sides around; a box without a size has no gradient, and would stay."""
        target = torch.tensor([[-0.3, -0.3, 0.3, 0.3]])
        box = torch.tensor([[0.2, 0.25, -0.2, -0.15]])  # both sides, within the target
        output = (box - from_start(torch.zeros(1, 4))).requires_grad_()
        said = loss.predict(output, BOX)["value"]
        torch.testing.assert_close(said, torch.tensor([[-0.2, -0.15, 0.2, 0.25]]))
        for _ in range(200):
            (gradient,) = torch.autograd.grad(loss(output, target, BOX).sum(), output)
            output = (output - 0.01 * gradient).detach().requires_grad_()
        assert loss(output, target, BOX).item() < 0.1

    def test_a_softmax_is_not_for_boxes(self) -> None:
        assert MSE(softmax=True).chosen_target([BOX]) is None

    def test_smooth_l1_is_huber_over_its_delta(self) -> None:
        output, target = torch.randn(50, 4), torch.randn(50, 4)
        for beta in (1 / 9, 1.0):
            known = torch.nn.functional.smooth_l1_loss(
                from_start(output), target, beta=beta, reduction="none"
            ).mean(-1)
            torch.testing.assert_close(Huber(delta=beta)(output, target, BOX) / beta, known)

    def test_a_loss_of_torchvision_reads_the_same_box(self) -> None:
        adapted = ThirdParty(
            name="torchvision",
            function={
                "_target_": "torchvision.ops.generalized_box_iou_loss",
                "_partial_": True,
                "reduction": "none",
            },
            trains_on=("box",),
            encoding="value",
            output_size="one",
            meaning="value",
        )
        output, target = torch.randn(50, 4) / 8, from_start(torch.randn(50, 4) / 8)
        torch.testing.assert_close(
            adapted(output, target, BOX), GIoU()(output, target, BOX), rtol=1e-5, atol=1e-5
        )
        assert adapted.predict(output, BOX)["value"].equal(GIoU().predict(output, BOX)["value"])
