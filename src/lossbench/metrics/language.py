"""The measures of next tokens. No torch here: configs read it; their functions lie in `next_tokens`."""

from __future__ import annotations

from lossbench.metrics.measure import Measure, Metric
from lossbench.metrics.names import CALIBRATION, CONTINUATION, METRICS

# What a model writes on by itself is measured on the test alone, once, for it costs a look at a window for
# each token: of so many windows of the test the first half is read, and as much as a window written behind.
PROMPTS = 32
GRAM = 4  # tokens that are looked for twice

BITS = Metric(
    "bits_per_token",
    "classes",
    higher_is_better=False,
    meaning="mean negative log probability of the next token, in bits; of characters, per character",
    unit="bits",
    low=0,
    title="bits per token",
)
PERPLEXITY = Metric(
    "perplexity",
    "classes",
    higher_is_better=False,
    meaning="exponential of the mean negative log probability of the next token",
    low=1,
)
REPETITION = Metric(
    "repetition",
    "classes",
    higher_is_better=False,
    meaning=f"share of {GRAM}-grams in greedy continuations that stood in the same one before, 0 to 1",
    low=0,
    high=1,
)
# Of some windows at a time, for the scores of all tokens at all places are large.
COST = Measure(
    metrics=(METRICS["nll"], BITS, PERPLEXITY),
    needs=("probabilities",),
    fields=("multiclass",),
    function="lossbench.metrics.next_tokens:mean_cost",
    weighted=True,
    keep="lossbench.metrics.next_tokens:costs",
)
RIGHT = Measure(
    metrics=(METRICS["accuracy"],),
    needs=("scores",),
    fields=("multiclass",),
    function="lossbench.metrics.next_tokens:share_right",
    weighted=True,
    keep="lossbench.metrics.next_tokens:right",
)
CALIBRATED = Measure(
    metrics=(METRICS[CALIBRATION],),
    needs=("probabilities",),
    fields=("multiclass",),
    function="lossbench.metrics.next_tokens:calibration",
    weighted=True,
    keep="lossbench.metrics.next_tokens:confidences",
)
REPEATED = Measure(
    metrics=(REPETITION,),
    needs=(CONTINUATION,),
    fields=(),
    function="lossbench.metrics.next_tokens:share_repeated",
)
MEASURES = (COST, RIGHT, CALIBRATED, REPEATED)
