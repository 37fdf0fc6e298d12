"""Looking again: what a report may still find by chance when earlier ones looked at some of its seeds.

Who adds seeds until a verdict appears looks several times, and each look may find a difference by chance: at
10, 15, ... 50 seeds one loss against itself got a verdict in 12.8% of simulated experiments. So looks are
recorded, and all of them together may spend `TOTAL`. The first has `ALPHA`, as if it were the only one, for
most experiments are looked at once. What is left is spent by seeds, as 1 - first / seeds of it up to each
look (Lan and DeMets, Biometrika 1983), and a look's bound follows by integrating over what those before left
open (Armitage, McPherson and Rowe, Journal of the Royal Statistical Society A 1969). It leaves little: after
a look at 10 seeds one at 15 asks for a p of at most 0.010. With the looks above, 4.8% of sums of normal
numbers pass one of the bounds.

A look is a recorded report: of all runs, kept in MLflow. One on the same seeds again is the same look. One
with fewer seeds than a verdict takes decides nothing and is none. A report of some runs alone, or one that
is not recorded, leaves no trace, but is judged as the further look that it is. Seeds that share nothing with
those of earlier looks are new data, and begin anew.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import optimize, stats

from lossbench.significant import number
from lossbench.tracking.runs import LOOKS
from lossbench.verdicts.statistics import ALPHA, Floats, fewest_seeds

TOTAL = 0.05
_PLACES = 401  # of the grid on which the looks before are integrated
Seeds = frozenset[int]


@dataclass(frozen=True)
class Looks:
    """A look at the seeds of an experiment, and those before it.

    seeds: with results now
    recorded: the seeds of each recorded look, in any order
    """

    seeds: Seeds = frozenset()
    recorded: frozenset[Seeds] = frozenset()

    @property
    def earlier(self) -> tuple[int, ...]:
        """Seeds of earlier looks, ascending: those that had some of the seeds now, and fewer of them."""
        fewest, now = fewest_seeds(), len(self.seeds)
        sizes = {len(look) for look in self.recorded if look & self.seeds and fewest <= len(look) < now}
        return tuple(sorted(sizes))

    @property
    def alpha(self) -> float:
        """The largest p, corrected for all that is asked together, with which this look gives a verdict."""
        return bounds((*self.earlier, len(self.seeds)))[-1] if self.earlier else ALPHA

    def line(self) -> str:
        """What a report says of them; empty at the first look."""
        if not self.earlier:
            return ""
        before = [str(size) for size in self.earlier]
        told = " and ".join([", ".join(before[:-1]), before[-1]] if before[1:] else before)
        bound = f"p of at most {number(self.alpha, 2)} instead of {ALPHA:g}"
        return (
            f"Look {len(before) + 1} at these seeds, after reports on {told} of them. Each may find a "
            f"difference by chance, so this one asks for {bound}."
        )

    def record(self) -> dict[str, object]:
        """As each verdict in `verdicts.json` holds it; nothing at the first look."""
        return {"look": len(self.earlier) + 1, "p_at_most": self.alpha} if self.earlier else {}

    def tag(self) -> str:
        """With this look, as a report run keeps them: `0-9;0-14`."""
        known = {look for look in (*self.recorded, self.seeds) if look}
        return ";".join(_spelled(look) for look in sorted(known, key=lambda look: (len(look), sorted(look))))


def recorded(uri: str, experiment: str) -> frozenset[Seeds]:
    """The looks that report runs of an experiment keep."""
    from lossbench.tracking import read_runs

    reports = read_runs(uri, experiment, kinds=("report",))
    return read(reports[LOOKS].dropna()) if LOOKS in reports else frozenset()


def read(tags: Iterable[str]) -> frozenset[Seeds]:
    """Looks as `Looks.tag` writes them."""
    return frozenset(_seeds(look) for tag in tags for look in str(tag).split(";") if look)


@lru_cache(maxsize=64)
def bounds(looks: tuple[int, ...]) -> tuple[float, ...]:
    """The largest p of each of several looks, at these numbers of seeds, ascending."""
    first = looks[0]
    found = [ALPHA]
    places = _grid(ALPHA, first)
    density = stats.norm.pdf(places, scale=math.sqrt(first))  # of the sum over seeds, where it is left open
    for before, seeds in itertools.pairwise(looks):
        spread = math.sqrt(seeds - before)
        weights = density * (places[1] - places[0])
        spend = (TOTAL - ALPHA) * (first / before - first / seeds)
        found.append(_bound(places, weights, spread, seeds, spend))
        wider = _grid(found[-1], seeds)
        density = stats.norm.pdf(wider[:, None], loc=places, scale=spread) @ weights
        places = wider
    return tuple(found)


def _bound(places: Floats, weights: Floats, spread: float, seeds: int, spend: float) -> float:
    """The p with which a look passes as often as it may, where those before did not."""

    def over(z: float) -> float:
        edge = z * math.sqrt(seeds)
        out = stats.norm.sf((edge - places) / spread) + stats.norm.cdf((-edge - places) / spread)
        return float(out @ weights) - spend

    return float(2 * stats.norm.sf(optimize.brentq(over, 0.0, 10.0)))


def _grid(p: float, seeds: int) -> Floats:
    """The middles of equal parts of what a bound leaves open."""
    edge = stats.norm.isf(p / 2) * math.sqrt(seeds)
    width = 2 * edge / _PLACES
    return np.asarray(-edge + width * (np.arange(_PLACES) + 0.5), dtype=np.float64)


def _spelled(seeds: Collection[int]) -> str:
    """`0-9,12`."""
    parts: list[list[int]] = []
    for seed in sorted(seeds):
        if parts and seed == parts[-1][-1] + 1:
            parts[-1].append(seed)
        else:
            parts.append([seed])
    return ",".join(str(own[0]) if len(own) == 1 else f"{own[0]}-{own[-1]}" for own in parts)


def _seeds(text: str) -> Seeds:
    ends = [[int(end) for end in part.split("-")] for part in text.split(",")]
    return frozenset(seed for own in ends for seed in range(own[0], own[-1] + 1))
