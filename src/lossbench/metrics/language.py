"""The measures of next tokens. No torch here: configs read it; their functions lie in `next_tokens`."""

from __future__ import annotations

from lossbench.metrics.measure import Measure, Metric
from lossbench.metrics.names import METRICS

BITS = Metric(
    "bits_per_token",
    "classes",
    higher_is_better=False,
    meaning="mean negative log probability of the next token, in bits",
    unit="bits",
    low=0,
    title="bits per token",
)
# Of some windows at a time, for the scores of all tokens at all places are large.
COST = Measure(
    metrics=(METRICS["nll"], BITS),
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
