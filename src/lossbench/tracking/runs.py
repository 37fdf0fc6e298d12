"""What a run is on its way into MLflow, and what comes back of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["finished", "diverged", "failed", "killed"]

Points = dict[str, list[tuple[int, float]]]  # curve name -> (step, value) pairs

COUNTED: tuple[Outcome, ...] = ("finished", "diverged")  # results; the others are trained again

# A diverged member is a result for us and a failure for someone who reads the run table.
STATUS: dict[Outcome, str] = {
    "finished": "FINISHED",
    "diverged": "FAILED",
    "failed": "FAILED",
    "killed": "KILLED",
}

KEY = "lossbench.key"
KIND = "lossbench.kind"
EXPERIMENT = "lossbench.experiment"
LOSS = "lossbench.loss"
BASELINE = "lossbench.baseline"  # the name of one, on runs of its kind
OUTCOME = "lossbench.outcome"
REASON = "lossbench.reason"
TRACEBACK = "lossbench.traceback"
NOT_FINITE = "lossbench.not_finite"  # what was left out because it was nan or infinite
PROCESS = "lossbench.process"  # host:pid:start, to tell a running run from an orphaned one
ARTIFACTS = "lossbench.artifacts"  # names of the files that were stored with a run
CONFIG = "lossbench.config"  # the resolved config as JSON, from which a run can be trained again
COMMIT = "lossbench.commit"  # of the checkout that trained it
FINGERPRINT = "lossbench.fingerprint"  # of the data, as the seed of the run loads it
CODE = "lossbench.code"  # digests of the files of the user's own, as `config.own_code` has them
WITHOUT_CODE = "lossbench.key_without_code"  # where there are such files: the key without them
BY_CODE = "code"  # how a person names one of them, by its beginning
BY_FINGERPRINT = "data.fingerprint"  # how a person names it, by its beginning
SOURCE = "lossbench.source"  # where the data comes from, in words
PLACES = "lossbench.places"  # params that tell no runs apart, as JSON: where files lie, what else is measured
ELICITS = "lossbench.elicits"  # of the target what its loss elicits, in words; absent: nothing is known
SELECT = "lossbench.select"  # the validation metric by which the data set chooses
FRESH = "lossbench.fresh_examples"  # "true" where no other seed of the data set has this run's examples
METRICS = (
    "lossbench.metrics"  # its metrics with direction, meaning, unit and range, as `metrics.recorded` has them
)
CLASSES = "lossbench.classes"  # the names of classes, as `data.labels` has them; absent: classes have numbers
CLAIMS = "lossbench.claims"  # digests of those that its experiment stated when it trained
TUNED = "lossbench.tuned"  # knobs that validation chooses beside the learning rate, as JSON; absent: none
UNSAID = "lossbench.unsaid"  # of its params those that a run at their default lacks, with that, as JSON
LOOKS = "lossbench.looks"  # of a report run: the seeds of each recorded report
SUPERSEDED = "lossbench.superseded"  # "true" on records that a later run of the same key replaced
LONG = (CONFIG, TRACEBACK)  # as long as all others together, and of interest for one run at a time
STANDING = (KEY, KIND, EXPERIMENT, OUTCOME, SUPERSEDED, PROCESS)  # what a record is, and whether it counts
RUN_COLOR = "mlflow.runColor"
NOTE = "mlflow.note.content"


@dataclass(frozen=True)
class RunResult:
    """How a run ended; of one that MLflow holds already, only its outcome and its metrics are filled in.

    run_id:    as `Store.start` gave it
    reason:    one sentence for a run that is not `finished`
    history:   curve name -> (step, value) pairs; cut before the first value that is not finite
    metrics:   final numbers; those that are not finite are left out
    artifacts: file name -> content
    """

    run_id: str
    outcome: Outcome
    reason: str | None = None
    traceback: str | None = None
    history: Points = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict)
