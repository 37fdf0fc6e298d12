"""What is said of boxes that move by themselves: a table of all rates, and the pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from lossbench.anatomy.report import Checked, shown
from lossbench.box_regression.descent import AREAS, FARTHEST, SHAPES, STEPS, WAYS, best
from lossbench.report import page
from lossbench.report.picture import Pictures
from lossbench.verdicts.table import Cell, Column, Table

if TYPE_CHECKING:
    from torch import Tensor

    from lossbench.box_regression.findings import All

NAME = "box_regression"
_QUESTION = "Which losses bring a box to its target that follows their gradient by itself, without a net?"
_SETTING = (
    "{count:,} boxes start on a disc around their targets, whose middles are {farthest} target widths away "
    "at most; boxes have {shapes} shapes and {areas} sizes, targets {shapes} shapes, and {apart:.0%} of the "
    "boxes lie apart: they have nothing in common with their target.",
    "Their four edges take {steps} steps, by plain gradient descent as in Zheng et al. (AAAI 2020, section "
    "3), and by Adam, which trains nets here. Each loss is shown at the rate that serves it best. No number "
    "has chance in it, and none speaks of nets.",
    "Losses of overlap keep their slope up to the target, so by plain descent boxes jump about it until the "
    "rate falls.",
)
_NOTE = (
    "Of both ways the worse one counts. A sentence is `supported` where the measured number lies in the "
    "range that it allows; no chance is involved, so there is no p-value."
)
_SHOWN = {
    "rate": "rate",
    "mean_iou": "mean IoU",
    "iou_at_0.5": "IoU of 0.5 or more",
    "iou_at_0.9": "IoU of 0.9 or more",
    "apart_mean_iou": "apart: mean IoU",
    "apart_moved": "apart: moved",
    "apart_overlap": "apart: overlaps in the end",
}


@dataclass(frozen=True)
class _Exact(Column):
    """Numbers without a spread, to three digits behind the point."""

    def text(self, place: int, gap: str = " ") -> str:
        return f"{self.cells[place].mean:.3f}"


def table(found: All, apart: Tensor) -> pd.DataFrame:
    """One row for each loss, way and rate: means and shares of all boxes, and of those that start apart."""
    rows = []
    for (loss, way), descents in found.items():
        for one in descents:
            of_apart = one.iou[apart]
            rows.append(
                {
                    "loss": loss,
                    "way": way,
                    "rate": one.rate,
                    "best": one is best(descents),
                    "mean_iou": one.mean,
                    "iou_at_0.5": float((one.iou >= 0.5).double().mean()),
                    "iou_at_0.9": float((one.iou >= 0.9).double().mean()),
                    "apart_mean_iou": float(of_apart.mean()),
                    "apart_moved": float(one.moved[apart].double().mean()),
                    "apart_overlap": float((of_apart > 0).double().mean()),
                }
            )
    return pd.DataFrame(rows)


def context(
    rows: pd.DataFrame, claims: Sequence[Checked], apart: Tensor, figures: Pictures
) -> dict[str, Any]:
    """What the pages show of a table, what was claimed, and figures."""
    sizes = {"shapes": len(SHAPES), "areas": len(AREAS), "steps": STEPS, "farthest": FARTHEST}
    share = float(apart.double().mean())
    setting = [line.format(count=len(apart), apart=share, **sizes) for line in _SETTING]
    first = {
        "verdicts": [shown(one) for one in claims],
        "verdict_heads": ["measured", "p", "boxes"],
        "verdict_note": _NOTE,
        "figures": figures,
    }
    return {
        **page.EMPTY,
        "name": NAME,
        "question": _QUESTION,
        "advice": [_first(rows), *setting],
        "commands": ["python -m lossbench.box_regression"],
        "figures": figures,
        "parts": [first, *(_of_way(rows[rows["way"] == way.name], way.name) for way in WAYS)],
    }


def _first(rows: pd.DataFrame) -> str:
    chosen = rows[rows["best"]]
    still = sorted(chosen.loc[chosen["apart_moved"] == 0, "loss"].unique())
    others = chosen[~chosen["loss"].isin(still)]
    least = others.groupby("way", sort=False)["mean_iou"].min()
    ends = " and ".join(f"at least {value:.3f} with {way}" for way, value in least.items())
    return (
        f"{' and '.join(still) or 'No loss'} never moves a box that lies apart from its target; all others "
        f"bring at least {others['apart_overlap'].min():.1%} of these to it, and all boxes to a mean IoU of "
        f"{ends}."
    )


def _of_way(rows: pd.DataFrame, way: str) -> dict[str, Any]:
    """The part of the page on one way to move: at the best rates, and at each."""
    chosen = rows[rows["best"]]
    columns = [
        _Exact(head, tuple(Cell(float(value)) for value in chosen[name])) for name, head in _SHOWN.items()
    ]
    rates = rows.pivot_table("mean_iou", "loss", "rate", sort=False)
    return {
        "title": f"By {way}",
        "level": "###",
        "figures": {},
        "judge": "the mean IoU in the end; shares are of all boxes, or of those that lie apart",
        "choice": "The best rate of each is the one with the highest mean IoU",
        "legend": f"without chance, {len(rates.columns)} rates each",
        "tables": [Table("", tuple(map(str, chosen["loss"])), tuple(columns))],
        "rates_head": "the mean IoU at each rate",
        "rates": [
            ("loss", [f"{rate:.2g}" for rate in rates.columns]),
            *((str(loss), [f"{value:.3f}" for value in values]) for loss, values in rates.iterrows()),
        ],
    }
