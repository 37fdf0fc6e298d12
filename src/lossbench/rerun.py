"""Train a finished run again from what MLflow holds, and compare.

`python -m lossbench.rerun RUN_ID [tracking.uri=ADDRESS]`

Nothing is recorded. On the same machine and versions the numbers are the same to the bit; elsewhere rounding
differs, and training lets it grow, so numbers that agree to a relative `TOLERANCE` count as the same. The
exit status is 0 where they do, 1 where something differs, and 2 where there is nothing to compare.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.cli import command
from lossbench.config import own_code
from lossbench.errors import InputError
from lossbench.metrics.families import described
from lossbench.metrics.recorded import of_text, of_texts
from lossbench.recorded import find, job_of, mapping
from lossbench.tracking import provenance, resolve_uri, runs

if TYPE_CHECKING:
    from lossbench.job import Job
    from lossbench.metrics.measure import Metric

TOLERANCE = 1e-3

_USAGE = "python -m lossbench.rerun RUN_ID [tracking.uri=ADDRESS]"


@dataclass(frozen=True)
class Comparison:
    """A run and its repetition."""

    same: int  # how many metrics are equal to the bit
    close: dict[str, float]  # the relative distance of those that agree to `TOLERANCE`, by name
    apart: list[
        tuple[str, float | None, float | None]
    ]  # others: name, recorded, now; None where it is missing
    different: list[str]  # what else differs, one line each

    @property
    def agrees(self) -> bool:
        """Whether the numbers are the same, in the stated sense."""
        return not self.apart

    def lines(self) -> list[str]:
        """What to tell."""
        total = self.same + len(self.close) + len(self.apart)
        if not self.close and not self.apart:
            told = [f"the same: all {total} metrics are equal to the bit"]
        elif self.agrees:
            told = [
                f"the same to rounding: {self.same} of {total} metrics are equal to the bit, "
                f"the others to a relative {max(self.close.values()):.1g}"
            ]
        else:
            told = [f"NOT the same: {len(self.apart)} of {total} metrics differ"]
            told += [
                f"  {name}: {_show(before)} recorded, {_show(now)} now" for name, before, now in self.apart
            ]
        return told + [f"  {line}" for line in self.different]


def rerun(run_id: str, uri: str | None = None) -> Comparison:
    """Train a recorded run again and compare; refused where there is no such run, result or config."""
    tags, recorded = _find(run_id, resolve_uri(uri))
    outcome, metrics, now = _train(job_of(run_id, tags[runs.CONFIG]))
    newer = _newer(recorded, metrics, tags.get(runs.METRICS, ""))
    metrics = {name: value for name, value in metrics.items() if name not in newer}
    same, close, apart = _sorted(recorded, metrics, of_texts(tags.get(runs.METRICS, "")))
    different = [
        f"{what}: {before} recorded, {after} now"
        for what, before, after in [("outcome", tags[runs.OUTCOME], outcome), *_provenance(tags, now)]
        if before != after
    ]
    if newer:
        names = dict.fromkeys(name.rpartition("/")[2] for name in newer)
        different.append(f"not measured when it was recorded: {', '.join(names)}")
    return Comparison(same, close, apart, different)


def _find(run_id: str, uri: str) -> tuple[dict[str, str], dict[str, float]]:
    """The tags of a run that can be compared, and its metrics."""
    tags, metrics = find(run_id, uri)
    outcome = tags[runs.OUTCOME]
    if outcome not in runs.COUNTED:
        raise InputError(f"Run {run_id} is {outcome}; only a finished or diverged run can be compared.")
    if runs.CONFIG not in tags:
        raise InputError(f"Run {run_id} was recorded without its config; train it by its sweep.")
    return tags, metrics


def _train(job: Job) -> tuple[str, dict[str, float], dict[str, str]]:
    """Outcome, metrics and provenance of a run, now."""
    from lossbench.pack.plan import plan
    from lossbench.pack.work import fit_pack

    planned = plan([job], 1, 1)
    (result,) = fit_pack(planned.packs[0].work, lambda message: None, planned.cache)
    now = {
        **provenance.tags(),
        runs.FINGERPRINT: job.member.source.fingerprint(job.member.seed),
        runs.CODE: own_code.as_text(job.code),
        "lossbench.pack": planned.packs[0].mode,
    }
    last = {name: curve[-1][1] for name, curve in result.history.items()}
    finite = {name: value for name, value in (last | result.metrics).items() if math.isfinite(value)}
    return result.outcome, finite, now


def _newer(before: Mapping[str, float], now: Mapping[str, float], told: str) -> list[str]:
    """What a record knows nothing of: metrics, and losses that score its outputs, of a later release."""
    known = {*described(of_text(told)), "epoch", "loss"}
    lacking = sorted(name for name in now if name not in before)
    return [
        name for name in lacking if name.startswith("test_cross/") or name.rpartition("/")[2] not in known
    ]


def _sorted(
    before: Mapping[str, float], now: Mapping[str, float], described: Mapping[str, Metric]
) -> tuple[int, dict[str, float], list[tuple[str, float | None, float | None]]]:
    same, close, apart = 0, {}, []
    for name in sorted({*before, *now}):
        old, new = before.get(name), now.get(name)
        distance = math.inf if old is None or new is None else _distance(described, name, old, new)
        if old == new:
            same += 1
        elif distance <= TOLERANCE:
            close[name] = distance
        else:
            apart.append((name, old, new))
    return same, close, apart


def _provenance(tags: Mapping[str, str], now: Mapping[str, str]) -> list[tuple[str, str, str]]:
    old, new = (mapping(side.get("lossbench.versions", "")) or {} for side in (tags, now))
    versions = [
        (name, str(old.get(name, "unknown")), str(new.get(name, "unknown"))) for name in sorted({*old, *new})
    ]
    words = {
        "data": "lossbench.fingerprint",
        "commit": "lossbench.commit",
        "changed files": "lossbench.dirty",
    }
    told = [(word, tags.get(tag, "unknown"), now[tag]) for word, tag in words.items()]
    before, after = (own_code.of_text(side.get(runs.CODE)) for side in (tags, now))
    files = sorted({*before, *after})
    told += [(f"your {name}", before.get(name, "unknown"), after.get(name, "unknown")) for name in files]
    mode = tags.get("lossbench.pack", "unknown").partition(":")[0]
    return [*told, *versions, ("pack mode", mode, now["lossbench.pack"])]


def _distance(described: Mapping[str, Metric], name: str, before: float, now: float) -> float:
    """Relative to the larger; numbers near zero are compared as they are, unless the target is so small."""
    metric = described.get(name.partition("/")[2])
    least = 0.0 if metric is not None and metric.of_any_size else 1.0
    return abs(before - now) / (max(abs(before), abs(now), least) or 1.0)


def _show(value: float | None) -> str:
    return "absent" if value is None else repr(value)


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit status."""
    ids = [word for word in arguments if "=" not in word]
    named = command.options([word for word in arguments if "=" in word], ("tracking.uri",))
    if len(ids) != 1:
        raise InputError(f"One run id is wanted: {_USAGE}.")
    comparison = rerun(ids[0], named.get("tracking.uri"))
    print("\n".join([f"run {ids[0]}", *comparison.lines()]))
    return 0 if comparison.agrees else 1


if __name__ == "__main__":
    command.run("lossbench", main, __doc__)
