"""The words around the calibration table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lossbench.report.calibration_real import DEALS
from lossbench.report.statistics import ALPHA, fewest_seeds

_TEXT = """# Can the verdicts be trusted?

Simulated experiments whose truth is known, judged by the functions that judge the real claims
(`lossbench.report.statistics`). Made again by

    python -m lossbench.report.calibration

Results of one loss over seeds are normal, skewed (lognormal) or heavy-tailed (Student's t, 3 degrees of
freedom). Differences are counted in standard deviations of the paired differences.

## The same loss under two names (A/A)

No difference exists, so every `supported` or `refuted` is false. Wanted: at most 5% of experiments with a
false verdict, and at least 93% coverage of the 95% interval. Found: at most {false:.1%}, and at least
{coverage:.1%}. With several claims the share counts experiments with any false verdict (Holm's correction).

{same}

Five seeds never give a verdict: the smallest p that a sign-flip test of five differences can have is 0.0625.
One claim needs {one} seeds, three claims {three}, ten claims {ten}. Verdicts are given at a corrected p of
at most {alpha}, not 0.05, so that the 5% hold with room to spare. The last column is the coverage of the BCa
bootstrap, which is why the paired t interval is used instead.

{real}## `as good as`, where it is true and where it is exactly at its margin

With a margin of two standard deviations. Between equal losses only `refuted` is false; for two losses that
differ by exactly the margin both verdicts are.

{margin}

## A planted difference is found

Power: share of experiments whose planted difference got the verdict `supported`, 10 seeds. With several
claims the others compare equal losses.

{planted}

## Where the guarantee ends

Two losses with equal means whose results have different shapes give differences that are skewed about their
own mean (here exponential, skewness 2). They are no A/A, and the sign-flip test does not cover them: the
false share is above 5% at these numbers of seeds. Look at the forest plot and the runs before believing a
verdict that one or two seeds carry.

{limit}
"""


_REAL = """## The same loss under two names, on real runs

The seeds of one loss at one learning rate are dealt at random into two sides, {deals} times for each
condition of the recorded experiments (all losses, learning rates and data of them). Every verdict on "left
is better" is false. Deals of one condition share its runs, so these shares are less sure than the simulated
ones.

{table}

"""


def page(table: pd.DataFrame, real: pd.DataFrame | None = None) -> str:
    """Markdown of the simulated table, as `calibration.Row` names its columns, and of real runs."""
    table = table.assign(false=table["supported"] + table["refuted"])
    part = {name: table[table["part"] == name] for name in table["part"].unique()}
    better = part["A/A"][part["A/A"]["kind"] == "better"]
    equal = part["A/A"][part["A/A"]["kind"] == "as_good_as"]
    names = {
        "results": "results",
        "seeds": "seeds",
        "claims": "claims",
        "difference": "difference",
        "experiments": "experiments",
    }
    shares = {"false": "false verdicts", "coverage": "coverage", "coverage_bca": "BCa coverage"}
    verdicts = {"supported": "supported", "refuted": "refuted"}
    few = {key: names[key] for key in ("results", "seeds", "experiments")}
    return _TEXT.format(
        false=float(better["false"].max()),
        coverage=float(better["coverage"].min()),
        one=fewest_seeds(1),
        three=fewest_seeds(3),
        ten=fewest_seeds(10),
        alpha=ALPHA,
        same=_markdown(better, {k: v for k, v in names.items() if k != "difference"} | shares),
        margin=_markdown(
            pd.concat([equal, part["margin"]]), few | {"difference": "true difference"} | verdicts
        ),
        planted=_markdown(
            part["planted"],
            {k: v for k, v in names.items() if k != "seeds"} | {"supported": "power", "refuted": "refuted"},
        ),
        real=_real(real),
        limit=_markdown(part["limit"], few | {"false": "false verdicts", "coverage": "coverage"}),
    )


def _real(table: pd.DataFrame | None) -> str:
    if table is None or table.empty:
        return ""
    names = ("runs of", "seeds", "conditions", "experiments")
    columns = {**{name: name for name in names}, "seeds": "seeds a side"}
    shares = {"false": "false verdicts", "coverage": "coverage"}
    return _REAL.format(deals=DEALS, table=_markdown(table, columns | shares))


_SHARES = ("false", "coverage", "coverage_bca", "supported", "refuted")


def _markdown(rows: pd.DataFrame, columns: dict[str, str]) -> str:
    lines = ["| " + " | ".join(columns.values()) + " |", "|" + " --- |" * len(columns)]
    for row in rows.to_dict("records"):
        cells = [_cell(key, row[key]) for key in columns]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(key: str, value: object) -> str:
    if key in _SHARES and isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.1%}"
    return f"{value:g}" if isinstance(value, float) else str(value)
