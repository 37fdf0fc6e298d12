"""What the store asks of a writer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from lossbench.tracking.address import Address
from lossbench.tracking.journal import Entry, Opening
from lossbench.tracking.runs import Points

DIED = "its process ended before the run did"


class Writer(Protocol):
    """Writes records at one address. A call may raise whatever its library raises, and be repeated then.

    at_once: how many records are best handed over in one call.
    """

    address: Address
    at_once: int

    def __init__(self, address: Address) -> None:
        self.address = address

    def create(self, openings: Sequence[Opening], may_exist: bool) -> list[str]:
        """Records in state RUNNING, with their tags and data sets; their ids.

        Args:
            may_exist: an earlier attempt may have made some before its answer was lost; looks for them first.

        Raises:
            InputError: an experiment was deleted in MLflow, which takes no runs then.
        """

    def show(self, curves: Mapping[str, Points]) -> None:
        """Add points to runs that train, by their ids; their results come in the place of these.

        What is not finite is left out.
        """

    def record(self, results: Sequence[tuple[str, Entry]]) -> None:
        """Write results to the records of the given ids, and end them. Writing them again changes nothing."""

    def mark(self, run_ids: Sequence[str], tags: Mapping[str, str]) -> None:
        """Set tags of records."""

    def keep(self, run_id: str, files: Mapping[str, bytes]) -> None:
        """Store files among the artifacts of a record, by path, in place of those that lie there."""

    def mark_experiment(self, experiment: str, tags: Mapping[str, str]) -> None:
        """Set tags of an experiment that is there."""

    def bury(self, run_ids: Sequence[str]) -> None:
        """End records whose process died."""

    def replace(self, entries: Sequence[Entry], kind: str, experiment: str) -> list[str]:
        """Make these the only records of their kind in an experiment, and end them; their ids, in order.

        Records of this kind of other keys are deleted. Where the writer can, a record of the same key is
        written anew under its id, so that links to it stay good.
        """

    def close(self) -> None:
        """Give connections back, behind a batch of calls; a later one opens them again."""
