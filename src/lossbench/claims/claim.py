"""Claims: what an experiment says before it trains, and the verdict afterwards.

In `conf/experiment/<name>.yaml`:

    experiment:
      name: outliers
      question: Which loss should I train with when some targets are wrong?
      judge: rmse          # test metric
      select: mae          # validation metric that chooses the trial
      axes: [loss.delta]   # knobs that stay conditions of their own where `trials` would tune them
      claims:
        - id: huber-beats-mse
          sentence: With 20% outliers Huber beats MSE.
          source: Huber (1964)
          left: {loss: huber, data.contamination: 0.2}
          right: {loss: mse, data.contamination: 0.2}
          metric: rmse     # default: judge
          margin: 0.0      # in units of the metric
          kind: better     # better (by more than the margin), as good as, no worse (both within the margin)
          change_from: {data.contamination: 0.0}   # optional: compare the changes from there, not the levels

A side names one condition. It leaves the learning rate open (the chosen one is taken) or fixes it with
`optimizer.lr`. A list of values means the mean over them, seed by seed; of a knob that holds a list
(`model.hidden: [8, 8]`) it is one value, and a list of lists several.

A claim that somebody wrote with the results in view promises less. So each run keeps digests of the claims
that its experiment stated when it trained: of what a claim compares and how, not of its name and words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lossbench.errors import InputError, suggestion

if TYPE_CHECKING:
    from lossbench.metrics.measure import Metric

NONE = "none"  # of an experiment without claims; runs that were recorded before have no such tag
_DIGITS = 12
KINDS = ("better", "as_good_as", "no_worse")


@dataclass(frozen=True)
class Claim:
    """A sentence about two conditions that paired results can support or refute."""

    id: str
    sentence: str
    source: str
    left: Mapping[str, Any]
    right: Mapping[str, Any]
    metric: str
    kind: str = "better"
    margin: float = 0.0
    change_from: Mapping[str, Any] = field(default_factory=dict)
    direction: str = ""  # of its metric, "higher" or "lower"; empty until `measured` says it

    @property
    def higher_is_better(self) -> bool:
        """The direction of its metric."""
        return self.direction == "higher"

    def measured(self, metrics: Mapping[str, Metric]) -> Claim:
        """With the direction of its metric.

        Raises:
            InputError: there is no such metric, or the claim states another direction.
        """
        name = f"Claim {self.id}"
        _check_metric(f"{name}: metric", self.metric, metrics)
        right = metrics[self.metric].direction
        if self.direction not in ("", right):
            raise InputError(
                f"{name}: direction={self.direction} is wrong, {right} {self.metric} is better; leave it out."
            )
        return replace(self, direction=right)


@dataclass(frozen=True)
class Experiment:
    """The `experiment` node of a config, checked.

    config: the arguments that name its YAML (`experiment=outliers`); None where no YAML describes it
    overrides: further arguments, which set parts of it instead of the YAML (`experiment.judge=mae`)
    """

    name: str
    question: str | None = None
    judge: str | None = None
    select: str | None = None
    claims: tuple[Claim, ...] = ()
    config: tuple[str, ...] | None = None
    overrides: tuple[str, ...] = ()

    def measured(self, metrics: Mapping[str, Metric]) -> Experiment:
        """With the directions of its claims.

        Args:
            metrics: that there are, by name: of its data sets before it trains, of its runs afterwards.

        Raises:
            InputError: it names a metric that is none, or a claim states a wrong direction.
        """
        for key in ("judge", "select"):
            _check_metric(f"experiment.{key}", getattr(self, key), metrics)
        return replace(self, claims=tuple(claim.measured(metrics) for claim in self.claims))


def _check_metric(name: str, metric: str | None, metrics: Mapping[str, Metric]) -> None:
    if metric is not None and metric not in metrics:
        sided = [known for known, told in metrics.items() if told.aim is None]
        raise InputError(f"{name}={metric} is not a metric ({suggestion(metric, sided)}).")
    if metric is not None and (aim := metrics[metric].aim) is not None:
        raise InputError(
            f"{name}={metric} is right at {aim:g}, so that neither more nor less of it is better: name a "
            f"metric that says how far off it is, such as {'bias_size' if aim == 0 else 'coverage_error'}."
        )


def digest(claim: Claim) -> str:
    """Of a claim as it is judged."""
    sides = (claim.left, claim.right, claim.change_from)
    return _digest(*sides, metric=claim.metric, kind=claim.kind, margin=claim.margin)


def stated(node: Mapping[str, Any]) -> str:
    """What runs keep: the digests of the claims of an `experiment` node that was found to be in order."""
    told = [
        _digest(
            entry["left"],
            entry["right"],
            entry.get("change_from") or {},
            metric=str(entry.get("metric") or node.get("judge")),
            kind=str(entry.get("kind", "better")).replace(" ", "_"),
            margin=float(entry.get("margin", 0.0)),
        )
        for entry in node.get("claims") or ()
    ]
    return ",".join(told) or NONE


def _digest(*sides: Mapping[str, Any], metric: str, kind: str, margin: float) -> str:
    """The same for 20 and 20.0, and for a list and a tuple."""
    plain = [{str(key): _plain(value) for key, value in side.items()} for side in sides]
    text = json.dumps([plain, metric, kind, margin], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
