"""How a run ended, for who asked for it: a number for a sweeper, a line for a person."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from lossbench.errors import RunFailedError
from lossbench.job import Job
from lossbench.significant import number

log = logging.getLogger(__name__)

_BADLY = {"diverged": "diverged, which counts as the worst result", "failed": "have no result"}


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    job: Job
    outcome: str  # finished, diverged or failed
    reason: str | None = None
    metrics: dict[str, float] = field(default_factory=dict)  # as of `MemberResult`; none where it failed
    run_id: str | None = None
    found: bool = False  # it was finished before and was not trained again

    @property
    def select(self) -> str:
        """Name of the metric that chose its epoch."""
        return self.job.member.source.selects

    def result(self) -> float:
        """The selection metric on validation: what a sweeper that adapts needs. A diverged run is the worst.

        Raises:
            RunFailedError: the run has no result.
        """
        if self.outcome == "failed":
            raise RunFailedError(f"{self.job.name}: {self.reason}")
        if self.outcome == "diverged":
            return -math.inf if self.job.member.source.selecting.higher_is_better else math.inf
        return self.metrics[f"val_best/{self.select}"]

    @property
    def merit(self) -> float | None:
        """How good it was by the metric by which a report chooses trials, more being better.

        None where it has no result; minus infinity where it diverged.
        """
        asked, source = self.job.config["experiment"], self.job.member.source
        names = [
            name for name in (asked.get("select"), asked.get("judge")) if f"val_best/{name}" in self.metrics
        ]
        name = (*names, self.select)[0]
        value = self.metrics.get(f"val_choose/{name}", self.metrics.get(f"val_best/{name}"))
        if self.outcome == "diverged":
            return -math.inf
        if self.outcome == "failed" or value is None:
            return None
        return value if source.described[name].higher_is_better else -value


def tell(outcomes: Sequence[Outcome], uri: str | None = None) -> None:
    """The end of a sweep: every run that did not finish and why, not the first alone; and where the rest is.

    Args:
        uri: where all of them are recorded; None where they are not.
    """
    for how, means in _BADLY.items():
        ended = [outcome for outcome in outcomes if outcome.outcome == how]
        if ended:
            log.error("%d of %d runs %s:", len(ended), len(outcomes), means)
        for outcome in ended:
            reason = outcome.reason or "recorded before; its run says why"
            log.error("  %s %s: %s", outcome.job.name, how, reason)
    if [outcome.outcome for outcome in outcomes] == ["finished"]:
        log.info("%s", summary(outcomes[0]))
    if uri is None:
        return
    names = ", ".join(sorted({outcome.job.experiment for outcome in outcomes}))
    log.info("recorded in %s, experiment %s", uri, names)


def summary(outcome: Outcome) -> str:
    """One finished run in two lines that fit a terminal: what chose its epoch, and what the test says."""
    epoch = outcome.metrics["val_best/epoch"]
    selected = number(outcome.metrics[f"val_best/{outcome.select}"])
    kept = outcome.job.member.trainer.keep
    chosen = f"{kept} epoch {epoch:.0f}: val/{outcome.select} {selected}"
    tests = [f"{name} {number(value)}" for name, value in outcome.metrics.items() if name.startswith("test/")]
    return f"{outcome.job.name}: {chosen}\n  {', '.join(tests)}"
