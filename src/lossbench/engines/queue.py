"""What is asked of Slurm itself. Without accounting, submitit would never learn that a job was killed."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

_ENDED = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY"}
_ENDED |= {"PREEMPTED", "REVOKED", "TIMEOUT", "UNKNOWN"}


def ask(cluster: str, jobs: Sequence[str]) -> Mapping[str, str] | None:
    """The states of jobs by their numbers, also of those that ended some minutes ago.

    None where Slurm does not answer, as it may while it is started anew.
    """
    if cluster != "slurm":
        return {job: "RUNNING" if _runs(int(job)) else "UNKNOWN" for job in jobs}
    asked = ["squeue", "--me", "--noheader", "--array", "--states=all", "--format=%i %T"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    lines = (line.split(maxsplit=1) for line in answer.stdout.splitlines())
    return {job: state.strip() for job, state in lines} if answer.returncode == 0 else None


def goes_on(states: Mapping[str, str] | None, job: str) -> bool:
    """Whether a job waits or runs, as far as is known."""
    return states is None or states.get(job, "UNKNOWN") not in _ENDED


def end(cluster: str, jobs: Sequence[str]) -> None:
    """End jobs, also those that wait, in a session of its own: another Ctrl-C is not for this."""
    command = ["scancel", "--quiet"] if cluster == "slurm" else ["kill"]
    subprocess.run([*command, *jobs], check=False, start_new_session=True, capture_output=True)


def _runs(pid: int) -> bool:
    import psutil

    return psutil.pid_exists(pid) and bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
